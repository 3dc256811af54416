# SPDX-License-Identifier: GPL-2.0-only
"""Sequences that are bred in C: from which inputs, by which changes, and as the search decodes."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.operations import Kind, Op
from model.ports import layout
from slatcheck.fuzz.corpus import EMPTY, Corpus, Input
from slatcheck.fuzz.coverage import CLASSES, NOTHING, PAIRS, Features, Watch
from slatcheck.fuzz.generator import Generator
from slatcheck.fuzz.library import EXTENTS, KINDS, PLACES, library
from slatcheck.fuzz.wire import OpBuffer
from slatcheck.search.sequences import BLOCK, HEADER
from tests.slatcheck.fuzz.planting import Mistake, made_with
from tests.slatcheck.fuzz.test_generator import ALL, LAYOUTS, U64, data_of, wanted

ONE = layout("mips64-4k")
LENGTH = 40
SIZE = HEADER + BLOCK * LENGTH
SEQUENCES = 600


def corpus_of(count: int, rare: int = 0, length: int = LENGTH, seed: int = 1) -> Corpus:
    """Return inputs of random bytes; so many of them are rare."""
    source = Random(seed)
    data = [source.randbytes(HEADER + BLOCK * length) for _ in range(count)]
    new = [Features(edges=frozenset([n])) if n < rare else NOTHING for n in range(count)]
    return Corpus(tuple(map(Input, data, new)))


def generator(corpus: Corpus, seed: int = 3, **more: object) -> Generator:
    made = Generator(ONE, ALL, seed, LENGTH)
    made.breed(corpus, **more)  # type: ignore[arg-type]
    return made


def blocks(data: bytes) -> list[bytes]:
    return [data[at : at + BLOCK] for at in range(HEADER, len(data), BLOCK)]


@settings(max_examples=60)
@given(LAYOUTS, st.integers(0, U64), st.integers(0, U64), st.integers(1, 5), st.integers(0, 5))
def test_what_is_bred_is_decoded_as_the_search_does(
    one: object, seed: int, number: int, count: int, rare: int
) -> None:
    drawn, ops = Generator(one, ALL, seed, LENGTH), OpBuffer(LENGTH + 6)  # type: ignore[arg-type]
    drawn.breed(corpus_of(count, rare))
    data = drawn.bytes_of(number)
    assert ops.ops(0, drawn.draw(number, ops)) == wanted(one, data, frozenset())  # type: ignore[arg-type]


def test_without_inputs_all_is_fresh() -> None:
    drawn = generator(EMPTY)
    assert [drawn.bytes_of(n) for n in range(50)] == [data_of(3, n, LENGTH) for n in range(50)]


def test_every_second_sequence_is_bred_and_the_others_are_fresh() -> None:
    drawn = generator(corpus_of(4))
    fresh = [drawn.bytes_of(n) == data_of(3, n, LENGTH) for n in range(SEQUENCES)]
    assert 0.4 < sum(fresh) / SEQUENCES < 0.6


def test_what_is_bred_depends_on_seed_number_and_inputs() -> None:
    def drawn(corpus: Corpus, seed: int) -> list[bytes]:
        return [generator(corpus, seed).bytes_of(n) for n in range(30)]

    first = drawn(corpus_of(4), 3)
    assert drawn(corpus_of(4), 3) == first
    assert drawn(corpus_of(4, seed=2), 3) != first
    assert drawn(corpus_of(4), 4) != first


def bred(corpus: Corpus, made: object = None) -> list[bytes]:
    """Return what is bred from a corpus, less what is fresh."""
    drawn = Generator(ONE, ALL, 3, LENGTH, made=made)  # type: ignore[arg-type]
    drawn.breed(corpus)
    data = [drawn.bytes_of(n) for n in range(SEQUENCES)]
    return [one for n, one in enumerate(data) if one != data_of(3, n, LENGTH)]


def parents(corpus: Corpus, made: object = None) -> list[int]:
    """Return from which input each is bred: that with which it shares most blocks."""
    inputs = [blocks(input_.data) for input_ in corpus.inputs]
    return [
        max(range(len(inputs)), key=lambda n: len({*blocks(one)} & {*inputs[n]}))
        for one in bred(corpus, made)
    ]


def test_all_inputs_are_bred_from_and_rare_ones_more() -> None:
    found = parents(corpus_of(8, rare=1))
    assert {*found} == {*range(8)}
    assert found.count(0) > 3 * max(found.count(n) for n in range(1, 8))


def ways(corpus: Corpus, made: object = None) -> set[str]:
    """Return in which ways what is bred from a single input, or from two, differs from it."""
    first = blocks(corpus.inputs[0].data)
    others = [block for input_ in corpus.inputs[1:] for block in blocks(input_.data)]
    found = set()
    for one in bred(corpus, made):
        now = blocks(one)
        places = [n for n in range(LENGTH) if now[n] != first[n]]
        if one[:HEADER] != corpus.inputs[0].data[:HEADER] and not places:
            found.add("header")
        if len(places) == 1:
            same = sum(a == b for a, b in zip(now[places[0]], first[places[0]], strict=True))
            found.add("byte" if same >= BLOCK - 1 else "block")
        if len(places) == 2 and {now[n] for n in places} == {first[n] for n in places}:
            found.add("swapped")
        if places:
            at = places[0]
            if len(places) > 2 and now[at + 1 :] == first[at:-1]:
                found.add("inserted")
            if at < LENGTH - 2 and now[at:-1] == first[at + 1 :]:
                found.add("taken out")
            if at and len(places) > 4 and places == [*range(at, LENGTH)]:
                known = [block in others for block in now[at:]]
                found |= {"tail of another"} if all(known) else set()
                found |= {"new tail"} if not any(known) and not {*now[at:]} & {*first} else set()
            run = now[at : places[-1] + 1]
            if 1 < len(run) < LENGTH - 1 and any(
                run == first[n : n + len(run)] for n in range(LENGTH) if abs(n - at) > 1
            ):
                found.add("repeated")
    return found


WAYS = {
    "header", "byte", "block", "swapped", "inserted", "taken out", "new tail", "repeated",
    "tail of another",
}  # fmt: skip


def test_sequences_are_changed_in_every_way() -> None:
    assert ways(corpus_of(2)) == WAYS


def test_an_input_is_run_again_as_it_is() -> None:
    corpus = corpus_of(5)
    drawn = generator(corpus, again=True)
    assert [drawn.bytes_of(n) for n in range(5)] == [input_.data for input_ in corpus.inputs]


def test_what_cannot_be_bred_from_is_refused() -> None:
    with pytest.raises(ValueError, match="286 bytes for 40 operations"):
        generator(corpus_of(1, length=LENGTH + 1))
    with pytest.raises(ValueError, match="no input to be run again"):
        generator(EMPTY, again=True)


MISTAKES = (
    Mistake("nothing is bred", "breed.c", "next_number(&coin) & 1)", "next_number(&coin) & 0)"),
    Mistake("only the first input", "breed.c", "(number >> 1) % among", "0 * among"),
    Mistake("rare ones as all others", "breed.c", "corpus->rare && number & 1", "0"),
    Mistake("no new tail", "breed.c", "fresh_blocks(state, bytes, at, length);", "(void)at;"),
    Mistake("its own tail", "breed.c", "&parent(state, corpus, HEADER + BLOCK * length)", "&bytes"),
    Mistake("nothing is inserted", "breed.c", "&blocks[BLOCK * at], behind);\n\t\tnext",
            "&blocks[BLOCK * at], 0);\n\t\tnext"),
    Mistake("no other focus", "breed.c", "bytes[below(state, HEADER)] = next", "kept[0] = next"),
    Mistake("no swap", "breed.c", "copy_bytes(&blocks[BLOCK * other], kept, BLOCK);", ";"),
    Mistake("no byte", "breed.c", "blocks[BLOCK * at + below(state, BLOCK)] =", "kept[0] ="),
    Mistake("no repetition", "breed.c", "run = at_most(run, length", "run = at_most(0, length"),
    Mistake("copies run into themselves", "breed.c", "if (to < from)", "if (1)"),
)  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES, ids=str)
def test_mistakes_in_breeding_are_found(mistake: Mistake, tmp_path: Path) -> None:
    made = made_with(mistake, tmp_path)

    def seen(library_: object) -> tuple[bool, ...]:
        few = corpus_of(8, rare=1)
        count = len(bred(few, library_))
        from_ = parents(few, library_) if count else []
        return (
            ways(corpus_of(2), library_) == WAYS,
            0.4 < count / SEQUENCES < 0.6,
            {*from_} == {*range(8)},
            from_.count(0) > 3 * max((from_.count(n) for n in range(1, 8)), default=0),
        )

    assert all(seen(library()))
    assert not all(seen(made))


# Pairs


def class_of(number: int) -> tuple[Kind, str, str]:
    rest, extent = divmod(number, len(EXTENTS))
    kind, place = divmod(rest, len(PLACES))
    return KINDS[kind], PLACES[place], EXTENTS[extent]


def test_pairs_are_of_operations_one_behind_the_other() -> None:
    pairs, ops = Watch(PAIRS), OpBuffer(4096)
    drawn = generator(EMPTY, pairs=pairs)
    starts = drawn.fill(0, ops)
    news = pairs.news()
    coverage = drawn.coverage()
    classes = [(class_of(n // CLASSES), class_of(n % CLASSES)) for _, n in news]
    assert {(a[0], b[0]) for a, b in classes} == coverage.followed.keys()
    assert {b for _, b in classes} | {class_of(0)} == coverage.operands.keys()
    assert len({*classes}) == len(news) > 1000
    done: list[Op] = ops.ops(0, starts[-1])
    for (at, _), (before, after) in zip(news, classes, strict=True):
        assert (done[at - 1].kind, done[at].kind) == (before[0], after[0])


def test_a_pair_is_new_once() -> None:
    pairs, ops = Watch(PAIRS), OpBuffer(4096)
    drawn = generator(EMPTY, pairs=pairs)
    drawn.fill(0, ops)
    first = {feature for _, feature in pairs.news()}
    drawn.fill(0, ops)
    assert pairs.news() == []
    other = Watch(PAIRS, first)
    drawn.breed(EMPTY, pairs=other)
    drawn.fill(0, ops)
    assert other.news() == []
