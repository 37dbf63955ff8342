"""Databases that SQL runs are over, and the view of them that generators get."""
