"""What /openapi.json promises, held by schemathesis: whatever comes, no 5xx, and every answer is as described.

Not asked: that all a schema lets through is taken, for definitions have rules that no schema can say; that unknown
parameters are refused, for Octy ignores them; methods of paths that end in an id, which may hold a slash; and
that what was deleted is gone at once, for the workers do it after the answer, which says 202.
"""

import os
import subprocess
import sysconfig
from pathlib import Path

import httpx
import pytest

pytestmark = pytest.mark.slow

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "missing_required_header",
    "ignored_auth",
)


def hold(server, directory, seconds):
    """Ask for so long; what it finds is told with its seed."""
    seed = int.from_bytes(os.urandom(4))
    asked = [
        Path(sysconfig.get_path("scripts")) / "schemathesis",
        "run",
        f"{server.url}/openapi.json",
        "--auth",
        ":".join(server.admin),
        "--checks",
        ",".join(CHECKS),
        "--max-time",
        str(seconds),
        "--continue-on-failure",
        "--seed",
        str(seed),
    ]
    done = subprocess.run(asked, cwd=directory, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"seed {seed}\n{done.stdout[-6000:]}"
    assert "Tested: " in done.stdout


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_no_request_breaks_it_or_its_description(new_server, tmp_path):
    server = new_server(OCTYSEG_SERVER__RATE_LIMIT="1000000/second")
    hold(server, tmp_path, 10)
    assert server.process.poll() is None


@pytest.mark.faults
def test_no_request_breaks_it_in_five_minutes(new_server, tmp_path):
    server = new_server(OCTYSEG_SERVER__RATE_LIMIT="1000000/second")
    hold(server, tmp_path, 300)
    assert server.process.poll() is None


def test_every_route_says_what_it_needs_and_how_it_fails(server):
    described = httpx.get(f"{server.url}/openapi.json").json()
    for path, operations in described["paths"].items():
        for method, operation in operations.items():
            assert operation.get("summary"), (method, path)
            if path.startswith(("/v1", "/v2")) and not path.startswith("/v1/admin"):
                assert operation["security"], (method, path)
                assert {"401", "403", "429", "503"} <= operation["responses"].keys(), (method, path)


def test_the_documentation_asks_no_other_machine(server):
    page = httpx.get(f"{server.url}/docs").text
    assert "swagger" in page
    assert "http://" not in page.replace(server.url, "")
    assert "https://" not in page
