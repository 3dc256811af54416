# SPDX-License-Identifier: GPL-2.0-only
"""Traces that are tried first: kept by name, damaged ones forgotten, and what they show counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from impl.interface import Run
from impl.multilevel import MultiLevel, quirk
from model.operations import Kind, Op
from model.ports import layout
from slatcheck.search.campaign import Search
from slatcheck.search.kept_traces import Traces

OPS = [Op(Kind.CREATE), Op(Kind.FLUSH, 0, 5), Op(Kind.DESTROY)]


def test_traces_are_kept_for_the_next_time(tmp_path: Path) -> None:
    assert Traces(tmp_path, "one").load() == {}
    Traces(tmp_path, "one").save({"a": OPS, "b": OPS[:1]})
    assert Traces(tmp_path, "one").load() == {"a": OPS, "b": OPS[:1]}
    assert Traces(tmp_path, "other").load() == {}
    Traces(tmp_path, "one").save({})
    assert Traces(tmp_path, "one").load() == {}


@pytest.mark.parametrize("damage", ["", "{", "[1]", '{"a": [{"op": "nothing"}]}', "5", '{"a": 5}'])
def test_damaged_traces_are_none(tmp_path: Path, damage: str) -> None:
    Traces(tmp_path, "one").save({"a": OPS})
    (file,) = tmp_path.iterdir()
    file.write_text(damage, encoding="utf-8")
    assert Traces(tmp_path, "one").load() == {}


def test_without_a_folder_no_trace_is_kept() -> None:
    Traces(None, "one").save({"a": OPS})
    assert Traces(None, "one").load() == {}


class Counted(MultiLevel):
    """The built-in table, which counts how often it is run."""

    runs = 0

    def run(self, ops: Sequence[Op]) -> Run:
        self.runs += 1
        return super().run(ops)


def broken(*quirks: str) -> Counted:
    return Counted(layout("mips64-4k"), frozenset(map(quirk, quirks)))


def searched(table: MultiLevel, remembered: Mapping[str, list[Op]]) -> dict[str, list[Op]]:
    found = Search(table, 0, "x").run(6_000, remembered).hits
    return {mark: hit.ops for mark, hit in found.items()}


def test_what_is_remembered_saves_shrinking_and_changes_nothing() -> None:
    first, again = broken("dirty-mask-hull"), broken("dirty-mask-hull")
    found = searched(first, {})
    assert found
    assert searched(again, found) == found
    assert again.runs < first.runs


def test_what_is_remembered_is_not_found_for_that() -> None:
    """Seed and budget decide what is found, and what no longer shows anything is forgotten."""
    found = searched(broken("dirty-mask-hull"), {})
    assert searched(broken(), found) == {}
    known = searched(broken("dirty-mask-hull", "notifier-end-inclusive"), {})
    assert known.keys() - found.keys()
    few = Search(broken("dirty-mask-hull"), 0, "x").run(200).hits.keys()
    assert Search(broken("dirty-mask-hull"), 0, "x").run(200, known).hits.keys() == few


def test_a_trace_that_shows_something_else_now_is_made_again() -> None:
    table = broken("dirty-mask-hull")
    found = searched(table, {})
    assert searched(table, dict.fromkeys(found, OPS)) == found
