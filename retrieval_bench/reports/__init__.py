"""Tables and inventories of the retrieval half."""
