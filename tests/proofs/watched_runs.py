# SPDX-License-Identifier: GPL-2.0-only
"""Sequences of operations for a watched table, and how they are carried out."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from random import Random

import pytest

from impl.interface import Run
from impl.multilevel import MultiLevel, multilevel
from model.layout import Layout
from model.operations import Kind, Op
from model.ports import layout
from slatcheck.search.sequences import BLOCK, HEADER, Decoder
from tests.proofs.watcher import Watcher

LAYOUTS = {2: "mips32-64k", 3: "mips64-4k", 4: "mips64-4k-va48"}
"""One layout of each depth; the root of that of three levels takes two pages."""
SEED = 20240607


def sequence(where: Layout, rng: Random, length: int) -> list[Op]:
    """Return operations from CREATE to DESTROY."""
    data = rng.randbytes(HEADER + BLOCK * length)
    return [Op(Kind.CREATE), *Decoder(where, frozenset(Kind)).decode(data)[1:]]


def run(watcher: Watcher, ops: Sequence[Op], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Carry out operations under the eyes of a watcher."""
    with monkeypatch.context() as patch:
        patch.setattr(multilevel, "ConcreteRuntime", watcher.runtime)
        return MultiLevel(watcher.layout, algorithm=watcher.module).run(ops)


@lru_cache(maxsize=8)
def examples(levels: int) -> list[list[Op]]:
    """Return sequences for planted bugs, among them a handful of frames side by side."""
    where = layout(LAYOUTS[levels])
    rng = Random(SEED + 7)
    near = where.tables[-2].span
    faults = [
        Op(Kind.FAULT, at, pfn=5, write=True, writable=True)
        for first in (0, near, 3 * near, where.frames - 1 << where.page_shift)
        for at in (first, first + where.leaf.span)
        if at < where.frames << where.page_shift
    ]
    gfn = near >> where.page_shift
    ranged = [
        Op(Kind.TEST_AGE, 0, 1),
        Op(Kind.MKCLEAN, 0, 0),
        Op(Kind.MKCLEAN, 0, gfn),
        Op(Kind.MKOLD, 1, where.top),
        Op(Kind.FLUSH, 0, 0),
        Op(Kind.FLUSH, gfn + 1, 2 * gfn - 1),
        Op(Kind.FLUSH, gfn, 2 * gfn - 1),
        Op(Kind.FLUSH, 1, where.top),
        Op(Kind.FLUSH_ALL),
        Op(Kind.DESTROY),
    ]
    told = [Op(Kind.CREATE), *faults, *ranged]
    again = [*told[:-1], *faults[:1], Op(Kind.MKCLEAN, 0, 0), *ranged[-4:]]
    return [told, again, *(sequence(where, rng, 40) for _ in range(2))]
