# SPDX-License-Identifier: GPL-2.0-only
"""A lemma on a C function, as a port lists them."""

from __future__ import annotations

from dataclasses import dataclass

from proofs.lemmas.base import Lemma


@dataclass(frozen=True)
class LemmaTask:
    """A lemma on a function: its clauses, the kernel's name for it, whether entries matter."""

    lemma: Lemma
    clauses: tuple[str, ...]
    title: str
    entries: bool
