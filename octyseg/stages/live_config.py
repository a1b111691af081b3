"""How a live stage works, set once for a process."""

from msgspec import Struct

from octyseg.engine.rules import Rules


class LiveConfig(Struct, frozen=True, kw_only=True):
    """How a live stage works; `instance_id` names the worker slot, times are in seconds."""

    rules: Rules = Rules()
    instance_id: str = "live-0"
    ask_every_s: float = 1.0
    ask_when_due_every_s: float = 0.05
    follow_every_s: float = 0.25
    flush_every_s: float = 60.0
    flush_every_profiles: int = 100_000
    sweep_batch: int = 500
    due_at_once: int = 5_000
