"""`python -m medvidbench`."""

from medvidbench.cli import main

main()
