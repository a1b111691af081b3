"""`octyseg check-agreement`: do stream and history say the same of who is in dynamic segments?"""

import sys
from typing import TYPE_CHECKING

from octyseg.cli.options import Form
from octyseg.cli.output import print_json, print_table, tell
from octyseg.cli.session import begin, open_log, run
from octyseg.settings import Settings

if TYPE_CHECKING:
    from octyseg.stages.agreement import Difference


def check_agreement(output: Form = "table") -> None:
    """Compare the members of dynamic segments with what history says; exit code 1 when they differ."""
    count, found = run(_compared(begin()))
    if output == "json":
        print_json({"memberships": count, "differences": [one._asdict() for one in found]})
    else:
        rows = [(one.segment_id, one.profile_id, "stream" if one.in_stream else "history") for one in found]
        print_table(("SEGMENT", "PROFILE", "MEMBER ONLY IN"), rows)
        tell(f"{count:,} memberships compared, {len(found):,} differ")
    if found:
        sys.exit(1)


async def _compared(loaded: Settings) -> tuple[int, "list[Difference]"]:
    from octyseg.hosting.opening import wall_ms
    from octyseg.hosting.past import past_config
    from octyseg.stages.agreement import Agreement
    from octyseg.stages.catalog import CatalogFollower

    async with open_log(loaded, writes=False) as log:
        follower = CatalogFollower(log, loaded.topic("definitions"))
        await follower.start()
        try:
            both = Agreement(log, loaded.topic, follower, past_config(loaded), wall_ms)
            compared = [
                await both.compare(partition) for partition in range(await log.partitions(loaded.topic("events")))
            ]
        finally:
            await follower.close()
    return sum(one.memberships for one in compared), [each for one in compared for each in one.differences]
