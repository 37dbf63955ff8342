"""Translation from the dialect of a statement to DuckDB's: tables, functions, and differences sqlglot leaves."""
