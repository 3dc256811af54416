# SPDX-License-Identifier: GPL-2.0-only
"""From a solver's counterexample to one that runs: sequences made of its numbers, then judged.

A model of an obligation is a heap and operands, not a sequence of operations, and the heap
need not be reachable. So its numbers are candidates only: what is shown to anyone was run.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Mapping

from impl.interface import Implementation
from model.layout import Layout
from model.operations import ADDRESSED, HALF_OPEN, U64, Answer, Kind, Op
from slatcheck.search.campaign import Campaign, Search, Wanted, anything

ATTEMPTS = 400
"""Sequences made of a counterexample's numbers before the ordinary search takes over."""
FALLBACK = 6_000
"""Operations of the ordinary search where no such sequence shows anything."""
KINDS = (Kind.FAULT, Kind.LOOKUP, Kind.FLUSH, Kind.UNMAP, Kind.MKCLEAN, Kind.AGE)


def confirm(
    implementation: Implementation,
    kind: Kind | None,
    values: Mapping[str, int],
    shrinking: bool = True,
    wanted: Wanted | None = None,
    fallback: int = FALLBACK,
) -> Campaign:
    """Look for a run that shows what a counterexample of ``kind`` claims; its hits are real.

    With ``wanted``, only such symptoms count, and the search ends with the first. ``fallback``
    are the operations of the ordinary search that follows where nothing was found.
    """
    layout = implementation.layout
    search = Search(implementation, 0, layout.name, shrinking)
    kinds = implementation.capabilities.kinds
    drawn = ([op for op in ops if op.kind in kinds] for ops in _sequences(layout, kind, values))
    found = search.run_these(drawn, wanted or anything)
    if found.hits and (wanted is None or _any(wanted, found)):
        return found
    again = Search(implementation, 0, layout.name, shrinking)
    return again.run(fallback) if wanted is None else again.run_until(fallback, wanted)


def _any(wanted: Wanted, campaign: Campaign) -> bool:
    return any(wanted(hit.symptom) for hit in campaign.hits.values())


def _frames(layout: Layout, values: Mapping[str, int]) -> list[int]:
    """Return the frames that matter in a counterexample, with their neighbours."""
    named = [value for name, value in values.items() if name.startswith("at ")]
    for name in ("first", "last", "base"):
        if name in values:
            named.append(values[name])
    for name in ("gpa", "start", "end"):
        if name in values:
            named.append(values[name] >> layout.page_shift)
    near = [frame + step for frame in named for step in (0, -1, 1)]
    near += [0, layout.top, layout.leaf.entries - 1, layout.leaf.entries]
    return list(dict.fromkeys(frame % layout.frames for frame in near))


def _sequences(layout: Layout, kind: Kind | None, values: Mapping[str, int]) -> Iterator[list[Op]]:
    """Yield sequences that map frames of the counterexample and end with its operation."""
    draw = random.Random(0)
    frames = _frames(layout, values)
    exact = _exact(layout, kind, values)
    for turn in range(ATTEMPTS):
        ops = [Op(Kind.CREATE)]
        for frame in draw.sample(frames, min(len(frames), turn % 5)):
            ops.append(_map(layout, draw, frame))
            if draw.random() < 0.3:
                ops.append(Op(draw.choice((Kind.MKCLEAN, Kind.MKOLD)), frame, frame))
        if exact is not None and turn % 2 == 0:
            ops.append(exact)
        else:
            ops.append(_drawn(layout, draw, kind or draw.choice(KINDS), frames, values))
        ops += itertools.islice((Op(Kind.LOOKUP, f << layout.page_shift) for f in frames), turn % 3)
        ops.append(Op(Kind.DESTROY))
        yield ops if kind is not Kind.CREATE else [ops[0], ops[-1]]


def _map(layout: Layout, draw: random.Random, frame: int) -> Op:
    pfn = draw.choice((1, layout.pfn_top, draw.randrange(layout.pfn_top + 1)))
    return _fault(layout, draw, frame << layout.page_shift, pfn)


def _fault(layout: Layout, draw: random.Random, address: int, pfn: int) -> Op:
    write = draw.random() < 0.5
    return Op(
        Kind.FAULT,
        address & layout.address_mask,
        pfn=pfn,
        write=write,
        writable=write or draw.random() < 0.5,
        retries=draw.choice((0, 0, 0, 1, 2)),
        oom=draw.choice((0, 0, 0, 0, 1, 2, 3)),
    )


def _exact(layout: Layout, kind: Kind | None, values: Mapping[str, int]) -> Op | None:
    """Return the operation with the operands of the counterexample, where it names them."""
    if kind is Kind.LOG_DIRTY_MASKED and "mask" in values:
        return Op(kind, values["base"], values["offset"], values["mask"])
    if kind in ADDRESSED and "gpa" in values:
        pfn = values.get("pfn", 1) % (layout.pfn_top + 1)
        write = bool(values.get("write", 0))
        writable = bool(values.get("writable", 0)) or write
        return Op(kind, values["gpa"], pfn=pfn, write=write, writable=writable)
    if kind is not None and "first" in values:
        return Op(kind, values["first"], values["last"])
    return None


def _drawn(
    layout: Layout, draw: random.Random, kind: Kind, frames: list[int], values: Mapping[str, int]
) -> Op:
    first, last = sorted((draw.choice(frames), draw.choice(frames)))
    if kind in ADDRESSED:
        answer = draw.choice((Answer.PAGE, Answer.PAGE, Answer.ERROR))
        op = _fault(layout, draw, first << layout.page_shift, draw.choice((1, layout.pfn_top)))
        return op._replace(kind=kind, answer=answer if kind is Kind.FAULT else Answer.PAGE)
    if kind is Kind.LOG_DIRTY_MASKED:
        return Op(kind, first, draw.randrange(4), draw.getrandbits(8) | 1)
    if kind is Kind.TEST_AGE:
        return Op(kind, first, first + 1)
    if kind in (Kind.FLUSH_SLOT, Kind.COMMIT_REGION):
        return Op(kind, first, last - first + 1)
    if kind in HALF_OPEN:
        return Op(kind, first, last + 1)
    if kind is Kind.FLUSH_ALL:
        return Op(kind)
    if kind in (Kind.DESTROY, Kind.CREATE):
        return Op(Kind.FLUSH, 0, U64)
    return Op(kind, first, draw.choice((last, last, U64 if first == 0 else last)))
