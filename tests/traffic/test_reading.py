"""Reading events from files and standard input."""

import gzip
import io
import sys

import pytest

from octyseg.errors import UsageError
from octyseg.traffic.reading import MAX_LINE_BYTES, Line, read_lines

LINES = [b'{"profile_id":"a"}', b"not json at all \xff", b'{"profile_id":"b"}']


def text(lines):
    return b"".join(line + b"\n" for line in lines)


def test_a_file_is_read_line_by_line_byte_for_byte(tmp_path):
    path = tmp_path / "events.jsonl"
    path.write_bytes(text(LINES))
    lines = list(read_lines(str(path)))
    assert [line.data for line in lines] == LINES
    assert lines[1].place == f"{path}:2"


@pytest.mark.parametrize("name", ["events.jsonl.gz", "no-such-ending"])
def test_gzip_is_known_by_its_bytes(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(gzip.compress(text(LINES)))
    assert [line.data for line in read_lines(str(path))] == LINES


def test_files_that_were_gzipped_one_after_the_other_are_read_as_one(tmp_path):
    path = tmp_path / "events.jsonl.gz"
    path.write_bytes(gzip.compress(text(LINES[:1])) + gzip.compress(text(LINES[1:])))
    assert [line.data for line in read_lines(str(path))] == LINES


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_standard_input_is_read_and_left_open(monkeypatch, pack):
    stdin = io.TextIOWrapper(io.BufferedReader(io.BytesIO(pack(text(LINES)))))
    monkeypatch.setattr(sys, "stdin", stdin)
    assert list(read_lines("-"))[2] == Line("standard input", 3, LINES[2])
    assert not stdin.buffer.closed


def test_blank_lines_count_but_are_left_out(tmp_path):
    path = tmp_path / "events.jsonl"
    path.write_bytes(b'\n{"a":1}\r\n   \n{"b":2}')
    assert [(line.number, line.data) for line in read_lines(str(path))] == [(2, b'{"a":1}'), (4, b'{"b":2}')]


def test_an_empty_file_has_no_lines(tmp_path):
    path = tmp_path / "events.jsonl"
    path.touch()
    assert list(read_lines(str(path))) == []


def test_nothing_is_opened_before_the_first_line_is_asked_for(tmp_path):
    lines = read_lines(str(tmp_path / "missing.jsonl"))
    with pytest.raises(
        UsageError, match=r"missing\.jsonl: cannot be read \(No such file or directory\): check the path"
    ):
        next(lines)


def test_a_directory_cannot_be_read(tmp_path):
    with pytest.raises(UsageError, match=f"{tmp_path}: cannot be read"):
        list(read_lines(str(tmp_path)))


def test_a_line_that_does_not_end_is_refused_with_its_place(tmp_path):
    path = tmp_path / "events.jsonl"
    path.write_bytes(LINES[0] + b"\n" + b"x" * (MAX_LINE_BYTES + 1))
    lines = read_lines(str(path))
    assert next(lines).data == LINES[0]
    with pytest.raises(UsageError, match=rf"{path}:2: the line is longer than {MAX_LINE_BYTES} bytes"):
        next(lines)


def test_a_gzip_file_that_was_cut_off_is_refused_with_its_place(tmp_path):
    path = tmp_path / "events.jsonl.gz"
    path.write_bytes(gzip.compress(text(LINES * 1000))[:-8])
    lines = read_lines(str(path))
    assert next(lines).data == LINES[0]
    with pytest.raises(UsageError, match=rf"{path}:\d+: the gzip data is damaged or cut off .*fetch the file again"):
        list(lines)


def test_gzip_data_with_a_flipped_bit_is_refused(tmp_path):
    path = tmp_path / "events.jsonl.gz"
    packed = bytearray(gzip.compress(text(LINES * 10)))
    packed[-6] ^= 1
    path.write_bytes(packed)
    with pytest.raises(UsageError, match="the gzip data is damaged or cut off"):
        list(read_lines(str(path)))
