"""Turning text into the terms of lexical retrieval."""
