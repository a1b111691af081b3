"""CSV: every row has its line, good or bad; what goes out to spreadsheets is no formula."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from octyseg.errors import UsageError
from octyseg.intake.table import Row, escaped, rows


def read(kind, text):
    return list(rows(kind, io.StringIO(text, newline="")))


def test_cells_are_read_as_they_look():
    (row,) = read(
        "events",
        "event_type,profile_id,event_properties>>n,event_properties>>f,event_properties>>b,event_properties>>s,event_properties>>z\n"
        "seen,p,12,-0.5e3,TRUE,true story,007\n",
    )
    # TRUE is a text: only what JSON and Python write is a truth.
    assert row.fields == {
        "event_type": "seen",
        "profile_id": "p",
        "event_properties": {"n": 12, "f": -500.0, "b": "TRUE", "s": "true story", "z": "007"},
    }


def test_a_number_that_no_double_can_hold_stays_text():
    (row,) = read("profiles", "customer_id,profile_data>>a\nc,1e999\n")
    assert row.fields["profile_data"] == {"a": "1e999"}


def test_empty_cells_say_nothing():
    (row,) = read("profiles", "customer_id,has_charged,profile_data>>a,status\nc,,,\n")
    assert row == Row(2, {"customer_id": "c"})


def test_a_row_over_several_lines_has_its_first_line():
    found = read("members", 'profile_id\n"a\nb"\nc\nd,e\nf\n')
    assert [(row.line, row.fields is not None) for row in found] == [(2, True), (4, True), (5, False), (6, True)]
    assert "2 cells where the header has 1" in found[2].problem


@pytest.mark.parametrize(
    ("kind", "header", "said"),
    [
        ("events", "", "the file is empty"),
        ("events", "event_type", "no event_type or profile_id"),
        ("events", "event_type,profile_id,price", 'column "price" is unknown'),
        ("profiles", "customer_id,customer_id", "stands twice"),
        ("members", "name", 'column "name" is unknown'),
        ("profiles", "has_charged", "no customer_id or profile_id"),
    ],
)
def test_a_header_that_cannot_be_read_refuses_the_file(kind, header, said):
    with pytest.raises(UsageError, match=said):
        read(kind, header + ("\n" if header else ""))


def test_quotes_that_do_not_close_are_told_of():
    found = read("members", 'profile_id\na\n"b"x\nc\n')
    assert [row.line for row in found if row.fields is None] == [3]
    assert found[-1].fields == {"profile_id": "c"}


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(str.strip), max_size=20))
def test_what_a_writer_wrote_is_read(ids):
    text = io.StringIO(newline="")
    csv.writer(text).writerows([["profile_id"], *([one] for one in ids)])
    found = read("members", text.getvalue())
    assert [row.fields for row in found] == [{"profile_id": one.strip().replace("\0", "\ufffd")} for one in ids]


@given(st.text())
def test_no_cell_is_a_formula(text):
    out = escaped(text)
    assert not out.startswith(("=", "+", "-", "@", "\t", "\r"))
    assert out in {text, "'" + text}
