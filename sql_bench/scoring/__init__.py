"""Verdicts counted."""
