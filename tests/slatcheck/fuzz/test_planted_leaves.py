# SPDX-License-Identifier: GPL-2.0-only
"""Leaves of several sizes: mistakes in the C, one at a time, are found by the comparison."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from random import Random

import pytest

from impl.interface import Outcome, Run
from impl.ports import table
from model.entry import Entry
from model.layout import Layout
from model.leaf_map import Habit, LeafMap
from model.operations import ENOMEM, Kind, Op
from model.slots import Slots
from slatcheck.fuzz.checker import Filter
from slatcheck.fuzz.generator import Generator
from slatcheck.fuzz.wire import OpBuffer
from slatcheck.search.differential import plan
from slatcheck.search.leaf_sequences import decoder_of
from tests.slatcheck.fuzz.comparing import CHANGES, altered, filtered, judged
from tests.slatcheck.fuzz.planting import Mistake, made_with
from tests.slatcheck.fuzz.test_generator import data_of
from tests.slatcheck.fuzz.test_leaves import LARGE, drawn, kinds, without_need
from tests.slatcheck.search.ideal import Ideal, Twist, nothing
from tests.slatcheck.search.test_leaves import (
    forgets_to_age,
    grants,
    keep_the_rest,
    more_than_touched,
    moves,
    split_all,
    stale,
    too_large,
    wrong_neighbour,
)

LAYOUTS = LARGE[:2]


def untold(outcome: Outcome, _: Random) -> Outcome:
    """Let nothing be reported dirty."""
    return outcome._replace(dirty=())


def beyond_the_host(state: LeafMap, op: Op, before: dict[int, Entry], result: int) -> int:
    """Let a fault map the next frame as well."""
    frame = op.first >> state.layout.page_shift
    entry = state.entries.get(frame)
    free = state.holder(frame + 1) is None and frame < state.layout.top
    came = entry is not None and not entry.order and before.get(frame) != entry
    if op.kind is Kind.FAULT and entry and came and free:
        state.entries[frame + 1] = entry._replace(pfn=entry.pfn + 1)
    return result


def other_permission(state: LeafMap, op: Op, before: dict[int, Entry], result: int) -> int:
    """Let a fault give, or not give, write permission."""
    frame = op.first >> state.layout.page_shift
    entry = state.entries.get(frame)
    if op.kind is Kind.FAULT and entry and before.get(frame) != entry:
        state.entries[frame] = entry._replace(writable=not entry.writable)
    return result


def unsplit(state: LeafMap, op: Op, before: dict[int, Entry], result: int) -> int:
    """Let a split change nothing."""
    if op.kind is Kind.SPLIT:
        state.entries = dict(before)
    return result


def beyond_the_slot(state: LeafMap, op: Op, before: dict[int, Entry], result: int) -> int:
    """Let a leaf of a fault be of the largest size, whatever the memslot is."""
    frame = op.first >> state.layout.page_shift
    entry = state.entries.get(frame)
    if op.kind is Kind.FAULT and op.order and entry and not entry.order and not op.skew:
        low = (1 << op.order) - 1
        base = frame & ~low
        if before.get(frame) != entry and not any(base <= f <= base + low for f in before):
            del state.entries[frame]
            pfn = entry.pfn - (frame - base)
            state.entries[base] = entry._replace(pfn=pfn, order=op.order)
    return result


TWISTS: tuple[Twist, ...] = (
    nothing, beyond_the_host, other_permission, unsplit, beyond_the_slot, forgets_to_age, grants,
    keep_the_rest, more_than_touched, moves, split_all, stale, too_large, wrong_neighbour,
)  # fmt: skip
HABITS: tuple[frozenset[Habit], ...] = (
    frozenset(),
    frozenset(Habit),
    *(frozenset({habit}) for habit in Habit),
)

MISTAKES = (
    Mistake(
        "a removal may leave what is named",
        "cover.c",
        "return piece->inside ? !piece->new : gone_or_same(piece);",
        "return gone_or_same(piece);",
    ),
    Mistake(
        "what is not named must stay",
        "cover.c",
        "return same(piece) || (piece->touched && !piece->new);",
        "return same(piece);",
    ),
    Mistake(
        "the rest of a leaf must stay as it was",
        "cover.c",
        "same(piece) || (piece->touched && done)",
        "same(piece)",
    ),
    Mistake(
        "anything may become weaker",
        "cover.c",
        "same(piece) || (piece->touched && done)",
        "same(piece) || done",
    ),
    Mistake(
        "flags do not count",
        "cover.c",
        "(flags_of(piece->old) & ~flags) == flags_of(piece->new)",
        "1",
    ),
    Mistake(
        "frames do not count",
        "cover.c",
        "pfn_at(piece->old, piece->first) == pfn_at(piece->new, piece->first) &&",
        "",
    ),
    Mistake(
        "a leaf in a memslot's neighbour",
        "cover.c",
        "last_of(leaf) > slot_at(in->layout, in->slots, leaf->gfn).last",
        "0",
    ),
    Mistake(
        "a fault may map what it likes",
        "cover.c",
        "return is_mapped_to(piece, op->pfn + (piece->first - frame),",
        "return 1 || is_mapped_to(piece, op->pfn + (piece->first - frame),",
    ),
    Mistake("a fault need not be writable", "cover.c", "if (!!flags != may &&", "if (0 &&"),
    Mistake(
        "a fault maps beyond the host's page",
        "cover.c",
        "|| piece->first < host.first || piece->first > host.last",
        "",
    ),
    Mistake(
        "the host's page is a page",
        "cover.c",
        "found.last = at_most(frame + (low - inside), slot.last);",
        "",
    ),
    Mistake("a split need not split", "cover.c", "!asked || order_of(asked) <= op->order", "1"),
    Mistake(
        "a mask is its hull", "cover.c", "mask = length < 64 ? mask >> length : 0;", "mask = 0;"
    ),
    Mistake(
        "devices may be anything",
        "cover.c",
        "ENTRY_YOUNG | ENTRY_DIRTY | ENTRY_DEVICE |",
        "ENTRY_YOUNG | ENTRY_DIRTY |",
    ),
    Mistake(
        "a map may leave what it likes",
        "cover.c",
        "return op->kind == OP_MAP ? map_is_right(in, op, piece) : same(piece);",
        "return op->kind == OP_MAP || same(piece);",
    ),
    Mistake(
        "a raw entry may be anything", "leaves.c", "|| raw_of(layout, *pfn, *flags) != raw", ""
    ),
    Mistake(
        "the first record counts",
        "leaves.c",
        "known->pfn = rings->changes[from].raw;",
        "known->pfn = known->pfn ? known->pfn : rings->changes[from].raw;",
    ),
    Mistake(
        "age tells nothing", "leaves.c", "return result == is_touched_young(filter);", "return 1;"
    ),
    Mistake(
        "a look-up tells nothing",
        "leaves.c",
        "return result == (leaf ?",
        "return 1 || result == (leaf ?",
    ),
    Mistake(
        "a memslot beyond the reach is taken",
        "leaves.c",
        "return result == -EFAULT;",
        "return !result;",
    ),
    Mistake("a memslot that is read-only is taken", "leaves.c", "writable(op) ? 0 : -EPERM", "0"),
    Mistake(
        "a report may be missing",
        "leaves.c",
        "if (rings->dirty[from] == frame)\n\t\t\treturn 1;\n\treturn 0;",
        "if (rings->dirty[from] == frame)\n\t\t\treturn 1;\n\treturn 1;",
    ),
    Mistake(
        "logging makes no difference to reports",
        "leaves.c",
        "||\n\t    !logs(cover->layout, cover->slots, frame))",
        ")",
    ),
    Mistake(
        "a table may be linked by what fails", "leaves.c", "got->tables != filter->tables", "0"
    ),
    Mistake(
        "accounts need not balance",
        "leaves.c",
        "return !filter->layout.pages || (s64)",
        "return 1 || (s64)",
    ),
    Mistake("what goes stays in the map", "leaves.c", "\t\t\tmap_drop(map, known);", "\t\t\t;"),
    Mistake(
        "what changes stays as it was",
        "leaves.c",
        "known->pfn = change->pfn;\n\t\t\tknown->flags = change->flags;",
        ";",
    ),
    Mistake(
        "memslots do not begin to log", "slots.c", "map_add(&slots->logging, op->first, 0, 0);", ";"
    ),
    Mistake("memslots log for ever", "slots.c", "map_drop(&slots->logging, known);", ";"),
    Mistake(
        "one border is forgotten",
        "slots.c",
        "for (i = 0; i < 2; i++) {",
        "for (i = 0; i < 1; i++) {",
    ),
    Mistake("memslots have no windows", "slots.c", "frame / layout->window * layout->window", "0"),
    Mistake("the largest leaf is a page", "apply.c", "found = order;", ";"),
    Mistake(
        "what is smaller stays",
        "apply.c",
        "if (base <= leaf->gfn && leaf->gfn <= last && order_of(leaf) < order)",
        "if (0)",
    ),
    Mistake("what is larger goes", "apply.c", "if (in->habits & HABIT_DROPS)", "if (1)"),
    Mistake("nothing is refused", "apply.c", "in->habits & HABIT_REFUSES && around", "0 && around"),
    Mistake("nothing is replaced", "apply.c", "!(in->habits & HABIT_REPLACES) &&", ""),
    Mistake("a hole is not seen", "apply.c", "inside && !at_first && !installs(op->kind) ?", "0 ?"),
    Mistake(
        "tall addresses are not seen",
        "apply.c",
        "> layout->word_mask ? T_ABOVE_UNSIGNED_LONG : T_ANY",
        "> layout->word_mask ? T_ANY : T_ANY",
    ),
    Mistake(
        "leaves have no middle",
        "draw_leaves.c",
        "{ span, span / 2, span - 1, -span }",
        "{ span, span, span, span }",
    ),
    Mistake("masks leave their memslot", "draw_leaves.c", "room < 64 ?", "0 ?"),
)


@cache
def compared() -> list[tuple[Layout, list[Op], Run, bool, int]]:
    """Return runs of the table and of twisted maps, some changed, and where the judge finds it."""
    found = []
    for one in LAYOUTS:
        for ops, run in directed(one):
            wanted = judged(one, ops, run)
            assert wanted == len(ops) - 1
            found.append((one, ops, run, True, wanted))
        for seed in range(5 * len(TWISTS)):
            source = Random(seed)
            ops = drawn(one, source, 25)
            run = table(one).run(ops)
            runs = [(run, True)]
            runs += [(Ideal(one, TWISTS[seed % len(TWISTS)]).run(ops), False)]
            told = [step for step, outcome in enumerate(run.outcomes) if outcome.dirty]
            runs += [(altered(run, step, untold, source), True) for step in told[-1:]]
            steps = [source.randrange(len(run.outcomes)) for _ in range(3)]
            runs += [(altered(run, step, source.choice(CHANGES), source), True) for step in steps]
            found += [(one, ops, run, pages, judged(one, ops, run, pages)) for run, pages in runs]
    return found


def directed(one: Layout) -> Iterator[tuple[list[Op], Run]]:
    """Yield runs of which the last outcome is wrong in a way that is seldom drawn."""
    order = one.leaf_orders[1]
    create, size = Op(Kind.CREATE), 1 << order
    fault = Op(Kind.FAULT, 0, pfn=size, write=True, writable=True)
    large, slot = fault._replace(order=order), Slots(one).of(0)
    leaf = one.entry.encode(Entry(size, True, True, True, order))
    page = one.entry.encode(Entry(size, True, True, True))
    for ops, last in (
        ([Op(Kind.CREATE, size // 2), large], Outcome(0, {0: leaf})),
        ([create, large, Op(Kind.SPLIT, 0)], Outcome(0, {})),
        ([create, Op(Kind.COMMIT_REGION, *slot), fault], Outcome(0, {0: page})),
        ([create, fault._replace(oom=1)], Outcome(-ENOMEM, {}, tables=1)),
    ):
        run = Ideal(one).run(ops)
        yield ops, Run([*run.outcomes[:-1], last])


def disagrees(checkers: dict[tuple[str, bool], Filter]) -> str:
    """Return where filter and judge say different things, '' where they nowhere do."""
    for number, (one, ops, run, pages, wanted) in enumerate(compared()):
        found = filtered(checkers[one.name, pages], ops, run, number % 3 == 0)
        if found > wanted or (found < wanted and not without_need(ops, run, found, wanted)):
            return f"{one.name}: {found} and {wanted}: {ops}"
    return ""


@cache
def planned() -> list[tuple[Layout, frozenset[Habit], int, list[Op]]]:
    found = []
    for one in LAYOUTS:
        decoder = decoder_of(one, kinds(one))
        for number in range(100):
            habits = HABITS[number % len(HABITS)]
            shapes = frozenset({("kvm_unmap_gfn_range", "part-of-leaf")}) | SHAPES
            kept, _ = plan(one, decoder.decode(data_of(1, number, 60)), shapes, habits)
            found.append((one, habits, number, kept[:1] if kept[0].oom else kept))
    return found


SHAPES = frozenset(
    {
        ("kvm_unmap_gfn_range", "after-a-hole"),
        ("kvm_arch_mmu_enable_log_dirty_pt_masked", "above-unsigned-long"),
        ("kvm_riscv_mmu_map", "smaller-than-leaf"),
    }
)


def draws_otherwise(generators: dict[str, Generator]) -> str:
    """Return what the generator draws and the search does not, '' where there is nothing."""
    ops = OpBuffer(66)
    for one, habits, number, wanted in planned():
        generators[one.name].exclude({("kvm_unmap_gfn_range", "part-of-leaf")} | SHAPES, habits)
        if ops.ops(0, generators[one.name].draw(number, ops)) != wanted:
            return f"{one.name}: sequence {number}"
    return ""


def test_without_a_mistake_they_agree() -> None:
    pages = (True, False)
    assert not disagrees({(one.name, p): Filter(one, p) for one in LAYOUTS for p in pages})
    assert not draws_otherwise({one.name: Generator(one, kinds(one), 1, 60) for one in LAYOUTS})


@pytest.mark.slow
@pytest.mark.parametrize("mistake", MISTAKES, ids=str)
def test_a_mistake_is_found(mistake: Mistake, tmp_path: Path) -> None:
    made = made_with(mistake, tmp_path)
    pages = (True, False)
    generators = {one.name: Generator(one, kinds(one), 1, 60, made=made) for one in LAYOUTS}
    checkers = {(one.name, p): Filter(one, p, made=made) for one in LAYOUTS for p in pages}
    assert draws_otherwise(generators) or disagrees(checkers)


def test_every_kind_is_among_what_is_compared() -> None:
    for one in LAYOUTS:
        found = {op.kind for layout, ops, *_ in compared() if layout is one for op in ops}
        assert found == kinds(one) | {Kind.CREATE}
