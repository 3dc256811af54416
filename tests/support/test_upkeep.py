# SPDX-License-Identifier: GPL-2.0-only
"""What is kept is limited by removing what was not used for longest, and cleared when asked."""

from __future__ import annotations

import json
import os
import sqlite3
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slatcheck import cli
from slatcheck.commands import delivery
from slatcheck.git import revisions
from support import cache, upkeep


def keep(folder: Path, name: str, size: int, used: float) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name
    file.write_bytes(bytes(size))
    os.utime(file, (used, used))
    return file


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SLATCHECK_CACHE", str(tmp_path))
    return cache.folder()


@pytest.mark.parametrize(
    ("text", "size"),
    [("0", 0), ("17", 17), ("3K", 3072), ("500M", 500 << 20), ("2g", 2 << 30), ("1 TiB", 1 << 40)],
)
def test_sizes_are_read(text: str, size: int) -> None:
    assert upkeep.size_of(text) == size


@pytest.mark.parametrize("text", ["", "much", "-1", "1.5G", "2X", "٣M"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no size"):
        upkeep.size_of(text)


def test_what_was_used_last_stays(tmp_path: Path) -> None:
    files = [keep(tmp_path, f"image-{n}.json", 100, used=1000 - n) for n in range(10)]
    removed = upkeep.trim(tmp_path, 350)
    assert {one.path for one in removed} == set(files[3:])
    assert all(file.exists() for file in files[:3])


def test_reading_is_using(tmp_path: Path) -> None:
    old, new = tmp_path / "a.json", tmp_path / "b.json"
    for used, file in enumerate((old, new)):
        cache.write(file, "x" * 100)
        os.utime(file, (used, used))
    cache.read(old)
    upkeep.trim(tmp_path, old.stat().st_size)
    assert old.exists()
    assert not new.exists()


@given(
    sizes=st.lists(st.integers(0, 50), max_size=12),
    most=st.integers(1, 300),
)
def test_a_limit_is_kept_and_nothing_more_is_removed(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], most: int
) -> None:
    place = tmp_path_factory.mktemp("kept")
    for number, size in enumerate(sizes):
        keep(place, f"{number:02}.json", size, used=number)
    removed = upkeep.trim(place, most)
    left = sum(one.size for one in upkeep.stored(place))
    assert left <= most
    assert sum(sizes) == left + sum(one.size for one in removed)
    if removed:
        assert left + removed[-1].size > most


def test_no_limit_removes_nothing(tmp_path: Path) -> None:
    keep(tmp_path, "a.json", 100, 1)
    assert upkeep.trim(tmp_path, 0) == []
    assert len(list(upkeep.stored(tmp_path))) == 1


def test_a_database_in_use_is_never_shortened(tmp_path: Path) -> None:
    database = filled(tmp_path, [3] * 100)
    database.execute("BEGIN IMMEDIATE")
    assert upkeep.trim(tmp_path, 1) == []
    database.execute(f"INSERT INTO {upkeep.TABLE} VALUES ('one', 4)")
    database.commit()
    assert rows(database) == [3] * 100 + [4]
    database.close()


def test_a_database_loses_what_was_not_used_for_longest(tmp_path: Path) -> None:
    filled(tmp_path, [day % 7 for day in range(2000)]).close()
    whole = (tmp_path / "answers.sqlite").stat().st_size
    upkeep.trim(tmp_path, whole)
    assert (tmp_path / "answers.sqlite").stat().st_size <= whole // 2
    with sqlite3.connect(tmp_path / "answers.sqlite") as database:
        left = rows(database)
    assert len(left) > 500
    assert min(left) >= 3
    assert left.count(6) == 2000 // 7
    upkeep.trim(tmp_path, 2 * whole)
    with sqlite3.connect(tmp_path / "answers.sqlite") as database:
        assert rows(database) == left


@pytest.mark.parametrize("content", [b"", b"no database at all", b"SQLite format 3\0" * 90])
def test_what_is_no_database_stays(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "answers.sqlite").write_bytes(content)
    assert upkeep.trim(tmp_path, 1) == []
    assert (tmp_path / "answers.sqlite").read_bytes() == content


def filled(folder: Path, days: list[int]) -> sqlite3.Connection:
    """Return a database with a row for each of the days on which one was used last."""
    database = sqlite3.connect(folder / "answers.sqlite", isolation_level=None)
    database.execute(f"CREATE TABLE {upkeep.TABLE} (query TEXT, {upkeep.USED} INTEGER)")
    named = [(f"{number:064}", day) for number, day in enumerate(days)]
    database.execute("BEGIN")
    database.executemany(f"INSERT INTO {upkeep.TABLE} VALUES (?, ?)", named)
    database.execute("COMMIT")
    return database


def rows(database: sqlite3.Connection) -> list[int]:
    found = database.execute(f"SELECT {upkeep.USED} FROM {upkeep.TABLE} ORDER BY 1")
    return [day for (day,) in found]


def test_a_folder_that_is_not_there_holds_nothing(tmp_path: Path) -> None:
    assert list(upkeep.stored(tmp_path / "none")) == []
    assert upkeep.trim(tmp_path / "none", 1) == upkeep.clear(tmp_path / "none") == []


def test_every_run_keeps_the_limit(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(4):
        keep(folder, f"search-{number}.json", 1000, used=number)
    monkeypatch.setenv(upkeep.VARIABLE, "2K")
    assert cli.run(["rule", "leak"]) == 0
    assert sorted(one.path.name for one in upkeep.stored(folder)) == [
        "search-2.json",
        "search-3.json",
    ]


def test_a_limit_that_is_none_is_said_and_nothing_lost(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    keep(folder, "search-1.json", 10, 1)
    monkeypatch.setenv(upkeep.VARIABLE, "lots")
    assert cli.run(["rule", "leak"]) == 0
    assert "SLATCHECK_CACHE_LIMIT: 'lots' is no size" in capsys.readouterr().err
    assert len(list(upkeep.stored(folder))) == 1
    assert cli.run(["cache"]) == delivery.USAGE


def test_the_command_shows_what_there_is(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keep(folder, "image-1.json", 3000, 1)
    keep(folder, "c-1.json", 10, 1)
    keep(folder, "c-2.json", 20, 5)
    keep(folder, f"{'a0' * 32}.json", 5, 1)
    keep(folder, "stray", 1, 1)
    assert cli.run(["cache", "--format", "json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert [(one["title"], one["files"], one["size"], one["used"]) for one in data["kinds"]] == [
        ("images of trees", 1, 3000, 1),
        ("proofs of C functions", 2, 30, 5),
        ("proofs of the reference table", 1, 5, 1),
        ("other files", 1, 1, 1),
    ]
    assert data["size"] == 3036
    assert data["limit"] == 2 << 30
    assert cli.run(["cache"]) == 0
    shown = capsys.readouterr().out
    assert "images of trees" in shown
    assert "at most 2.0 GiB are kept" in shown


def test_the_command_limits_and_clears(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(3):
        keep(folder, f"tie-{number}.json", 1000, used=number)
    assert cli.run(["cache", "--limit", "2000"]) == 0
    assert "removed 1 file" in capsys.readouterr().out
    assert cli.run(["cache", "--clear"]) == 0
    assert "removed 2 files" in capsys.readouterr().out
    assert list(upkeep.stored(folder)) == []


def test_clearing_leaves_what_is_not_ours(folder: Path) -> None:
    ours, theirs = (folder.parent / "trees" / name for name in ("0a1b-2c3d", "linux"))
    for place in (ours, theirs):
        place.mkdir(parents=True)
        (place / "Makefile").write_text("VERSION = 6\n")
    (ours / revisions._DONE).write_text("2c3d\n")
    assert cli.run(["cache", "--clear"]) == 0
    assert not ours.exists()
    assert (theirs / "Makefile").is_file()


@pytest.mark.parametrize(
    "options", [["--limit", "some"], ["--limit", "1G", "--clear"]], ids=["no size", "both"]
)
def test_bad_options_are_refused(
    folder: Path, options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    keep(folder, "tie-1.json", 10, 1)
    assert cli.run(["cache", *options]) == delivery.USAGE
    assert capsys.readouterr().err.count("\n") == 1
    assert len(list(upkeep.stored(folder))) == 1
