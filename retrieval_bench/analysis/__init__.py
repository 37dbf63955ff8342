"""Analysis: text to the terms of lexical retrieval."""
