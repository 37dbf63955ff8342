"""Text to SQL: questions, statements, results, verdicts."""

import logging

# sqlglot warns with the text that it has read, a model's or a data set's; without a handler Python would write that to
# the terminal as it stands.
logging.getLogger("sqlglot").addHandler(logging.NullHandler())
