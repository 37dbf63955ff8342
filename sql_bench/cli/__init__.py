"""The command line `sql-bench`."""
