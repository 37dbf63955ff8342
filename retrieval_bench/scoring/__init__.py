"""Measures, scores, and scored runs."""
