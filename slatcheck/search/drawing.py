# SPDX-License-Identifier: GPL-2.0-only
"""Examples drawn by Hypothesis: the bytes of sequences, the same for the same seed."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

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
    # Hypothesis is imported where it is used: it would slow every start of the tool.

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

    example()
