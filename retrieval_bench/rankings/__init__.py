"""Rankings: their one order, and TREC run and judgment files."""
