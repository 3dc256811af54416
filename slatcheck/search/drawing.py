# SPDX-License-Identifier: GPL-2.0-only
"""Examples drawn by Hypothesis: the bytes of sequences, the same for the same seed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random
from typing import Any

from slatcheck.search.sequences import BLOCK, HEADER
from support.lazy import lazily

with lazily():
    import hypothesis

LENGTH = 200
"""Operations that a sequence may have."""

KEY = 16
"""Bytes that Hypothesis draws for a sequence."""


def draw(seed: int, examples: int, use: Callable[[bytes], None]) -> None:
    """Call ``use`` with the bytes of ``examples`` sequences of LENGTH operations each.

    Hypothesis draws a key that is stretched: to draw every byte costs more than to run it.
    """
    size = HEADER + BLOCK * LENGTH

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=examples,
        database=None,
        deadline=None,
        phases=[hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(hypothesis.strategies.binary(min_size=KEY, max_size=KEY))
    def example(key: bytes) -> None:
        use(Random(key).randbytes(size))

    with _from_no_source():
        example()


@contextmanager
def _from_no_source() -> Iterator[None]:
    """Let what is drawn depend on the seed alone, as it does not by itself.

    One draw of twenty may be a constant that Hypothesis finds in the source of a module of the
    project that it runs in. To look for them loads all that was to be loaded when it is needed, and
    reads all that is loaded: a second or two in each process.
    """
    provider: Any = hypothesis.internal.conjecture.providers.HypothesisProvider
    plain = provider._maybe_draw_constant
    provider._maybe_draw_constant = _no_constant
    try:
        yield
    finally:
        provider._maybe_draw_constant = plain


def _no_constant(provider: Any, *_: object, **__: object) -> None:
    """Draw what decides whether there is a constant, so that what follows is as it would be."""
    provider._random.random()
