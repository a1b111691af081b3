"""How a plan is drawn up and shown: what `apply`, `diff` and `delete` would do or have done."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from octyseg.cli.asking import ask
from octyseg.cli.output import print_json, tell, warn
from octyseg.errors import UsageError
from octyseg.model.definitions.reading.source import MAX_BYTES
from octyseg.settings import Settings

_SIGNS = (("created", "+", "green"), ("changed", "~", "yellow"), ("deleted", "-", "red"), ("unchanged", "=", None))


def plan_of(loaded: Settings, file: Path, *, dry_run: bool, writes: bool) -> dict[str, Any]:
    """What applying the file does, or would do; DefinitionError when it must not be done."""
    from octyseg.service import definitions

    data, source = read(file)
    return ask(
        loaded,
        lambda api: api.send("/v2/definitions", data, "application/yaml", dry_run=dry_run, source=source[:200]),
        lambda access: definitions.apply(access, data, source, dry_run=dry_run),
        writes=writes,
    )


def read(file: Path) -> tuple[bytes, str]:
    """What stands in a file of definitions, or on stdin when it is `-`, and what to call it."""
    if str(file) == "-":
        return sys.stdin.buffer.read(MAX_BYTES + 1), "stdin"
    try:
        with file.open("rb") as opened:
            return opened.read(MAX_BYTES + 1), str(file)
    except OSError as error:
        message = f"cannot read {file}: {(error.strerror or str(error)).lower()}: name a file of definitions"
        raise UsageError(message) from None


def show(planned: dict[str, Any], output: str, *, done: bool) -> None:
    """Print a plan; warnings go to stderr."""
    warn(planned["warnings"])
    if output == "json":
        print_json({name: planned[name] for name, _, _ in _SIGNS})
        return
    for name, sign, colour in _SIGNS:
        for one in planned[name]:
            shown_id = f" ({one['id']})" if one["kind"] == "segment" and (done or name != "created") else ""
            tell(f'{sign} {one["kind"]} "{one["name"]}"{shown_id}', colour, to_stdout=True)
            for line in _fields(one):
                tell(f"    {line}", to_stdout=True)


def _fields(one: dict[str, Any]) -> Iterator[str]:
    for change in one["fields"]:
        yield f"{change['field']}: {json.dumps(change['old'])} -> {json.dumps(change['new'])}"
