# SPDX-License-Identifier: GPL-2.0-only
"""Lines of source that a step went through, read at run time from the tree or the built-in table.

Nothing of a kernel's text is kept: it is shown, from the user's own tree, and forgotten.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from impl.kernel.slices import functions

MAX_LINES = 120
"""Lines of one function that are shown at most."""
ROOT = Path(__file__).resolve().parent.parent.parent


@dataclass(frozen=True)
class Line:
    """One line of source; ``ran`` where a block began to run there, ``event`` where it happened."""

    number: int
    text: str
    ran: bool
    event: bool


@dataclass(frozen=True)
class Excerpt:
    """A function, or a part of it; ``where`` is ``file:line`` of its first line shown."""

    function: str
    where: str
    lines: tuple[Line, ...]

    @property
    def has_event(self) -> bool:
        """Whether something happened in it."""
        return any(line.event for line in self.lines)


@dataclass(frozen=True)
class _Span:
    name: str
    first: int
    last: int


class Sources:
    """The files below one folder, each read and taken apart once."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._files: dict[str, _File | None] = {}

    def excerpts(
        self, ran: Iterable[tuple[str, str]], events: Iterable[str], name: str, entry: str
    ) -> list[Excerpt]:
        """Return the functions that hold what ran or happened, and ``name``, defined at ``entry``.

        Places are ``file:line``; what cannot be read is left out. The function of an event comes
        first, then the entry point.
        """
        ran_at, event_at = _by_file(where for _, where in ran), _by_file(events)
        entry_at = _by_file([entry])
        found: list[tuple[int, str, int, Excerpt]] = []
        for path in {**event_at, **entry_at, **ran_at}:
            file = self._file(path)
            if file is None:
                continue
            marks = ran_at.get(path, set()), event_at.get(path, set())
            defined = entry_at.get(path, set())
            for span in file.spans(marks[0] | marks[1] | defined):
                inside = set(range(span.first, span.last + 1))
                named = span.name == name or bool(defined & inside)
                rank = 0 if marks[1] & inside else 1 if named else 2
                found.append((rank, path, span.first, file.excerpt(span, *marks)))
        return [ranked[3] for ranked in sorted(found, key=lambda item: item[:3])]

    def _file(self, name: str) -> _File | None:
        if name not in self._files:
            path = (self.root / name).resolve()
            inside = path.is_relative_to(self.root.resolve()) and path.is_file()
            self._files[name] = _File(name, path.read_bytes()) if inside else None
        return self._files[name]


class _File:
    def __init__(self, name: str, data: bytes) -> None:
        self._name = name
        self._data = data
        self._lines = data.decode(errors="replace").split("\n")

    @cached_property
    def _functions(self) -> list[_Span]:
        if self._name.endswith(".py"):
            return [
                _Span(node.name, node.lineno, node.end_lineno or node.lineno)
                for node in ast.walk(ast.parse(self._data))
                if isinstance(node, ast.FunctionDef)
            ]

        return [
            _Span(
                function.name, function.line, function.line + function.text.rstrip("\n").count("\n")
            )
            for function in functions(self._data).values()
        ]

    def spans(self, numbers: set[int]) -> list[_Span]:
        """Return the functions that hold a line of ``numbers``; else the lines around it."""
        found = {}
        for number in numbers:
            if not 1 <= number <= len(self._lines):
                continue
            inside = [
                function
                for function in self._functions
                if function.first <= number <= function.last
            ]
            around = _Span("", max(1, number - 6), min(len(self._lines), number + 6))
            span = min(inside, key=lambda function: function.last - function.first, default=around)
            found[span.first, span.last] = span
        return [found[key] for key in sorted(found)]

    def excerpt(self, span: _Span, ran: set[int], events: set[int]) -> Excerpt:
        """Return a function's lines, from the first on."""
        last = min(span.last, span.first + MAX_LINES - 1)
        lines = tuple(
            Line(n, self._lines[n - 1].expandtabs(8), n in ran, n in events)
            for n in range(span.first, last + 1)
        )
        return Excerpt(span.name, f"{self._name}:{span.first}", lines)


def _by_file(places: Iterable[str]) -> dict[str, set[int]]:
    found: dict[str, set[int]] = {}
    for where in places:
        name, _, line = where.rpartition(":")
        if name and line.isdigit():
            found.setdefault(name, set()).add(int(line))
    return found
