# SPDX-License-Identifier: GPL-2.0-only
"""What a proof needs of a program: functions by their kernel names, some replaced by contracts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

Function = Callable[..., Any]
"""A function of a program, or what stands for one. It is called by name: mypy cannot know what
parameters and what result the function of a name has."""

Callables = Mapping[str, Function]
"""Functions by their kernel names."""


class Program(Protocol):
    """A source that the proof is about; a front end gives one."""

    name: str

    def bind(self, contracts: Callables) -> Callables:
        """Return the program's functions; calls of those in ``contracts`` go there instead."""
        ...
