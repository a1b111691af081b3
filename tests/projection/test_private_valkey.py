import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from redis import Redis

from octyseg.errors import ProjectionUnavailable
from octyseg.projection import keeper, private
from octyseg.projection.private import private_valkey

HOLD = """
import sys
from pathlib import Path
from octyseg.projection.private import private_valkey
with private_valkey(Path(sys.argv[1])) as url:
    print(url, flush=True)
    sys.stdin.read()
"""


def until(condition, what):
    deadline = threading.Event()
    for _ in range(1000):
        if condition():
            return
        deadline.wait(0.02)
    pytest.fail(f"still not so after 20 s: {what}")


def keeper_of(directory):
    return json.loads((directory / "address.json").read_text())["keeper"]


def valkey_of(url):
    with Redis.from_url(url) as client:
        return client.info("server")["process_id"]


def alive(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


@pytest.fixture
def holder(tmp_path):
    """A second process that uses the Valkey of the test's directory until it is told to leave or is killed."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        process.url = process.stdout.readline().strip()
        yield process
        process.kill()


def test_two_users_of_one_directory_share_one_server(tmp_path, holder):
    with private_valkey(tmp_path) as url, Redis.from_url(url) as client:
        assert url == holder.url
        assert client.ping()


def test_it_outlives_the_user_that_started_it_while_another_is_there(tmp_path, holder):
    with private_valkey(tmp_path) as url:
        holder.communicate("")
        with Redis.from_url(url) as client:
            assert client.ping()


def test_it_ends_with_its_last_user_although_that_one_was_killed(tmp_path, holder):
    keeper, valkey = keeper_of(tmp_path), valkey_of(holder.url)
    holder.kill()
    until(lambda: not alive(keeper) and not alive(valkey), "keeper and valkey have ended")
    assert not (tmp_path / "address.json").exists()


def test_no_valkey_outlives_a_killed_keeper(tmp_path):
    with private_valkey(tmp_path) as url:
        valkey = valkey_of(url)
        os.kill(keeper_of(tmp_path), signal.SIGKILL)
        until(lambda: not alive(valkey), "valkey has ended")
    left = Path(url.removeprefix("unix://")).parent
    with private_valkey(tmp_path) as url, Redis.from_url(url) as client:
        assert client.ping()
        assert not left.exists()


def test_a_killed_server_comes_back_at_the_same_address(tmp_path):
    with private_valkey(tmp_path) as url, Redis.from_url(url) as client:
        before = valkey_of(url)
        os.kill(before, signal.SIGKILL)

        def is_back():
            try:
                return client.info("server")["process_id"] != before
            except OSError:
                return False
            except private.RedisError:
                return False

        until(is_back, "another valkey answers at the address")
        assert not alive(before)


def test_what_it_held_is_there_at_the_next_start(tmp_path):
    with private_valkey(tmp_path) as url, Redis.from_url(url) as client:
        client.set("kept", "1")
    with private_valkey(tmp_path) as url, Redis.from_url(url) as client:
        assert client.get("kept") == b"1"


def test_a_damaged_snapshot_is_put_aside(tmp_path):
    (tmp_path / "dump.rdb").write_bytes(b"REDIS0011 and then noise")
    with private_valkey(tmp_path) as url, Redis.from_url(url) as client:
        assert client.dbsize() == 0
    assert (tmp_path / "dump.rdb.refused").exists()


def test_it_ends_although_its_content_cannot_be_kept(tmp_path):
    with private_valkey(tmp_path / "gone") as url, Redis.from_url(url) as client:
        keeper, valkey = keeper_of(tmp_path / "gone"), valkey_of(url)
        client.set("unkept", "1")
        shutil.rmtree(tmp_path / "gone")
    until(lambda: not alive(keeper), "the keeper has ended")
    until(lambda: not alive(valkey), "valkey has ended")
    assert not (tmp_path / "gone").exists()


def test_only_the_owner_may_open_its_socket(tmp_path):
    with private_valkey(tmp_path / "new") as url:
        path = Path(url.removeprefix("unix://"))
        assert path.stat().st_mode & 0o077 == 0
        assert path.parent.stat().st_mode & 0o077 == 0
        assert (tmp_path / "new").stat().st_mode & 0o077 == 0


def test_a_server_that_cannot_be_started_is_said_with_the_way_out(tmp_path, monkeypatch):
    monkeypatch.setattr(private.sys, "executable", "/bin/false")
    with pytest.raises(ProjectionUnavailable, match=r"cannot start a private valkey: .* set OCTYSEG_REDIS"):
        private_valkey(tmp_path).__enter__()


def test_a_server_that_cannot_run_is_no_matter_of_its_snapshot(tmp_path, monkeypatch):
    monkeypatch.setattr(keeper, "get_binary_path", lambda: "/bin/false")
    with pytest.raises(keeper.NotStarted, match="exit code 1"):
        keeper.keep(tmp_path, on_ready=pytest.fail)
