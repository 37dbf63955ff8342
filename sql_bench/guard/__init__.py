"""Which statements may run: one read-only SELECT over known functions and tables."""
