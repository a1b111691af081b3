"""The tables that stages do not have: Faust's manager of them, without its second of waiting for some.

Faust joins the group only once tables are registered, and sleeps a second for those that others may still
declare. After a kill this second is a third of the time in which partitions stand still.
"""

import logging

from faust.tables import TableManager


class NoTables(TableManager):  # type: ignore[misc] # Faust comes without types that mypy follows
    """Nobody declares tables here: say so at once."""

    # Under the name of the library, whose own chatter is not what operators look for.
    logger = logging.getLogger("faust.tables")

    async def on_start(self) -> None:
        """What Faust does after its pause."""
        if not self.should_stop:
            await self._update_channels()
            await self.recovery.start()
