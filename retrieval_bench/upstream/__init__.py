"""Tables of the benchmarks' own repositories, read as data from a user's clone and never executed."""
