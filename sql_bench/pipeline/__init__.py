"""The stages from questions to scores, in order."""
