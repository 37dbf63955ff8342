"""Scores, statistics, comparisons and tables of both halves."""
