"""A whole octyseg in a process of its own, with its API on a free port, and clients with keys to it."""

import base64
import json
import os
import re
import signal
import subprocess
import sys
import time

import httpx
import pytest

from tests.verb import run

DEADLINE_S = 90.0
_READY = "octyseg is ready"


class Server:
    """`octyseg dev` and its address; tests share it, so each uses names of its own."""

    def __init__(self, directory, *, made_with_keys=True, **settings):
        self.directory = directory
        outside = {name: value for name, value in os.environ.items() if not name.startswith("OCTYSEG_")}
        self.env = outside | {
            "OCTYSEG_LOG": f"embedded://{directory / 'o.db'}",
            "OCTYSEG_PARTITIONS": "4",
            "OCTYSEG_GRACE_MS": "200",
            "OCTYSEG_HISTORY__WRITE_EVERY_S": "0.3",
            **settings,
        }
        self.told = (directory / "told").open("wb")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "octyseg", "dev", "--port", "0"], env=self.env, stdout=self.told, stderr=self.told
        )
        self.url = self._url()
        self.admin = self.first_key("admin") if made_with_keys else None

    def _url(self):
        give_up_at = time.monotonic() + DEADLINE_S
        while time.monotonic() < give_up_at:
            said = (self.directory / "told").read_text()
            match = re.search(r"the API is at (\S+),", said)
            if match and _READY in said:
                return match[1]
            assert self.process.poll() is None, said
            time.sleep(0.02)
        raise AssertionError(said)

    def octyseg(self, *words, api=False, **env):
        """Run a verb, beside the process or over HTTP."""
        more = ["--api", self.url] if api else []
        keys = dict(zip(("OCTYSEG_PUBLIC_KEY", "OCTYSEG_SECRET_KEY"), self.admin, strict=True)) if api else {}
        return run(*words, *more, env=self.env | keys | env)

    def key(self, *scopes):
        """Both halves of a new key."""
        with self.client() as asked:
            answer = asked.post("/v2/keys", json={"scopes": scopes})
        assert answer.is_success, answer.text
        return answer.json()["public_key"], answer.json()["secret_key"]

    def first_key(self, scope):
        """One that a verb makes: nobody can ask the API yet."""
        done = self.octyseg("keys", "create", "--scope", scope, "-o", "json")
        assert done.code == 0, done.err
        pair = json.loads(done.out)
        return pair["public_key"], pair["secret_key"]

    def client(self, pair=None, *, basic=True, **options):
        """A client with a key; the admin's unless another is given."""
        text = base64.b64encode(":".join(pair or self.admin).encode()).decode()
        headers = {"Authorization": f"Basic {text}" if basic else text}
        return httpx.Client(base_url=self.url, headers=headers, timeout=60, **options)

    def until(self, question, what):
        """The first answer of a question that is none of nothing."""
        give_up_at = time.monotonic() + DEADLINE_S
        while not (found := question()):
            assert time.monotonic() < give_up_at, what
            time.sleep(0.02)
        return found

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(20)
        finally:
            self.process.kill()
            self.told.close()


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    running = Server(tmp_path_factory.mktemp("api"))
    yield running
    assert running.stop() == 0, (running.directory / "told").read_text()[-3000:]


@pytest.fixture(scope="session")
def client(server):
    with server.client() as opened:
        yield opened


@pytest.fixture
def new_server(tmp_path):
    """Makes a server of the test's own: new_server(OCTYSEG_X=...)."""
    made = []

    def make(**settings):
        made.append(Server(tmp_path, **settings))
        return made[-1]

    yield make
    for one in made:
        one.stop()


def live_segment(name, event_type=None, **more):
    """One event makes a member; its type is the segment's own, as no two segments may mean the same."""
    event_type = event_type or name.replace(" ", "_")
    steps = [{"event_type": event_type, "exp_timeframe": 0, "action_inaction": "action", "event_properties": {}}]
    own = {"segment_name": name, "segment_type": "live", "segment_sub_type": 1, "segment_timeframe": 0}
    return own | {"event_sequence": steps} | more
