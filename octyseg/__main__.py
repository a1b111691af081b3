"""`python -m octyseg` is the `octyseg` program."""

from octyseg.cli import main

main()
