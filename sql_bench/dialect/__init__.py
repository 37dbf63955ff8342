"""From the dialect a statement is written in to DuckDB's: tables, functions, and the differences sqlglot leaves."""
