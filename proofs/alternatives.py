# SPDX-License-Identifier: GPL-2.0-only
"""Takes a term of Z3 apart into alternatives, each of which is easier to refute than all at once.

A goal that says what a table is after a step says it by cases: the entry that was written, and
all others. Z3 finds such a case split late or never; made beforehand, each case is a few
propagations.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import z3

Facts = tuple[Any, ...]
"""Terms of Z3, which comes without types, that hold together."""


def alternatives(term: Any, cases: int) -> Iterator[Facts]:
    """Yield facts; ``term`` holds if and only if all facts of one of them do.

    Of an equality that must not hold, and that chooses between values, up to ``cases`` conditions
    are decided, one below the other.
    """
    if z3.is_or(term):
        for part in term.children():
            yield from alternatives(part, cases)
    elif z3.is_not(term):
        yield from _negated(term, term.arg(0), cases)
    else:
        yield (term,)


def _negated(whole: Any, term: Any, cases: int) -> Iterator[Facts]:
    """Yield the alternatives of ``whole``, the negation of ``term``."""
    if z3.is_and(term):
        for part in term.children():
            yield from alternatives(z3.Not(part), cases)
    elif z3.is_not(term):
        yield from alternatives(term.arg(0), cases)
    elif z3.is_or(term):
        # All parts are false: the last one is what follows, the others are when it does.
        *others, last = term.children()
        denied = tuple(z3.Not(other) for other in others)
        for facts in alternatives(z3.Not(last), cases):
            yield (*denied, *facts)
    elif z3.is_eq(term) and cases:
        one, other = term.children()
        yield from _different(whole, one, other, cases)
    else:
        yield (whole,)


def _different(whole: Any, one: Any, other: Any, cases: int) -> Iterator[Facts]:
    """Yield the alternatives of two terms being different, by the conditions that choose them."""
    if not _chooses(one):
        one, other = other, one
    if not _chooses(one):
        yield (whole,)
        return
    condition, then, otherwise = one.children()
    for facts in alternatives(z3.Not(then == other), cases - 1):
        yield (condition, *facts)
    for facts in alternatives(z3.Not(otherwise == other), cases - 1):
        yield (z3.Not(condition), *facts)


def _chooses(term: Any) -> bool:
    return bool(z3.is_app_of(term, z3.Z3_OP_ITE))
