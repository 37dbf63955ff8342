"""Command group, options and output shared by both command lines."""
