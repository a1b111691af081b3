"""The topics for clusters where they are declared, and workers may not make them."""
