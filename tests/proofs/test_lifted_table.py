# SPDX-License-Identifier: GPL-2.0-only
"""The table's functions, lifted, compute what they compute on integers."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from impl.multilevel import index, pte, table
from impl.multilevel import multilevel as module_of_runs
from impl.multilevel.interface import Slot
from impl.multilevel.multilevel import MultiLevel
from impl.multilevel.runtime import ConcreteRuntime
from model.layout import Layout
from model.operations import Kind, Op
from model.ports import layout
from proofs import terms
from proofs.contracts import entry_of
from proofs.evaluation import Model, evaluate
from proofs.heap import (
    ENTRY,
    PAGE_BITS,
    PFN_BITS,
    RAW_BITS,
    Heap,
    empty_marker,
    fresh_heap,
    shape_of,
)
from proofs.lifting import Name, SymBool, SymInt, as_bits, lifted, summary, truth_of, unsigned
from proofs.paths import Path, explore
from proofs.ports.mips.table import program as multilevel
from proofs.symbolic import SymbolicRuntime
from proofs.terms import BOOL, Term, variable
from slatcheck.search.sequences import BLOCK, HEADER, Decoder
from tests.proofs.concrete import call_of, model_of
from tests.proofs.watcher import Watcher, algorithm

LAYOUTS = ("mips32-64k", "mips32-4k-huge", "mips64-4k", "mips64-4k-va48")
SEED = 31337


# Pure functions


def point(**values: int) -> dict[str, Callable[..., int]]:
    return {name: lambda value=value: value for name, value in values.items()}


def runtimes(path: Path, where: Layout) -> SymbolicRuntime:
    return SymbolicRuntime(path, where, fresh_heap(shape_of(where)))


@pytest.fixture(params=LAYOUTS)
def where(request: pytest.FixtureRequest) -> Layout:
    return layout(request.param)


def addresses(where: Layout, rng: Random, width: int, number: int) -> list[int]:
    """Return words at which something begins or ends, and others."""
    found = [0, 1, (1 << width) - 1]
    for level in where.tables:
        for multiple in (1, level.entries - 1, level.entries, 2 * level.entries):
            found += [level.span * multiple + delta for delta in (-1, 0, 1)]
    found += [where.frames + delta for delta in (-1, 0, 1)]
    found += [rng.getrandbits(rng.randint(1, width)) for _ in range(number)]
    return [one % (1 << width) for one in found]


def test_index_arithmetic(where: Layout) -> None:
    print(f"seed {SEED}")
    rng = Random(SEED)
    functions = multilevel().bind({})
    word = unsigned(variable("gpa", where.bits))
    slots = [functions["slot_index"](word, one.span, one.entries) for one in where.tables]
    frame = functions["gfn_of"](word, where.leaf.span)
    address = functions["gpa_of"](unsigned(variable("gpa", 64)), where.leaf.span)
    for value in addresses(where, rng, where.bits, 100):
        model = point(gpa=value)
        for slot, level in zip(slots, where.tables, strict=True):
            found = evaluate(lifted(slot).term, model)
            assert found == index.slot_index(value, level.span, level.entries)
            assert lifted(slot).lo <= found <= lifted(slot).hi <= level.entries - 1
        assert evaluate(lifted(frame).term, model) == index.gfn_of(value, where.leaf.span)
        assert evaluate(address.term, model) == index.gpa_of(value, where.leaf.span)


def test_whole_tables(where: Layout) -> None:
    covers_all = multilevel().bind({})["covers_all"]
    for level in where.tables:
        top = level.entries - 1
        first, last = (unsigned(variable(name, top.bit_length())) for name in ("first", "last"))
        told = covers_all(first, last, level.entries)
        assert isinstance(told, SymBool)
        for one in (0, 1, top - 1, top):
            for other in (0, 1, top - 1, top):
                model = point(first=one, last=other)
                expected = index.covers_all(one, other, level.entries)
                assert bool(evaluate(told.term, model)) == expected


def test_reach_and_truncation(where: Layout) -> None:
    print(f"seed {SEED}")
    rng = Random(SEED)
    concrete = ConcreteRuntime(where, frozenset(), table)
    functions = multilevel().bind({})
    built: list[Any] = []

    def program(path: Path) -> None:
        rt = runtimes(path, where)
        gfn = unsigned(variable("gfn", 64))
        built[:] = summary(
            lambda: [
                as_bits(functions["clip_end"](rt, gfn), 64),
                as_bits(functions["clip_end"](rt, gfn + 1), 65),
                truth_of(functions["beyond_reach"](rt, gfn)),
                as_bits(functions["gpa"](rt, gfn), where.bits),
                as_bits(rt.ulong(gfn), where.bits),
                as_bits(rt.ulong(gfn - 5), where.bits),
                as_bits(rt.ulong(gfn * 3 + 7), where.bits),
            ]
        )

    explore(program)
    for value in addresses(where, rng, 64, 100):
        model = point(gfn=value)
        expected = [
            table.clip_end(concrete, value),
            table.clip_end(concrete, value + 1),
            table.beyond_reach(concrete, value),
            table.gpa(concrete, value),
            concrete.ulong(value),
            concrete.ulong(value - 5),
            concrete.ulong(value * 3 + 7),
        ]
        assert [evaluate(terms.truth(one) if isinstance(one, bool) else one, model)
                for one in built] == expected  # fmt: skip


@pytest.mark.parametrize("lowest", [True, False], ids=["ffs", "fls"])
def test_bits_of_masks(lowest: bool, where: Layout) -> None:
    print(f"seed {SEED}")
    rng = Random(SEED)
    concrete = ConcreteRuntime(where, frozenset(), table)

    def program(path: Path) -> None:
        rt = runtimes(path, where)
        mask = unsigned(variable("mask", where.bits))
        path.show("found", lifted(rt.ffs(mask) if lowest else rt.fls(mask)).sized(6))

    (path,) = explore(program)
    width = where.bits
    masks = [1, 1 << width - 1, (1 << width) - 1, 6, 3 << width - 4]
    masks += [rng.getrandbits(width) & rng.getrandbits(width) or 1 for _ in range(20)]
    for mask in masks:
        right = [
            bit
            for bit in range(64)
            if all(evaluate(fact, point(mask=mask, bit=bit)) for fact in path.premises)
        ]
        assert right == [concrete.ffs(mask) if lowest else concrete.fls(mask)]
        assert evaluate(path.watch["found"], point(mask=mask, bit=right[0])) == right[0]


def test_entries() -> None:
    print(f"seed {SEED}")
    rng = Random(SEED)
    where = layout("mips64-4k")
    built: dict[str, Term] = {}

    def program(path: Path) -> None:
        rt = runtimes(path, where)
        raw = Name(variable("raw", RAW_BITS))
        for name in ("mkyoung", "mkold", "mkdirty", "mkclean"):
            built[name] = as_bits(getattr(rt, f"pte_{name}")(raw), RAW_BITS)
        for name in ("present", "young", "dirty", "write"):
            built[name] = terms.truth(truth_of(getattr(rt, f"pte_{name}")(raw)))
        rt.around.locked = True
        flags = [SymBool(variable(name, BOOL)) for name in ("writable", "dirty")]
        built["make"] = as_bits(rt.pfn_pte(Name(variable("pfn", PFN_BITS)), *flags), RAW_BITS)

    explore(program)
    masks = {"present": 1, "write": 2, "young": 4, "dirty": 8}
    for _ in range(200):
        raw, pfn = rng.getrandbits(RAW_BITS), rng.getrandbits(PFN_BITS)
        writable, dirty = rng.getrandbits(1), rng.getrandbits(1)
        model = point(raw=raw, pfn=pfn, writable=writable, dirty=dirty)
        for name in ("mkyoung", "mkold", "mkdirty", "mkclean"):
            assert evaluate(built[name], model) == getattr(pte, name)(ENTRY, raw)
        for name, mask in masks.items():
            assert evaluate(built[name], model) == bool(raw & mask)
        made = pte.make(ENTRY, pfn, bool(writable), bool(dirty))
        assert evaluate(built["make"], model) == made


# Whole functions on a heap


def filled(where: Layout, rng: Random, monkeypatch: pytest.MonkeyPatch) -> Watcher:
    """Return a watcher of a run that has mapped and dropped frames; PFNs have few bits."""
    watcher = Watcher(where, algorithm(), rng, ghosts=True, turns=0)
    data = rng.randbytes(HEADER + BLOCK * 50)
    ops = [one._replace(pfn=one.pfn % (1 << PFN_BITS))
           for one in Decoder(where, frozenset(Kind)).decode(data)[1:-1]
           if one.kind is not Kind.FLUSH_ALL]  # fmt: skip
    size = where.leaf.span
    ops.insert(0, Op(Kind.CREATE))
    ops += [Op(Kind.FAULT, at * size, pfn=at, write=at > 1, writable=at != 1) for at in range(4)]
    ops.append(Op(Kind.MKCLEAN, 0, 3))
    with monkeypatch.context() as patch:
        patch.setattr(module_of_runs, "ConcreteRuntime", watcher.runtime)
        assert MultiLevel(where, algorithm=watcher.module).run(ops).stop is None
    return watcher


def holding(paths: list[Path], model: Model) -> Path:
    """Return the path that a model takes."""
    found = [one for one in paths if all(evaluate(fact, model) for fact in one.premises)]
    assert len(found) == 1
    return found[0]


def test_lookup_is_the_lookup(where: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    print(f"seed {SEED}")
    rng = Random(SEED)
    watcher = filled(where, rng, monkeypatch)
    rt, view = watcher.rt, watcher.view()
    assert rt is not None
    rt.private = True
    answers: dict[Path, Slot | None] = {}
    heaps: list[Heap] = []

    def program(path: Path) -> None:
        symbolic = runtimes(path, where)
        heaps[:] = [symbolic.heap]
        symbolic.around.private = True
        address = unsigned(variable("gpa", where.bits))
        functions = multilevel().bind({})
        answers[path] = functions["kvm_mips_pte_for_gpa"](symbolic, False, address)

    paths = explore(program)
    there = 0
    mapped = [frame << where.page_shift for frame in (*view.mapped(), *view.borders())]
    for address in mapped + addresses(where, rng, where.bits, 30):
        model: Model = {**model_of(heaps[0], view), **point(gpa=address)}
        told = answers[holding(paths, model)]
        slot = table.kvm_mips_pte_for_gpa(rt, False, address)
        assert (told is None) == (slot is None)
        if told is not None and slot is not None:
            there += 1
            found = evaluate(as_bits(told.table, PAGE_BITS), model)
            number: Any = told.number
            assert (found, evaluate(lifted(number).term, model)) == (
                view.names.of(slot.table),
                slot.number,
            )
    assert there > 10


def test_fast_fault_is_the_fast_fault(where: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    print(f"seed {SEED}")
    rng = Random(SEED)
    watcher = filled(where, rng, monkeypatch)
    rt = watcher.rt
    assert rt is not None
    shape = shape_of(where)
    ends: dict[Path, tuple[Any, SymbolicRuntime]] = {}
    heaps: list[Heap] = []

    def program(path: Path) -> None:
        symbolic = runtimes(path, where)
        heaps[:] = [symbolic.heap]
        address = unsigned(variable("gpa", where.bits))
        write = SymBool(variable("write", BOOL))
        functions = multilevel().bind({})
        result = functions["_kvm_mips_map_page_fast"](symbolic, address, write)
        frame = shape.frame_of(as_bits(address, where.bits))
        path.show("entry", terms.bits(entry_of(symbolic.heap, frame), RAW_BITS))
        ends[path] = result, symbolic

    paths = explore(program)
    results = set()
    for address in [*(f << where.page_shift for f in watcher.view().mapped()),
                    *addresses(where, rng, where.bits, 10)]:  # fmt: skip
        for write in rng.sample([False, True], 2):
            before = watcher.view()
            model: Model = {**model_of(heaps[0], before), **point(gpa=address, write=write)}
            path = holding(paths, model)
            rt.environment.dirty = []
            result = table._kvm_mips_map_page_fast(rt, address, write)
            told, symbolic = ends[path]
            assert told == result
            results.add((result, bool(rt.environment.dirty)))
            reported = [gfn for when, gfn in symbolic.around.reported if when]
            assert [evaluate(lifted(one).term, model) for one in reported] == rt.environment.dirty
            if address < where.frames << where.page_shift:
                frame = address >> where.page_shift
                entry = evaluate(path.watch["entry"], model)
                assert entry == entry_of(watcher.view(), frame)
            assert not symbolic.around.locked
    assert len(results) == 3


def test_a_call_means_the_same_frames(where: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    print(f"seed {SEED}")
    rng = Random(SEED)
    watcher = filled(where, rng, monkeypatch)
    view, shape = watcher.view(), shape_of(where)
    for level in range(where.levels):
        built: list[Any] = []

        def program(path: Path, level: int = level, built: list[Any] = built) -> None:
            rt = runtimes(path, where)
            start, end = (unsigned(variable(name, where.bits)) for name in ("start", "end"))
            built[:] = [rt.heap, rt.call(level, Name(variable("table", PAGE_BITS)), start, end)]

        explore(program)
        heap, call = built
        frame = variable("frame", shape.frame_bits)
        hits = terms.truth(call.hits(shape, frame))
        names = [name for name, one in view.tables.items() if one.level == level]
        for name in [*names, empty_marker(level - 1)] if level else names:
            for _ in range(20):
                start, end = (rng.choice(addresses(where, rng, where.bits, 10)) for _ in "ab")
                model: Model = {
                    **model_of(heap, view),
                    **point(table=name, start=start, end=end),
                }
                expected = call_of(where, view, level, name, start, end)
                for field in ("table", "region", "low", "high"):
                    term = terms.bits(getattr(call, field), 64)
                    assert evaluate(term, model) == getattr(expected, field)
                assert bool(evaluate(terms.truth(call.live), model)) == expected.live
                for at in (expected.low, expected.high, rng.randrange(where.frames)):
                    assert isinstance(at, int)
                    one = (int(str(expected.region)) << shape.below(level)) + at
                    one %= where.frames
                    told = bool(evaluate(hits, {**model, **point(frame=one)}))
                    assert told == expected.hits(shape, one)


def test_constants_stay_constants(where: Layout) -> None:
    concrete = ConcreteRuntime(where, frozenset(), table)
    functions = multilevel().bind({})

    def program(path: Path) -> None:
        rt = runtimes(path, where)
        for gfn in (0, where.top, where.frames, (1 << 64) - 1):
            for name in ("clip_end", "gpa", "beyond_reach"):
                found = functions[name](rt, gfn)
                assert not isinstance(found, SymInt | SymBool)
                assert found == getattr(table, name)(concrete, gfn)

    assert len(explore(program)) == 1
