"""The guard: one read-only SELECT over known functions and tables may run."""
