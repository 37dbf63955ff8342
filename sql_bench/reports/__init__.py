"""Tables and inventories of the text-to-SQL half."""
