"""A plan: everything that will happen in one simulated run, as a list of actions drawn from a seed.

Any action can be left out and the rest still makes sense, which is how a failing plan is shrunk.
"""

from typing import Any, NamedTuple

from octyseg.engine.rules import Rules
from octyseg.model.segment import Segment
from tests.simulation.triggers import Trigger


class Produce(NamedTuple):
    """A record arrives; the log's clock moves on by `after_ms` first."""

    after_ms: int
    partition: int
    key: bytes
    value: bytes


class Ask(NamedTuple):
    """A command arrives."""

    partition: int
    key: bytes
    value: bytes


class HandOver(NamedTuple):
    """The batch agent hands dynamic segments their history, as far as they wait for it."""

    partition: int


class Wait(NamedTuple):
    """Time passes and nothing comes."""

    ms: int


class Step(NamedTuple):
    """The live process of a slot does one thing: read, tick or commit. A slot without one starts one."""

    slot: int
    what: str
    limit: int = 1_000


class Tags(NamedTuple):
    """The tags process does one thing: read, commit or crash."""

    what: str


class Arm(NamedTuple):
    """Something will go wrong in a slot, or in the tags process (None)."""

    slot: int | None
    trigger: Trigger


class Crash(NamedTuple):
    """The live process of a slot dies now."""

    slot: int


class Resume(NamedTuple):
    """Paused processes go on; each takes the steps of an owner before it hears that it is none."""

    steps: tuple[str, ...]


class Rebalance(NamedTuple):
    """The group moves every partition on to the next slot."""


class Compact(NamedTuple):
    """The log drops what newer records of a key have replaced, tombstones too."""


class Edit(NamedTuple):
    """Other segments come into force; `settled` means that all that came before was applied under the old ones."""

    segments: tuple[Segment, ...]
    settled: bool


Action = Produce | Ask | HandOver | Wait | Step | Tags | Arm | Crash | Resume | Rebalance | Compact | Edit


class Plan(NamedTuple):
    """The world before the first action, and the actions."""

    seed: int
    partitions: int
    slots: int
    segments: tuple[Segment, ...]
    rules: Rules
    options: dict[str, Any]
    actions: tuple[Action, ...]
