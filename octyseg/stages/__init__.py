"""The stages: plain classes that consume, decide, write durably, and only then let the input be committed.

They know the log port and nothing of Faust; topologies/ and the embedded runner host them.
"""
