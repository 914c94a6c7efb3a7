"""How we decide: pure, no input or output, no clock."""
