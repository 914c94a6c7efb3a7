"""The clock asks."""
