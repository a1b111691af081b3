"""The HTTP API: Octy's v1 routes, our own under /v2, what Segment's libraries send, and health.

Routes read a request, ask octyseg.service and give its answer; nothing is decided here.
"""
