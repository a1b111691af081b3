"""How far each dynamic segment has come in a partition: adopted, ready, judged. Durable by what the owner appends.

    adopted  from an offset on the partition remembers what its conditions count, and decides nothing yet
    ready    what came before was handed over: from here on it decides; profiles are judged in bounded batches
    judged   every profile that there was has been

A partition in which no event was ever written has nothing to be handed: there it is judged from the first on.
"""

from collections.abc import Iterable

from msgspec.structs import replace

from octyseg.engine.selectors import Dynamics
from octyseg.model.outcome import Adopted
from octyseg.model.segment import Segment


class Handovers:
    """The table of one partition, as long as it has its owner; `news` is what has to be appended."""

    def __init__(self, epoch: int) -> None:
        self.ready: set[str] = set()
        self.fresh: list[Adopted] = []
        self._epoch = epoch
        self._of: dict[str, Adopted] = {}
        self._news: list[Adopted] = []
        self._segments: dict[str, Segment] = {}
        self._needs_none = False

    def follow(self, dynamics: Dynamics | None) -> None:
        """Other segments are in force; what was handed over for rules that match alike still counts."""
        ruled = () if dynamics is None else dynamics.ruled
        self._segments = {one.segment.segment_id: one.segment for one in ruled}
        self._sort()

    def restore(self, adopted: Iterable[Adopted]) -> None:
        """What owners before appended, the last word on each segment."""
        self._of = {one.segment_id: one for one in adopted}
        self._sort()

    def need_none(self) -> None:
        """There is no history: every segment decides from the first record on."""
        self._needs_none = True
        self._sort()

    def table(self) -> tuple[Adopted, ...]:
        """All that a successor has to know."""
        return tuple(replace(one, epoch=self._epoch) for one in self._of.values() if one.segment_id in self._segments)

    @property
    def awaits_adoption(self) -> bool:
        """Whether some segment has not begun here yet."""
        return not self._needs_none and any(self.stand(segment) is None for segment in self._segments.values())

    def adopt(self, events_offset: int) -> None:
        """Begin with the segments that are new here; everything below the offset was applied without them."""
        for segment in self._segments.values():
            if self.stand(segment) is not None or self._needs_none:
                continue
            adopted = Adopted(self._epoch, segment.segment_id, segment.version, events_offset)
            if not events_offset:
                adopted = replace(adopted, ready_offset=0, judged=True)
            self._note(adopted)

    def make_ready(self, segment: Segment, offset: int, at_ms: int, *, webhook: bool) -> bool:
        """The command Ready came; false when the segment is ready already, or was never adopted."""
        adopted = self.stand(segment)
        if adopted is None or adopted.ready_offset >= 0:
            return False
        self._note(replace(adopted, ready_offset=offset, ready_ms=at_ms, webhook=webhook))
        return True

    def all_judged(self) -> None:
        """Every profile was held against the segments that had just become ready."""
        for adopted in self.fresh:
            self._note(replace(adopted, judged=True))

    def take_news(self) -> list[Adopted]:
        """What has to be appended before the input it came from is committed."""
        news, self._news = self._news, []
        return news

    def stand(self, segment: Segment) -> Adopted | None:
        """How far a segment has come here; None when it was not adopted yet."""
        adopted = self._of.get(segment.segment_id)
        return adopted if adopted is not None and adopted.version >= segment.matching_since else None

    def _note(self, adopted: Adopted) -> None:
        self._of[adopted.segment_id] = replace(adopted, epoch=self._epoch)
        self._news.append(self._of[adopted.segment_id])
        self._sort()

    def _sort(self) -> None:
        standing = [self.stand(segment) for segment in self._segments.values()]
        ready = [one for one in standing if one is not None and one.ready_offset >= 0]
        self.ready = set(self._segments) if self._needs_none else {one.segment_id for one in ready}
        self.fresh = [one for one in ready if not one.judged]
