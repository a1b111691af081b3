"""Who was told to end, whatever came of it.

A cancellation reaches a task where it waits, and a client may take it for a lost connection there and
answer all the same: who goes round in a loop, or looks at an answer, asks here whether it is still to.
"""

import asyncio


def is_cancelled() -> bool:
    """Whether the task that asks was itself told to end, not only what it waited for."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
