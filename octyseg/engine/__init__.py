"""The pure engine: fed with records and told the time, it answers with outcomes.

No I/O, no await, no clock, no log, no randomness in this room; time is an argument in milliseconds.
"""
