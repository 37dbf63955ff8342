"""Executors of a grid's cells: in this process, or as Ray tasks."""
