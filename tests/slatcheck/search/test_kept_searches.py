# SPDX-License-Identifier: GPL-2.0-only
"""Kept results of searches: the same again, and nothing of what was cut, flipped or forged."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from impl.kernel.build import Image
from impl.kernel.symbols import Place
from model.layout import Layout
from model.operations import Kind, Op
from slatcheck.document.evidence import Evidence
from slatcheck.search import kept_searches
from slatcheck.search import unit as units
from slatcheck.search.campaign import Campaign, Hit, Search
from slatcheck.search.differential import Symptom
from slatcheck.search.kept_searches import Searches, content
from slatcheck.search.unit import Report, Unit
from support import cache
from support.cache import CacheError, Mode
from tests.ports.small.port import TREE, registered

SYMPTOM = Symptom(
    "stale-mapping", "small_drop", "any", 2, True, expected=((3, 0),), actual=((3, 7),)
)
OPS = [Op(Kind.CREATE), Op(Kind.FAULT, pfn=5), Op(Kind.FLUSH, 0, 1)]
FOUND = Campaign(
    hits={SYMPTOM.fingerprint: Hit(SYMPTOM, OPS, Evidence(as_if="wrapped"))},
    compared={Kind.CREATE: 4, Kind.FLUSH: 9},
    sequences=3,
    seconds=0.5,
)


@pytest.fixture
def small() -> Iterator[Layout]:
    """The layout of the small port of the tests."""
    with registered() as layout:
        yield layout


def kept(folder: Path | None, layout: Layout, elf: bytes = b"elf", about: object = 0) -> Searches:
    return Searches(folder, Image(elf, layout, True, True), (about,))


def test_what_was_kept_comes_back(tmp_path: Path, small: Layout) -> None:
    kept(tmp_path, small).save(FOUND)
    assert kept(tmp_path, small).load() == FOUND
    assert kept(None, small).load() is None


def test_another_image_or_question_has_nothing(tmp_path: Path, small: Layout) -> None:
    kept(tmp_path, small).save(FOUND)
    assert kept(tmp_path, small, elf=b"another").load() is None
    assert kept(tmp_path, small, about=1).load() is None


def test_what_could_not_be_judged_is_not_kept(tmp_path: Path, small: Layout) -> None:
    kept(tmp_path, small).save(Campaign(limits=["the ring is full"]))
    assert not list(tmp_path.iterdir())


def test_a_file_that_was_damaged_is_none_or_says_the_same(tmp_path: Path, small: Layout) -> None:
    """A flipped digit may survive reading: an audit finds it out, and no finding is renamed."""
    kept(tmp_path, small).save(FOUND)
    (file,) = tmp_path.iterdir()
    whole, source = file.read_bytes(), Random(1)
    for _ in range(200):
        at = source.randrange(len(whole))
        flipped = whole[:at] + bytes([whole[at] ^ 1 << source.randrange(8)]) + whole[at + 1 :]
        file.write_bytes(whole[:at] if source.randrange(2) else flipped)
        again = kept(tmp_path, small).load()
        if again is not None:
            assert all(hit.symptom.fingerprint == mark for mark, hit in again.hits.items())


def test_a_forged_file_is_found_out_by_an_audit(
    tmp_path: Path, small: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLATCHECK_CACHE", str(tmp_path))
    unit = Unit(small.name, True, TREE, None, (), 0, 2_000)
    first = units.search(unit)
    assert first.failure is None and first.campaign.operations
    (file,) = (tmp_path / "proofs").glob("search-*.json")
    data = json.loads(cache.read(file))
    data["campaign"]["compared"]["FLUSH"] += 1
    cache.write(file, json.dumps(data))
    with pytest.raises(CacheError, match="the search of small-4k"):
        units.search(Unit(small.name, True, TREE, None, (), 0, 2_000, Mode.AUDIT))


def test_an_image_that_is_the_same_is_not_searched_again(
    tmp_path: Path, small: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLATCHECK_CACHE", str(tmp_path))
    unit = Unit(small.name, True, TREE, None, (), 0, 2_000)
    first = units.search(unit)

    def never(*_: object) -> Campaign:
        raise AssertionError("searched again")

    monkeypatch.setattr(Search, "run", never)
    again = units.search(unit)
    assert isinstance(again, Report)
    assert content(first.campaign) == content(again.campaign)
    with pytest.raises(CacheError, match="is not kept"):
        units.search(Unit(small.name, True, TREE, None, (), 1, 2_000, Mode.ENFORCE))


WHERE = "arch/small/table.c"


class Lines:
    """Stands for the symbols of images: says in which line of which function addresses lie."""

    def __init__(self, places: dict[int, Place]) -> None:
        self.places = places

    def place(self, address: int) -> Place:
        return self.places[address]

    def told(self, place: Place) -> list[int]:
        return [address for address, other in self.places.items() if other == place]


@pytest.mark.parametrize(
    ("now", "line"),
    [
        ({1: Place("drop", f"{WHERE}:12"), 2: Place("drop", f"{WHERE}:12")}, 12),
        ({1: Place("drop", f"{WHERE}:12"), 2: Place("drop", f"{WHERE}:13")}, None),
        ({1: Place("other", f"{WHERE}:12"), 2: Place("other", f"{WHERE}:12")}, None),
    ],
    ids=["moved", "parted", "of another function"],
)
def test_a_finding_names_the_line_that_its_code_has_now(
    tmp_path: Path,
    small: Layout,
    monkeypatch: pytest.MonkeyPatch,
    now: dict[int, Place],
    line: int | None,
) -> None:
    monkeypatch.setattr(kept_searches, "code_of", lambda elf: "the same")
    there = replace(SYMPTOM, function="drop", where=f"{WHERE}:10")
    found = replace(FOUND, hits={there.fingerprint: Hit(there, OPS)})
    before = Lines({1: Place("drop", f"{WHERE}:10"), 2: Place("drop", f"{WHERE}:10")})
    monkeypatch.setattr(kept_searches, "symbols_of", lambda elf: before)
    kept(tmp_path, small).save(found)
    assert kept(tmp_path, small).load() == found
    monkeypatch.setattr(kept_searches, "symbols_of", lambda elf: Lines(now))
    again = kept(tmp_path, small, elf=b"moved").load()
    wheres = None if again is None else [hit.symptom.where for hit in again.hits.values()]
    assert wheres == (None if line is None else [f"{WHERE}:{line}"])


def test_a_finding_whose_code_is_not_known_counts_for_its_own_lines_only(
    tmp_path: Path, small: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_searches, "code_of", lambda elf: "the same")
    monkeypatch.setattr(kept_searches, "symbols_of", lambda elf: Lines({}))
    there = replace(SYMPTOM, function="drop", where=f"{WHERE}:10")
    kept(tmp_path, small).save(replace(FOUND, hits={there.fingerprint: Hit(there, OPS)}))
    assert kept(tmp_path, small).load() is not None
    assert kept(tmp_path, small, elf=b"moved").load() is None
