"""Octy's routes with its shapes, status codes, headers and errors: a client written for Octy works unchanged."""

from octyseg.api.octy_v1 import account, application, event_types, events, profiles, segments

ROUTERS = (
    account.router,
    application.router,
    segments.router,
    event_types.router,
    events.router,
    profiles.router,
)
