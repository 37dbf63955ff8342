"""The command line `retrieval-bench`."""
