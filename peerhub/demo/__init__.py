"""A community to try peerhub with, and a mailbox that shows its letters."""
