"""Our own routes: segments, members, profiles, lists, webhooks, runs, keys, and how it works."""

from octyseg.api.v2 import definitions, keys, members, operations, profiles, runs, segments, webhooks

ROUTERS = (
    definitions.router,
    segments.router,
    members.router,
    profiles.router,
    runs.router,
    webhooks.router,
    operations.router,
    keys.router,
)
