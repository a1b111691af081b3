"""What crosses a border: input records, definitions, compiled segments, tag changes, commands, runs.

Pydantic at the edges (files, API), msgspec on the hot path. Imports nothing of the other rooms.
"""
