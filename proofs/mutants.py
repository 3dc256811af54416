# SPDX-License-Identifier: GPL-2.0-only
"""Small wrong changes to the text of a Python module, made by rule, to see which are noticed.

A change replaces one piece of the text and keeps the number of lines.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass

from proofs.mutant_rules import Rules
from proofs.mutant_text import MODULE, Change, Module, Scope

__all__ = ["MODULE", "Mutant", "mutants_of"]


@dataclass(frozen=True)
class Mutant:
    """A changed text of a module: ``before`` became ``after`` in ``line`` of ``function``."""

    name: str
    function: str
    rule: str
    line: int
    before: str
    after: str
    source: str

    def __str__(self) -> str:
        return self.name


def mutants_of(source: str, functions: Collection[str] | None = None) -> list[Mutant]:
    """Return all mutants of a module, or of some of its functions, in the order of the text.

    Each compiles, and no two are the same program. A mutant is named by function, rule and
    number: the name stays while the function does.
    """
    module = Module(source)
    made: list[Mutant] = []
    for name, scope in module.scopes():
        if functions is None or name in functions:
            made += _mutants_in(module, name, scope)
    return made


def _mutants_in(module: Module, name: str, scope: Scope) -> list[Mutant]:
    numbers: Counter[str] = Counter()
    seen = {ast.dump(scope)}
    made: list[Mutant] = []
    for change in sorted(set(Rules(module, scope).changes()), key=_order):
        mutated = module.changed(change)
        start, end = module.span(scope)
        program = _program(mutated[start : end + len(mutated) - len(module.source)])
        if program is None or program in seen:
            continue
        seen.add(program)
        number = numbers[change.rule]
        numbers[change.rule] += 1
        made.append(_mutant(module, f"{name}:{change.rule}:{number}", name, change, mutated))
    return made


def _order(change: Change) -> tuple[int, int, str, str]:
    return change.start, change.end, change.rule, change.text


def _program(text: str) -> str | None:
    """Return what the text of a function or constant says, None where it does not compile."""
    try:
        tree = ast.parse(text)
        compile(tree, "mutant", "exec")
    except SyntaxError:
        return None
    return ast.dump(tree.body[0])


def _mutant(module: Module, name: str, function: str, change: Change, mutated: str) -> Mutant:
    """Return the mutant that a change makes."""
    start, end = change.shown
    longer = len(mutated) - len(module.source)
    line = module.source.count("\n", 0, change.start) + 1
    before, after = module.source[start:end], mutated[start : end + longer]
    return Mutant(name, function, change.rule, line, before, after, mutated)
