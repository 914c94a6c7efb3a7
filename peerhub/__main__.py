"""`python -m peerhub` is `peerhub`."""

from peerhub.cli import main

main()
