"""How much memory DuckDB is given: what a container may have, not what its machine has. It tells gigabytes roughly."""

import os

import pytest

from octyseg.history import engine_duckdb
from octyseg.history.engine_duckdb import MEMORY_MB, DuckDB

MACHINE = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


@pytest.fixture
def given(monkeypatch, tmp_path):
    def given(*texts):
        paths = [tmp_path / str(number) for number in range(len(texts))]
        for path, text in zip(paths, texts, strict=True):
            if text is not None:
                path.write_text(text)
        monkeypatch.setattr(engine_duckdb, "LIMITS", paths)
        with DuckDB(tmp_path) as database:
            ((told,),) = database._ibis.con.execute("select current_setting('memory_limit')").fetchall()
        number, unit = told.split()
        return float(number) * {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30}[unit] / 1e6

    return given


def test_a_container_gives_six_tenths_of_its_limit(given):
    assert given("2000000000\n", None) == pytest.approx(1200, rel=0.05)
    assert given(None, "1000000000\n") == pytest.approx(600, rel=0.05)


@pytest.mark.parametrize("texts", [(None, None), ("max\n", None), (None, "9223372036854771712\n")])
def test_without_a_limit_it_is_the_machines(given, texts):
    assert given(*texts) == pytest.approx(min(MEMORY_MB, MACHINE * 0.6 / 1e6), rel=0.05)
