"""Static lists over the API: by ids, by CSV, and out again; who is not known is told of by row."""

import csv
import io
import json

import pytest

from octyseg.api.gate import MAX_UPLOAD_BYTES
from tests.api.conftest import live_segment

pytestmark = pytest.mark.slow

ROWS = [5_000, pytest.param(100_000, marks=pytest.mark.faults)]


def new_list(client, name, **more):
    body = {"segment_name": name, "segment_type": "static"} | more
    answer = client.post("/v2/segments", json=body)
    assert answer.status_code == 201, answer.text
    return f"/v2/segments/{answer.json()['segment_id']}"


def create(client, *customers, **data):
    body = {"profiles": [{"customer_id": one, "profile_data": data, "has_charged": False} for one in customers]}
    answer = client.post("/v1/retention/profiles/create", json=body)
    assert answer.status_code == 201, answer.text
    return [one["profile_id"] for one in answer.json()["profiles"]]


def members_of(client, path):
    found, after = [], None
    while True:
        page = client.get(path + "/members", params={"limit": 7} | ({"after": after} if after else {})).json()
        found += [one["profile_id"] for one in page["items"]]
        after = page["next"]
        if after is None:
            return found


def test_add_remove_and_replace_are_different_things(server, client):
    path = new_list(client, "list verbs")
    a, b, c, d = create(client, *(f"list-verbs-{name}" for name in "abcd"))

    def change(verb, *ids):
        return client.post(f"{path}/members/{verb}", json={"profile_ids": list(ids)}).json()

    def until_members(*ids):
        server.until(lambda: sorted(members_of(client, path)) == sorted(ids), f"the members are {ids}")

    assert change("add", a, b)["accepted"] == 2
    until_members(a, b)
    assert change("add", b, c)["accepted"] == 2
    until_members(a, b, c)
    assert change("remove", b, d)["accepted"] == 2
    until_members(a, c)
    told = change("replace", c, d)
    assert (told["accepted"], told["removed"]) == (2, 1)
    until_members(c, d)
    assert client.get(path + "/count").json()["count"] == 2
    told = change("add", "nobody", a)
    assert (told["accepted"], told["refused"]) == (1, 1)
    assert told["problems"] == [{"line": 1, "value": "nobody", "reason": told["problems"][0]["reason"]}]
    assert "create it first" in told["problems"][0]["reason"]
    change("replace")
    until_members()


def test_a_list_that_is_not_static_is_changed_by_nobody(client):
    client.post("/v2/segments", json=live_segment("list live", "list_live"))
    answer = client.post("/v2/segments/list live/members/add", json={"profile_ids": []})
    assert answer.status_code == 400
    assert "only static lists" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("content_type", "content"),
    [
        ("application/json", b"{}"),
        ("application/json", b'{"profile_ids": "a"}'),
        ("application/json", b'{"profile_ids": [1]}'),
        ("application/json", b"[]"),
        ("text/csv", b""),
        ("text/csv", b"name\nx\n"),
        ("text/csv", b"profile_id,profile_id\nx,y\n"),
    ],
)
def test_what_is_no_list_changes_none(client, content_type, content):
    path = "/v2/segments/list odd"
    if client.get(path).status_code == 404:
        new_list(client, "list odd")
    answer = client.post(path + "/members/add", content=content, headers={"Content-Type": content_type})
    assert answer.status_code in {400, 422}
    assert answer.json()["detail"]


def test_rows_are_judged_one_by_one(server, client):
    path = new_list(client, "list rows")
    good = create(client, "list-rows-1", "list-rows-2", 'list "quoted", 3', "=list+rows")
    text = (
        "\ufeffcustomer_id\r\n"
        "list-rows-1\r\n"
        "nobody-1\r\n"
        "list-rows-2,too many\r\n"
        "\r\n"
        "list-rows-2\r\n"
        '"list ""quoted"", 3"\r\n'
        "=list+rows\r\n"
        "list-rows-1\r\n"
        "nobody\0two\r\n"
    ).encode() + b"\xff\xfe\r\n"
    report = client.post(path + "/members/add", content=text, headers={"Content-Type": "text/csv"}).json()
    # Who stands there twice is one member, and no problem.
    assert [one["line"] for one in report["problems"]] == [3, 4, 10, 11]
    assert report["rows"] == 9
    server.until(lambda: sorted(members_of(client, path)) == sorted(good), "the good rows are members")


def test_an_export_is_no_formula(server, client):
    path = new_list(client, "list export")
    odd = ["=1+1", "+1", "-1", "@sum", "\t=x", "plain"]
    ids = create(client, *odd, note='=HYPERLINK("x")')
    client.post(path + "/members/add", json={"profile_ids": ids})
    server.until(lambda: client.get(path + "/count").json()["count"] == len(odd), "all are members")
    answer = client.get(path + "/export?format=csv")
    assert answer.headers["Content-Type"].startswith("text/csv")
    assert answer.headers["Content-Disposition"].startswith("attachment")
    rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    assert sorted(row["customer_id"] for row in rows) == sorted(
        ["'=1+1", "'+1", "'-1", "'@sum", "'\t=x", "plain"],
    )
    assert not [cell for row in rows for cell in row.values() if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]
    lines = [json.loads(line) for line in client.get(path + "/export?format=jsonl").text.splitlines()]
    assert sorted(line["customer_id"] for line in lines) == sorted(odd)
    assert lines[0]["profile_data"] == {"note": '=HYPERLINK("x")'}


@pytest.mark.slow
@pytest.mark.parametrize("count", ROWS)
def test_a_large_upload_of_which_one_row_in_a_hundred_is_bad(server, client, tmp_path, count):
    """Uploaded as a person would: profiles by the verb over HTTP, then their list."""
    path = new_list(client, f"list large {count}")
    bad = set(range(50, count, 100))
    with (tmp_path / "profiles.csv").open("w") as file:
        file.write("customer_id,has_charged,profile_data>>plan\n")
        for number in range(count):
            row = f"list-{count}-{number},maybe,gold\n" if number in bad else f"list-{count}-{number},true,gold\n"
            file.write(row)
    done = server.octyseg("upload", "profiles", tmp_path / "profiles.csv", "-o", "json", api=True)
    report = json.loads(done.out)
    assert (done.code, report["rows"], report["accepted"]) == (1, count, count - len(bad))
    assert [one["line"] for one in report["problems"]] == [number + 2 for number in sorted(bad)]
    assert all("has_charged" in one["reason"] for one in report["problems"])

    with (tmp_path / "members.csv").open("w") as file:
        file.writelines(["customer_id\n", *(f"list-{count}-{number}\n" for number in range(count))])
    done = server.octyseg(
        "upload", "members", tmp_path / "members.csv", "--segment", f"list large {count}", "-o", "json", api=True
    )
    report = json.loads(done.out)
    assert (report["rows"], report["accepted"]) == (count, count - len(bad))
    assert [one["line"] for one in report["problems"]] == [number + 2 for number in sorted(bad)]
    assert report["problems"][0]["value"] == f"list-{count}-50"
    server.until(lambda: client.get(path + "/count").json()["count"] == count - len(bad), "every good row is a member")
    exported = set()
    with client.stream("GET", path + "/export?format=jsonl") as answer:
        for line in answer.iter_lines():
            exported.add(json.loads(line)["customer_id"])
    assert exported == {f"list-{count}-{number}" for number in range(count) if number not in bad}


def test_an_upload_has_an_end(client):
    path = new_list(client, "list endless")

    def pieces():
        yield b"profile_id\n"
        for _ in range(MAX_UPLOAD_BYTES // 65_536 + 1):
            yield b"x" * 65_535 + b"\n"

    answer = client.post(path + "/members/add", content=pieces(), headers={"Content-Type": "text/csv"})
    assert answer.status_code == 413
