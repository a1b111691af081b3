"""Our own routes: segments, members, profiles, lists, webhooks, runs, keys."""

from octyseg.api.v2 import definitions, keys, members, profiles, runs, segments, webhooks

ROUTERS = (
    definitions.router,
    segments.router,
    members.router,
    profiles.router,
    runs.router,
    webhooks.router,
    keys.router,
)
