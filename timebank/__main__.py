"""`python -m timebank`."""

from timebank.cli import main

main()
