"""Traffic to try octyseg with: made up by a seed, or read from files and standard input."""
