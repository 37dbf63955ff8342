"""Runs on disk: manifests, resumable item stages, experiment files."""
