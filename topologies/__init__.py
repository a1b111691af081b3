"""Faust lives here and nowhere else: apps, the chunk transport and the hosts that bind stages to agents."""
