"""What segments would do, before anybody applies them."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from octyseg.hosting.opening import wall_ms
from octyseg.hosting.preview import Past
from octyseg.hosting.preview import preview as previewed
from octyseg.hosting.rules import rules_of
from octyseg.model.definitions.contents import Definitions
from octyseg.model.definitions.reading.loading import read_definitions
from octyseg.service.access import Access
from octyseg.settings import Settings

# A preview takes what memory a database may have; a process makes one at a time, and whoever asks meanwhile waits.
_one_at_a_time = ThreadPoolExecutor(1, "preview")


async def preview(access: Access, data: bytes, days: int) -> list[dict[str, Any]]:
    """For each segment but static ones: members now, some of them, webhooks a day over the last days. Takes time."""
    definitions = read_definitions(
        data,
        "request",
        min_exp_timeframe=access.settings.min_exp_timeframe,
        strict_catalog=access.settings.strict_catalog,
        event_types=access.follower.registry.declared(),
    )
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(_one_at_a_time, preview_of, definitions, access.settings, days)


def preview_of(definitions: Definitions, settings: Settings, days: int) -> list[dict[str, Any]]:
    """The same, of definitions that were read."""
    past = Past(settings.history_directory, wall_ms(), days, settings.history.engine, rules_of(settings))
    return [one._asdict() for one in previewed(definitions.segments, past)]
