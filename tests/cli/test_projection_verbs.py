import json

import pytest
from redis import Redis

from octyseg.projection.private import private_valkey


@pytest.fixture
def told(tell_story):
    async def happens(story):
        await story.claim()
        await story.tag("ada", "gold")
        await story.flush()
        await story.describe("ada", customer_id="c-1", created_at_ms=1_700_000_000_000)
        await story.tag("bob", "gold")

    tell_story(happens)


def test_a_profile_is_shown_with_its_tags(octyseg, told):
    code, out, _ = octyseg("get", "profile", "ada", "-o", "json")
    found = json.loads(out)
    assert code == 0
    assert (found["customer_id"], found["created_at"]) == ("c-1", "2023-11-14T22:13:20.000Z")
    assert [tag["segment_tag"] for tag in found["tags"]] == ["GOLD"]
    assert "GOLD" in octyseg("get", "profile", "ada").out


def test_a_profile_that_is_not_there_is_said(octyseg, told):
    code, out, err = octyseg("get", "profile", "eve")
    assert (code, out) == (1, "")
    assert err.startswith("octyseg: there is no profile eve")


def test_check_compares_digests_and_finds_damage(octyseg, told, tmp_path):
    code, out, _ = octyseg("projection", "check", "-o", "json")
    checked = json.loads(out)
    assert (code, checked["partitions"][0]["profiles"], checked["strays"]) == (0, 2, 0)
    assert checked["digest_log"] == checked["digest_redis"]
    with private_valkey(tmp_path / "o.db.valkey") as url, Redis.from_url(url) as client:
        client.hset("octyseg:profile:ada", "status", "damaged")
        client.zadd("octyseg:members:gold", {"mallory": 1})
        code, out, err = octyseg("projection", "check")
        assert code == 1
        assert "1 profiles differ, 1 memberships have no tag: ada" in err
        assert octyseg("projection", "rebuild").code == 0
        assert octyseg("projection", "check").code == 0


def test_settings_are_shown_with_their_source(octyseg, tmp_path):
    code, out, _ = octyseg("config", "show", "-o", "json")
    shown = {line["name"]: line for line in json.loads(out)}
    assert code == 0
    assert shown["log"]["value"] == f"embedded://{tmp_path / 'o.db'}"
    assert (shown["log"]["source"], shown["grace_ms"]["source"]) == ("environment", "default")
    assert "grace_ms" in octyseg("config", "show").out
