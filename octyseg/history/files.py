"""The files in one folder of history: each is about a range of offsets, and its name says which.

Whole or not there: a file is on the disk before its name is. What lies inside another file's range was
compacted into that one, and stays for a while for those who found it before.
"""

import errno
import os
import re
import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from octyseg.errors import HistoryUnavailable, SettingsError

_NAME = re.compile(r"(\d{12,})-(\d{12,})\.parquet")
_COMPRESSION = "zstd"
# What is put together is held in memory, twice: so much of it, as it is before compression.
COMPACTED_BYTES = 64 * 1024 * 1024
# What waiting does not help against.
_FORBIDDEN = frozenset({errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR})
# Longer than a reader works with the files that it found.
COMPACTED_STAY_S = 3600


@contextmanager
def writing(directory: Path) -> Iterator[None]:
    """Says why a directory cannot be written to: HistoryUnavailable when it may be later, else SettingsError.

    A file that is not there is another matter: somebody swept it up.
    """
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        why = os.strerror(error.errno).lower() if error.errno else str(error)
        if error.errno in _FORBIDDEN:
            msg = f"history cannot be written to {directory}: {why}; let us, or set OCTYSEG_HISTORY__DIRECTORY"
            raise SettingsError(msg) from error
        msg = f"history cannot be written to {directory}: {why}; events wait on the log, so make room there"
        raise HistoryUnavailable(msg) from error


class File(NamedTuple):
    """A file and the offsets it is about, both inside."""

    path: Path
    first: int
    last: int


def files_in(folder: Path) -> Iterator[File]:
    """All there are, in no order, those among them that a crash cut off."""
    for path in folder.iterdir() if folder.exists() else ():
        match = _NAME.fullmatch(path.name)
        if match is not None:
            yield File(path, int(match[1]), int(match[2]))


def complete(folder: Path, reached: int) -> list[File]:
    """The files of which everything is there, those behind the ones they were compacted into."""
    return sorted((file for file in files_in(folder) if file.last < reached), key=lambda file: (file.first, -file.last))


def standing(folder: Path, reached: int) -> list[File]:
    """The files that count: complete, and not compacted into another."""
    found: list[File] = []
    for file in complete(folder, reached):
        if not found or file.last > found[-1].last:
            found.append(file)
    return found


def drop_compacted(folder: Path, reached: int) -> None:
    """Drop the files that were compacted into another so long ago that nobody reads them any more."""
    whole: File | None = None
    for file in complete(folder, reached):
        if whole is None or file.last > whole.last:
            whole = file
        elif time.time() - whole.path.stat().st_mtime >= COMPACTED_STAY_S:
            file.path.unlink()


def compactable(files: Sequence[File], more_than: int) -> list[list[File]]:
    """Small neighbours that have room in one file, if more than so many are small. Others are left alone for good."""
    runs: list[list[File]] = [[]]
    small = room = 0
    for file in files:
        size = _size(file.path)
        if size > COMPACTED_BYTES // 2:
            runs.append([])
            continue
        if size > room or not runs[-1]:
            runs.append([])
            room = COMPACTED_BYTES
        runs[-1].append(file)
        room -= size
        small += 1
    return [run for run in runs if len(run) > 1] if small > more_than else []


def _size(path: Path) -> int:
    """Bytes of its rows before they were compressed."""
    metadata = pq.read_metadata(path)
    return sum(metadata.row_group(number).total_byte_size for number in range(metadata.num_row_groups))


def merge(files: Sequence[File], folder: Path) -> None:
    """One file more, of what stands in all of these."""
    table = pa.concat_tables([pq.read_table(file.path) for file in files])
    whole = folder / f"{min(file.first for file in files):012}-{max(file.last for file in files):012}.parquet"
    put(table.sort_by([("profile_id", "ascending"), ("place", "ascending")]), whole)
    del table
    # Arrow keeps what it had; a process that puts files together once in half an hour has no use for it meanwhile.
    pa.default_memory_pool().release_unused()


def put(table: pa.Table, path: Path) -> None:
    """A file in its place, or none."""
    settle(prepared(table, path), path)


def prepared(table: pa.Table, path: Path) -> Path:
    """A file beside its place, for `settle`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = _beside(path)
    try:
        pq.write_table(table, temporary, compression=_COMPRESSION)
    except OSError:
        # What a full disk took of it is room for others.
        temporary.unlink(missing_ok=True)
        raise
    return temporary


def noted(content: bytes, path: Path) -> Path:
    """A small file of another kind beside its place, for `settle`."""
    temporary = _beside(path)
    temporary.write_bytes(content)
    return temporary


def _beside(path: Path) -> Path:
    """A name of its own: whoever had the partition before may still be writing."""
    return path.with_suffix(f".{secrets.token_hex(4)}.tmp")


def settle(temporary: Path, path: Path) -> None:
    """The file is on the disk before its name is, and its name before we say so."""
    for place in (temporary, path.parent):
        if place == path.parent:
            temporary.replace(path)
        descriptor = os.open(place, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
