"""Translation from the dialect a statement is written in to DuckDB's: tables, functions, and differences sqlglot leaves."""
