"""The table of verbs, and what may stand before any of them.

Verbs are functions in the modules beside this one; nothing is done here but naming them.
"""

from typing import Annotated

import typer

from octyseg import __version__
from octyseg.cli import (
    agreement,
    api,
    apply,
    config,
    delete,
    dev,
    diff,
    erase,
    evaluate,
    explain,
    export,
    get,
    history,
    keys,
    lag,
    preview,
    produce,
    projection,
    replay,
    run,
    search,
    simulate,
    tail,
    topics,
    upload,
    validate,
    webhooks,
    worker,
)
from octyseg.cli.asking import may_ask


class _Debug:
    """Whether tracebacks are wanted; asked at the door."""

    is_on = False


debug = _Debug()


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"octyseg {__version__}")
        raise typer.Exit


def _before_any_verb(
    *,
    with_tracebacks: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
    version: Annotated[  # noqa: ARG001 - its callback has answered already
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Streaming customer segmentation: events in, segment tags and webhooks out."""
    debug.is_on = with_tracebacks


application = typer.Typer(
    callback=_before_any_verb,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Where to work is the setting OCTYSEG_LOG; `octyseg config show` lists them all.",
)
application.command("validate")(validate.validate)
application.command("diff")(may_ask(diff.diff))
application.command("apply")(may_ask(apply.apply))
application.command("replay")(replay.replay)
application.command("evaluate")(evaluate.evaluate)
application.command("preview")(may_ask(preview.preview))
application.command("run")(may_ask(run.run_segment))
application.command("produce")(produce.produce)
application.command("simulate")(simulate.simulate)
application.command("explain")(may_ask(explain.explain))
application.command("search")(may_ask(search.search))
application.command("export")(may_ask(export.export))
application.command("erase")(may_ask(erase.erase))
application.command("check-agreement")(agreement.check_agreement)
application.command("tail")(tail.tail)
application.command("lag")(may_ask(lag.lag))
application.command("worker")(worker.worker)
application.command("dev")(dev.dev)
application.command("api")(api.api)
for name, group in (
    ("get", get.group),
    ("delete", delete.group),
    ("upload", upload.group),
    ("keys", keys.group),
    ("topics", topics.group),
    ("webhooks", webhooks.group),
    ("projection", projection.group),
    ("history", history.group),
    ("config", config.group),
):
    application.add_typer(group, name=name)
