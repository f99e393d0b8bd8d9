"""`python -m flowrs` is the `flowrs` command."""

from flowrs.cli import main

main()
