"""The classifier and the groups of its parameters."""
