"""Reading definitions: `load_definitions(path)` and `read_definitions(data, source)` give Definitions.

Every problem of a file is found and raised at once, in one DefinitionError; warnings come with the
result. A file may hold many documents and kinds, in YAML or JSON, in Octy's spelling or ours.
Whether a definition fits those that exist already is decided by octyseg.model.planning.
"""

from collections.abc import Iterable
from pathlib import Path

from octyseg.errors import DefinitionError, UsageError
from octyseg.model.definitions.contents import Definitions
from octyseg.model.definitions.definition import EventTypeDefinition
from octyseg.model.definitions.reading.documents import Item, items
from octyseg.model.definitions.reading.problem import START, Problem, lines
from octyseg.model.definitions.reading.reader import Reader
from octyseg.model.definitions.reading.source import MAX_BYTES, read_documents

MIN_EXP_TIMEFRAME_MINUTES = 5.0


def load_definitions(
    path: str | Path,
    *,
    min_exp_timeframe: float = MIN_EXP_TIMEFRAME_MINUTES,
    strict_catalog: bool = False,
    event_types: Iterable[EventTypeDefinition] = (),
) -> Definitions:
    """The definitions of a file. `event_types` are those the account has; `min_exp_timeframe` is in minutes."""
    try:
        with Path(path).open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        message = f"cannot read {path}: {(error.strerror or str(error)).lower()}: name a file of definitions"
        raise UsageError(message) from None
    return read_definitions(
        data,
        str(path),
        min_exp_timeframe=min_exp_timeframe,
        strict_catalog=strict_catalog,
        event_types=event_types,
    )


def read_definitions(
    data: bytes,
    source: str,
    *,
    min_exp_timeframe: float = MIN_EXP_TIMEFRAME_MINUTES,
    strict_catalog: bool = False,
    event_types: Iterable[EventTypeDefinition] = (),
    single: bool = False,
) -> Definitions:
    """The definitions in YAML or JSON. `source` stands before each problem; `single` is a create request."""
    found, problems = _items(data, source)
    reader = Reader(problems, found)
    reader.read_event_types()
    reader.read_segments(min_exp_timeframe, event_types, strict_catalog=strict_catalog)
    reader.read_account()
    reader.read_endpoints()
    if single:
        reader.hold_to_one()
    errors = [problem for problem in problems if not problem.warning]
    if errors:
        raise DefinitionError(lines(errors, source))
    return Definitions(
        source=source,
        segments=tuple(reader.segments.values()),
        event_types=tuple(reader.event_types.values()),
        account=reader.account,
        endpoints=tuple(reader.endpoints.values()),
        warnings=tuple(lines(problems, source)),
        places=reader.places,
    )


def _items(data: bytes, source: str) -> tuple[list[Item], list[Problem]]:
    """What the source holds, unread, and what is wrong with its writing."""
    documents, problems = read_documents(data, source)
    found: list[Item] = []
    for document in documents:
        for item in items(document):
            if isinstance(item, Problem):
                problems.append(item)
            else:
                found.append(item)
    if not found and not problems:
        problems.append(Problem(START, "", "kind", "there are no definitions here: write at least one"))
    return found, problems
