# SPDX-License-Identifier: GPL-2.0-only
"""What a proof needs of a program: functions by their roles, some replaced by contracts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from impl.multilevel.interface import RangeOp

Function = Callable[..., Any]
"""A function of a program, or what stands for one. It is called by name: mypy cannot know what
parameters and what result the function of a name has."""

Callables = Mapping[str, Function]
"""Functions by their roles, as the scripts of ``proofs.lemmas`` call them."""


class Program(Protocol):
    """A source that the proof is about; a front end gives one."""

    name: str
    loops: Mapping[str, RangeOp | None]
    """The functions that loop over the slots of a table: their operation, None for the flush."""

    def bind(self, contracts: Callables) -> Callables:
        """Return the program's functions; calls of those in ``contracts`` go there instead."""
        ...
