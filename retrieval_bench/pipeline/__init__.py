"""The stages from a corpus to scores, in order."""
