"""Language models that write, reason or search before retrieval does."""
