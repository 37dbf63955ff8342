"""Families of stages: finding, checking and identifying built-in and user classes."""
