"""Tables of the benchmarks' own repositories, taken from a user's clone: read as data, never executed, never ours."""
