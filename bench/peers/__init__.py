"""Other ways of matching, measured beside ours: a genetic algorithm, a greedy assignment and a random bot."""
