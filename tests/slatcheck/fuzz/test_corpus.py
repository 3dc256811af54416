# SPDX-License-Identifier: GPL-2.0-only
"""Inputs that reached something: which are kept, how few do, and that nothing of them is lost."""

from __future__ import annotations

import errno
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slatcheck.fuzz import corpus as corpora
from slatcheck.fuzz.corpus import (
    EMPTY,
    SIZE,
    Corpus,
    Input,
    Store,
    input_of,
    plain_input,
    smallest,
)
from slatcheck.fuzz.coverage import NOTHING, Features, features_of, plain_features, united

NUMBERS = st.frozensets(st.integers(0, 12), max_size=6)
FEATURES = st.builds(Features, NUMBERS, NUMBERS, NUMBERS)
INPUTS = st.lists(st.builds(Input, st.binary(min_size=2, max_size=3), FEATURES), max_size=12)


def features(*edges: int, pairs: tuple[int, ...] = ()) -> Features:
    return Features(frozenset(edges), frozenset(pairs))


@given(FEATURES, FEATURES)
def test_features_are_sets_of_three_sorts(one: Features, other: Features) -> None:
    for name in ("edges", "pairs", "states"):
        a, b = getattr(one, name), getattr(other, name)
        assert getattr(one | other, name) == a | b
        assert getattr(one - other, name) == a - b
    assert bool(one) == any((one.edges, one.pairs, one.states))
    assert len(one) == len(one.edges) + len(one.pairs) + len(one.states)
    assert united([one, other, NOTHING]) == one | other
    assert features_of(plain_features(one)) == one


@given(INPUTS)
def test_what_reaches_something_is_kept_once(inputs: list[Input]) -> None:
    found = EMPTY.joined(inputs, NOTHING)
    assert found.reached == united(input_.new for input_ in inputs)
    assert sum(len(input_.new) for input_ in found.inputs) == len(found.reached)
    assert all(input_.new for input_ in found.inputs)
    assert found.joined(inputs, NOTHING) == found
    assert [input_.rare for input_ in found.sorted] == sorted(
        (input_.rare for input_ in found.inputs), reverse=True
    )


@given(INPUTS, INPUTS)
def test_the_digest_tells_what_is_bred_apart(one: list[Input], other: list[Input]) -> None:
    a, b = (EMPTY.joined(inputs, NOTHING) for inputs in (one, other))
    shown = [[(input_.data, input_.rare) for input_ in c.inputs] for c in (a, b)]
    assert (a.digest == b.digest) == (shown[0] == shown[1])
    assert all(input_of(plain_input(input_)) == input_ for input_ in one)


def test_there_is_room_for_so_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corpora, "MOST_RARE", 3)
    monkeypatch.setattr(corpora, "MOST_OTHERS", 2)
    rare = [Input(bytes([n]), features(n)) for n in range(5)]
    others = [Input(bytes([9, n]), features(pairs=(n,))) for n in range(5)]
    found = EMPTY.joined(rare + others, united(i.new for i in rare + others))
    assert (found.rare, len(found.inputs), found.room) == (3, 5, 0)
    assert len(found.reached) == 10, "what is not kept was reached all the same"
    assert found.joined(others, NOTHING).inputs == found.inputs


@given(st.lists(st.builds(Input, st.binary(max_size=2), FEATURES), unique_by=lambda i: i.data))
def test_few_inputs_reach_what_all_of_them_do(inputs: list[Input]) -> None:
    given_ = [(input_.data, input_.new) for input_ in inputs]
    taken = smallest(given_)
    best: dict[bytes, list[Features]] = {}
    for data, new in given_:
        best.setdefault(data, []).append(new)
    assert united(new for data in taken for new in best[data]) == united(n for _, n in given_)
    assert len(taken) <= len(united(n for _, n in given_))


def test_the_smallest_is_not_what_came_first() -> None:
    given_ = [(b"a", features(1)), (b"b", features(2)), (b"c", features(1, 2)), (b"d", NOTHING)]
    assert smallest(given_) == [b"c"]


# What is kept of it


def data(number: int) -> bytes:
    return Random(number).randbytes(SIZE)


def test_inputs_are_kept_by_their_digest(tmp_path: Path) -> None:
    store = Store(tmp_path / "new" / "layout")
    assert store.load() == {}
    assert store.add(map(data, range(5))) == 5
    assert store.add(map(data, range(3, 7))) == 2
    assert sorted(store.load().values()) == sorted(map(data, range(7)))
    assert [*store.load()] == sorted(store.load())
    assert store.only([data(1), data(6)]) == 5
    assert sorted(store.load().values()) == sorted([data(1), data(6)])


@pytest.mark.parametrize("how", ["cut", "flipped", "empty", "short", "renamed", "folder"])
def test_an_input_that_is_damaged_is_none(tmp_path: Path, how: str) -> None:
    store = Store(tmp_path)
    store.add([data(1), data(2)])
    file = next(tmp_path.glob("*.input"))
    (lost,) = (known for name, known in store.load().items() if name == file.stem)
    content = file.read_bytes()
    if how == "renamed":
        file.rename(file.with_name("0" * 32 + ".input"))
    elif how == "folder":
        file.unlink()
        file.mkdir()
    else:
        flipped = content[:99] + bytes([content[99] ^ 1]) + content[100:]
        short = content[:70]
        file.write_bytes({"cut": content[:-1], "flipped": flipped, "short": short}.get(how, b""))
    assert [*store.load().values()] == [known for known in (data(1), data(2)) if known != lost]


def test_an_input_of_another_size_is_none(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.add([data(1)[:-1]])
    assert store.load() == {}


def test_a_full_disk_loses_nothing_that_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path)
    store.add([data(1)])

    def full(self: Path, content: bytes) -> int:
        with self.open("wb") as file:
            file.write(content[: len(content) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    assert store.add([data(1), data(2)]) == 0
    assert [*store.load().values()] == [data(1)]
    monkeypatch.undo()
    assert store.add([data(2)]) == 1
    assert len(store.load()) == 2


def test_a_merge_is_noticed(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.add([data(1)])
    assert store.merged == ""
    store.note_merge()
    first = store.merged
    store.add([data(2)])
    assert store.merged == first != ""
    store.note_merge()
    assert store.merged != first


def test_a_corpus_travels(tmp_path: Path) -> None:
    import pickle

    corpus = Corpus((Input(data(1), features(1)),), features(1, 2))
    copy = pickle.loads(pickle.dumps(corpus))
    assert copy == corpus
    assert copy.digest == corpus.digest
