"""From the bytes of a file or request to definitions, with a place for everything that is wrong with them."""
