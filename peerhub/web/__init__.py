"""People ask."""
