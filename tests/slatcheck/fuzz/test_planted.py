# SPDX-License-Identifier: GPL-2.0-only
"""The filter's C with one mistake at a time: the comparison with the judge finds each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random

import pytest

from impl.interface import Run
from impl.multilevel import MultiLevel
from model.abstract_map import AbstractMap
from model.contracts import in_contract
from model.layout import Layout
from model.operations import Kind, Op
from model.ports import layout
from model.triggers import trigger
from slatcheck.fuzz.checker import Filter
from slatcheck.fuzz.generator import Generator
from slatcheck.fuzz.wire import OpBuffer
from tests.slatcheck.fuzz.comparing import (
    CHANGES,
    ONE,
    SCOPE,
    altered,
    drawn,
    everything,
    filtered,
    judged,
)
from tests.slatcheck.fuzz.planting import Mistake, made_with
from tests.slatcheck.fuzz.recording import representable
from tests.slatcheck.fuzz.test_generator import OURS, data_of, wanted

ALL = frozenset(Kind)
NAMES = ("mips32-4k", "mips64-4k", "mips32-4k-xpa")


MISTAKES = (
    Mistake(
        "unmap keeps the last frame",
        "operands.c",
        "range->last = (u128)op->last - 1;\n",
        "range->last = (u128)op->last - 2;\n",
    ),
    Mistake(
        "a range begins one late", "expect.c", "first = range.first;", "first = range.first + 1;"
    ),
    Mistake(
        "a mask without its holes",
        "expect.c",
        "!(op->mask >> (entry->gfn - op->first - op->last) & 1)",
        "!op->mask",
    ),
    Mistake(
        "cleaning takes the write permission",
        "expect.c",
        "entry->flags & ~ENTRY_DIRTY)",
        "entry->flags & ~(ENTRY_DIRTY | ENTRY_WRITABLE))",
    ),
    Mistake(
        "ageing cleans", "expect.c", "entry->flags & ~ENTRY_YOUNG)", "entry->flags & ~ENTRY_DIRTY)"
    ),
    Mistake(
        "commit does not clean",
        "operands.c",
        "kind == OP_LOG_DIRTY_MASKED || kind == OP_COMMIT_REGION",
        "kind == OP_LOG_DIRTY_MASKED",
    ),
    Mistake(
        "flushing a slot removes nothing",
        "operands.c",
        "kind == OP_UNMAP || kind == OP_FLUSH_SLOT",
        "kind == OP_UNMAP",
    ),
    Mistake("a fault beyond the reach maps", "expect.c", "if (gfn > layout->top)\n", "if (0)\n"),
    Mistake(
        "a refused fault keeps its entry old",
        "expect.c",
        "if (answer_of(op) != ANSWER_PAGE ||",
        "if (answer_of(op) != ANSWER_PAGE)\n\t\treturn;\n\tif (",
    ),
    Mistake(
        "a read makes dirty",
        "expect.c",
        "return write && flags & ENTRY_WRITABLE",
        "return flags & ENTRY_WRITABLE",
    ),
    Mistake(
        "a fault is always writable",
        "expect.c",
        "if (writable(op))\n\t\tflags",
        "if (1)\n\t\tflags",
    ),
    Mistake("no frame is reported by the slow path", "expect.c", "\t\treport(out, gfn);", "\t\t;"),
    Mistake(
        "no frame is reported by the fast path", "expect.c", "\t\treport(out, entry->gfn);", "\t\t;"
    ),
    Mistake(
        "a PFN keeps 20 bits",
        "expect.c",
        "(pfn >> field->source &",
        "((pfn & 0xfffff) >> field->source &",
    ),
    Mistake(
        "the second PFN field is forgotten",
        "expect.c",
        "i < layout->fields_used && i < MAX_FIELDS",
        "i < 1",
    ),
    Mistake("unmap may say no", "expect.c", "(op->kind == OP_UNMAP && changed)", "0"),
    Mistake("the whole range is nothing special", "expect.c", "if (whole ||", "if ("),
    Mistake(
        "test_age is always no", "expect.c", "must_return(out, young);", "must_return(out, 0);"
    ),
    Mistake(
        "age tells nothing",
        "expect.c",
        "op->kind == OP_MKOLD || op->kind == OP_AGE",
        "op->kind == OP_MKOLD",
    ),
    Mistake("a create is never refused", "expect.c", "op->oom == 1 ? -ENOMEM : 0", "0"),
    Mistake(
        "what follows a refusal for memory",
        "check.c",
        "op->kind == OP_FAULT && op->oom && got->result == -ENOMEM",
        "0",
    ),
    Mistake(
        "changes that are missing pass",
        "check.c",
        "return found == wanted->changes.count;",
        "return 1;",
    ),
    Mistake(
        "changes nobody asked for pass",
        "check.c",
        "\t\tif (!must)\n\t\t\treturn 0;",
        "\t\tif (!must)\n\t\t\tcontinue;",
    ),
    Mistake("any entry will do", "check.c", "must->pfn != raw ||", ""),
    Mistake("every record counts", "check.c", "if (must->seen)\n\t\t\tcontinue;", ""),
    Mistake(
        "a second report is wrong",
        "check.c",
        "if (!wanted->reports || from == to)",
        "if (!wanted->reports || from + 1 != to)",
    ),
    Mistake(
        "reports are not looked at",
        "check.c",
        "return !wanted->reports && from == to;",
        "return 1;",
    ),
    Mistake(
        "a table may be linked by a fault that fails",
        "check.c",
        "got->tables != filter->tables",
        "0",
    ),
    Mistake("flush may lie about tables", "check.c", "(op->kind == OP_FLUSH && got->result)", "0"),
    Mistake("a new table need not be empty", "check.c", "(op->kind == OP_CREATE || (", "(0 || ("),
    Mistake(
        "accounts need not balance",
        "check.c",
        "return (s64)got->taken - got->freed == got->held;",
        "return 1;",
    ),
    Mistake(
        "accounts balance in 32 bits",
        "check.c",
        "(s64)got->taken - got->freed == got->held",
        "got->taken - got->freed == got->held",
    ),
    Mistake(
        "events are not looked at",
        "events.c",
        "if (code >= CODES || subject >= 64 || !(known->subjects[kind][code] >> subject & 1))",
        "if (code >= CODES)",
    ),
    Mistake(
        "dropping loses another entry",
        "map.c",
        "map->index[slot_of(map, map->entries[map->count].gfn)] = at + 1;",
        "",
    ),
    Mistake("a slot is emptied and nothing moves up", "map.c", "if (!map->index[next])", "if (1)"),
    Mistake(
        "the index is not made again when it grows",
        "map.c",
        "map->index[slot_of(map, map->entries[i].gfn)] = i + 1;",
        ";",
    ),
    Mistake(
        "next-page-mapped is never seen",
        "triggers.c",
        "end <= layout->top && !installs(op->kind) && map_find(map, end)",
        "0",
    ),
    Mistake(
        "a mask with holes is never seen", "triggers.c", "return !!(run & (run + 1));", "return 0;"
    ),
    Mistake("truncated is never seen", "triggers.c", "highest > layout->address_mask", "0"),
    Mistake(
        "a test_age out of contract", "operands.c", "op->last == op->first + 1 && op->last &&", ""
    ),
    Mistake("steps are none", "draw.c", "{ 0, 0, 0, 1, -1, 2, -2, 3 }", "{ 0 }"),
    Mistake(
        "frames below 0 wrap",
        "draw.c",
        "frame > (u64)-delta ? at_most(frame + delta, from->layout.top) : 0",
        "frame + delta",
    ),
)


@dataclass(frozen=True)
class Compared:
    """A run, and where the judge finds the first thing that is wrong."""

    layout: Layout
    ops: list[Op]
    run: Run
    judged: int


def runs() -> Iterator[tuple[Layout, list[Op], Run]]:
    """Yield runs that are right, and runs with one outcome changed, as the hypotheses draw them."""
    for name in NAMES:
        one = layout(name)
        for seed in range(150):
            source = Random(seed)
            ops = drawn(one, source, 40)
            run = MultiLevel(one).run(ops)
            yield one, ops, run
            for change in source.sample(CHANGES, 4):
                yield one, ops, altered(run, source.randrange(len(run.outcomes)), change, source)
    for first in SCOPE:
        for second in SCOPE:
            ops = [Op(Kind.CREATE), first, second]
            run = MultiLevel(ONE).run(ops)
            yield from ((ONE, ops, changed) for changed in everything(run, 2))
    crowd = [Op(Kind.FAULT, frame << 12, pfn=5) for frame in range(0, 400, 3)]
    ops = [Op(Kind.CREATE), *crowd, Op(Kind.UNMAP, 9, 300), *crowd, Op(Kind.DESTROY)]
    yield ONE, ops, MultiLevel(ONE).run(ops)


@cache
def compared() -> list[Compared]:
    return [Compared(one, ops, run, judged(one, ops, run)) for one, ops, run in runs()]


@cache
def shapes_of_all() -> list[tuple[Layout, list[Op], list[tuple[str, bool]]]]:
    found = []
    odd = [Op(kind, first, last) for kind in OURS for first in (0, 1) for last in (0, 1, 9)]
    drawn_ones = [(case.layout, case.ops) for case in compared()[::5]]
    for one, ops in [*drawn_ones, (ONE, odd)]:
        state = AbstractMap(one)
        shapes = []
        for op in ops:
            shapes.append((trigger(state, op), in_contract(one, op)))
            state.apply(op)
        found.append((one, ops, shapes))
    return found


def disagrees(checkers: dict[str, Filter]) -> str:
    """Return where filter and model say different things, '' where they nowhere do."""
    for number, case in enumerate(compared()):
        found = filtered(checkers[case.layout.name], case.ops, case.run, number % 3 == 0)
        if found > case.judged or (found < case.judged and representable(case.run.outcomes)):
            return f"{case.layout.name}: {found} and {case.judged}: {case.ops}"
    for one, ops, shapes in shapes_of_all():
        buffer = OpBuffer(len(ops))
        buffer.put(ops)
        if list(zip(*checkers[one.name].shapes(buffer, len(ops)), strict=True)) != shapes:
            return f"{one.name}: shapes of {ops}"
    return ""


def draws_otherwise(generators: dict[str, Generator]) -> str:
    """Return what the generator draws and the search does not, '' where there is nothing."""
    ops = OpBuffer(66)
    for name, generator in generators.items():
        for number in range(40):
            found = ops.ops(0, generator.draw(number, ops))
            if found != wanted(layout(name), data_of(1, number, 60), frozenset()):
                return f"{name}: sequence {number}"
    return ""


def test_without_a_mistake_they_agree() -> None:
    assert not disagrees({name: Filter(layout(name)) for name in NAMES})
    assert not draws_otherwise({name: Generator(layout(name), ALL, 1, 60) for name in NAMES})


@pytest.mark.slow
@pytest.mark.parametrize("mistake", MISTAKES, ids=str)
def test_a_mistake_is_found(mistake: Mistake, tmp_path: Path) -> None:
    made = made_with(mistake, tmp_path)
    checkers = {name: Filter(layout(name), made=made) for name in NAMES}
    generators = {name: Generator(layout(name), ALL, 1, 60, made=made) for name in NAMES}
    assert disagrees(checkers) or draws_otherwise(generators)
