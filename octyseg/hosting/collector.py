"""How Python's collector of cycles is to work in a process that hosts stages.

The values of the hot path cannot form cycles. What is counted nevertheless comes and goes by the thousand
with every chunk, and a look at it after each 700 new objects found nothing and took 15 % of a live worker's
time. What was there before the work began stays, and need not be looked at again.
"""

import gc

# A look after so many new objects: more than one chunk leaves behind, little enough to be no pause.
NEW_OBJECTS = 50_000
YOUNGER_LOOKS = 20


def relax_collector() -> None:
    """Once, before the work begins and after everything was imported."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS, YOUNGER_LOOKS, YOUNGER_LOOKS)
