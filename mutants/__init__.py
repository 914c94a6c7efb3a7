"""Ways to break the outbox on purpose, each of which a test notices."""
