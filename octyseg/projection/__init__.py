"""The projection: profiles, members of segments and counts in Redis or Valkey, for readers in a hurry.

Never the truth: it can be made again from `octyseg.state` and `octyseg.outcomes` at any time.
Without a Redis of its own a process starts a private Valkey beside its embedded log.
"""
