"""How octyseg speaks to those who run it: structlog through the standard library, on stderr only.

Pretty on a terminal, one JSON object per line otherwise; libraries' own messages go the same way.
Called once by whoever owns the process (the CLI's door, a worker); everyone else only gets a logger.
"""

import logging
import os
import sys
from typing import Literal, TextIO

import stamina.instrumentation
import structlog

_CHATTY = ("aiokafka", "faust", "mode", "kafka", "asyncio", "httpx", "httpcore")


def configure(
    level: str = "info", form: Literal["auto", "pretty", "json"] = "auto", stream: TextIO | None = None
) -> None:
    """Send every message of at least `level` to `stream` (stderr). Calling it again replaces the set-up."""
    out = stream if stream is not None else sys.stderr
    terminal = out.isatty()
    pretty = form == "pretty" or (form == "auto" and terminal)
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="%H:%M:%S" if pretty else "iso", utc=not pretty),
    ]
    last: list[structlog.typing.Processor] = (
        [structlog.dev.ConsoleRenderer(colors=terminal and not os.environ.get("NO_COLOR"))]
        if pretty
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder()],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # Libraries say at INFO what only their authors want to know, and it drowns what operators need.
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.DEBUG if level == "debug" else logging.WARNING)
    # aiokafka tells every failed attempt at ERROR; what came of them is an exception, and told by whoever gets it.
    logging.getLogger("aiokafka").setLevel(logging.DEBUG if level == "debug" else logging.CRITICAL)
    # Who retries says so once and again when it is over; a line per attempt would bury both.
    stamina.instrumentation.set_on_retry_hooks([stamina.instrumentation.PrometheusOnRetryHook])


def get(name: str) -> structlog.stdlib.BoundLogger:
    """The logger of a module; messages are lower case events, facts go in as keywords."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return logger
