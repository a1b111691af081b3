"""Runs the apps of one or several stages in this process until SIGTERM or SIGINT.

Exit code 0 after a clean stop with everything committed, 1 when a stage could not go on. Each stage is
an app of its own with its own consumer group: none waits for another's partitions.
"""

import asyncio
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, NoReturn

import faust

from octyseg import logs, metrics
from octyseg.errors import UsageError
from octyseg.hosting.collector import relax_collector
from octyseg.settings import Settings
from topologies.app import App

STAGES = ("live", "tags", "projection", "webhooks", "archive", "past")


class Worker(faust.Worker):  # type: ignore[misc] # Faust comes without types that mypy follows
    """Faust's worker, which leaves logs as they are and the terminal alone."""

    def __init__(self, *apps: App, **options: Any) -> None:
        super().__init__(*apps, quiet=True, redirect_stdouts=False, **options)
        self.spinner = None

    def _setup_logging(self) -> None:
        """The process has its own form of logs already."""

    def _setproctitle(self, info: str, *, ident: str = "octyseg") -> None:
        """Processes keep the name under which they were started."""


def run(names: Sequence[str], settings: Settings) -> NoReturn:
    """Host these stages (`all` stands for every one) and exit when told to."""
    names = STAGES if "all" in names else names
    for name in names:
        if name not in STAGES:
            msg = f"there is no stage {name}: choose from {', '.join(STAGES)} or all"
            raise UsageError(msg)
    if not settings.kafka_servers:
        msg = f"workers need Kafka, and OCTYSEG_LOG is {settings.log}: run octyseg dev, or set kafka://host:port"
        raise UsageError(msg)
    logs.configure(settings.log_level, settings.log_format)
    with metrics.serving(settings.metrics_port):
        run_apps([_topology(name)(settings) for name in names])


def run_apps(apps: Sequence[App]) -> NoReturn:
    """Run these apps in one event loop; raises SystemExit."""
    relax_collector()
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    Worker(*apps, loop=loop).execute_from_commandline()
    raise AssertionError


def _topology(name: str) -> Callable[[Settings], App]:
    topology: Callable[[Settings], App] = import_module(f"topologies.{name}").topology
    return topology
