"""What the settings say of the engine's rules."""

from octyseg.engine.rules import Rules
from octyseg.settings import Settings


def rules_of(settings: Settings) -> Rules:
    """The engine's figures."""
    return Rules(settings.grace_ms, settings.correction_horizon_ms, settings.live_max_age_ms, settings.future_ms)
