"""Counting of verdicts."""
