"""How a worker process ends itself: at once, with a message, so that its supervisor starts it again.

Every stage survives a kill between any two of its steps, and a process that cannot go on must not
linger half alive: no clean-up, no second chance. Exit code 1, or the error's own: 2 where it was set up wrongly.
"""

import logging
import os
import sys
from typing import NoReturn

from octyseg import logs
from octyseg.errors import OctysegError

_logger = logs.get(__name__)


def end(stage: str, reason: BaseException | str) -> NoReturn:
    """Say why and end this process."""
    expected = isinstance(reason, str | OctysegError)
    _logger.critical(
        "worker ends", stage=stage, reason=str(reason) or repr(reason), exc_info=None if expected else reason
    )
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(reason.exit_code if isinstance(reason, OctysegError) else 1)
