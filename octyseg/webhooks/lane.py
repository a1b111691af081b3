"""First attempts of one endpoint from one partition: in order, and one at a time for each profile.

A window over what the schedule holds, so memory is bounded whatever waits there. Pure: deliveries are
put in by `fill`, taken by `pop`, and a profile is free again after `done`.
"""

from collections.abc import Container, Sequence

from octyseg.webhooks.delivery import Delivery

WINDOW = 256


class Lane:
    """Lives while the partition is open. `more` says that the schedule may hold deliveries behind `cursor`."""

    def __init__(self, before: "Lane | None" = None) -> None:
        self.cursor = -1
        self.more = True
        self._waiting: dict[int, Delivery] = {}
        # What is under way stays so when the schedule is read again from its beginning.
        self._busy: set[str] = set() if before is None else before._busy  # noqa: SLF001 - the same lane, begun again

    @property
    def wants(self) -> bool:
        """Whether it should be filled."""
        return self.more and len(self._waiting) < WINDOW // 2

    def fill(self, deliveries: Sequence[Delivery], in_hand: Container[str]) -> None:
        """Take in what the schedule holds next behind the cursor, without what is in hand.

        Who reads the schedule sets `more` to false before and, when there was more than was read, to true
        after: what is put there meanwhile must not be missed.
        """
        for delivery in deliveries:
            assert delivery.offset > self.cursor, "the schedule is read in order"
            self.cursor = delivery.offset
            if delivery.id not in in_hand:
                self._waiting[delivery.offset] = delivery

    def pop(self) -> Delivery | None:
        """The next delivery whose profile has no first attempt under way; the profile is busy from here on."""
        for offset, delivery in self._waiting.items():
            if delivery.profile_id not in self._busy:
                del self._waiting[offset]
                self._busy.add(delivery.profile_id)
                return delivery
        return None

    def done(self, profile_id: str) -> None:
        """The profile's first attempt has ended, well or not."""
        self._busy.discard(profile_id)
