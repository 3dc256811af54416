# SPDX-License-Identifier: GPL-2.0-only
"""Traces that are tried first: kept by name, damaged ones forgotten, and what they show counts."""

from __future__ import annotations

from pathlib import Path

import pytest

from impl.multilevel import MultiLevel, quirk
from model.mips import layout
from model.operations import Kind, Op
from slatcheck.campaign import Search
from slatcheck.remembered import Traces

OPS = [Op(Kind.CREATE), Op(Kind.FLUSH, 0, 5), Op(Kind.DESTROY)]


def test_traces_are_kept_for_the_next_time(tmp_path: Path) -> None:
    assert Traces(tmp_path, "one").load() == []
    Traces(tmp_path, "one").save([OPS, OPS[:1]])
    assert Traces(tmp_path, "one").load() == [OPS, OPS[:1]]
    assert Traces(tmp_path, "other").load() == []
    Traces(tmp_path, "one").save([])
    assert Traces(tmp_path, "one").load() == []


@pytest.mark.parametrize("damage", ["", "{", "[1]", '[[{"op": "nothing"}]]', "5"])
def test_damaged_traces_are_none(tmp_path: Path, damage: str) -> None:
    Traces(tmp_path, "one").save([OPS])
    (file,) = tmp_path.iterdir()
    file.write_text(damage, encoding="utf-8")
    assert Traces(tmp_path, "one").load() == []


def test_without_a_folder_no_trace_is_kept() -> None:
    Traces(None, "one").save([OPS])
    assert Traces(None, "one").load() == []


def broken(*quirks: str) -> MultiLevel:
    return MultiLevel(layout("mips64-4k"), frozenset(map(quirk, quirks)))


def test_what_was_found_is_found_at_once() -> None:
    """A budget of one sequence would not find all of it; and no trace is made shorter again."""
    table = broken("dirty-mask-hull", "notifier-end-inclusive")
    found = Search(table, 0, "x").run(30_000).hits
    assert found
    again = Search(table, 1, "x").run(1, [hit.ops for hit in found.values()]).hits
    assert {mark: hit.ops for mark, hit in found.items()}.items() <= {
        mark: hit.ops for mark, hit in again.items()
    }.items()


def test_a_trace_that_no_longer_shows_anything_is_no_finding() -> None:
    found = Search(broken("dirty-mask-hull"), 0, "x").run(30_000).hits
    sound = Search(broken(), 0, "x").run(200, [hit.ops for hit in found.values()]).hits
    assert not sound
