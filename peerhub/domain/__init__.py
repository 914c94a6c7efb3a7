"""What we mean: values and decisions, from the standard library only."""
