# SPDX-License-Identifier: GPL-2.0-only
"""Nodes of terms, each shared by all who use it, and the table of the rules that simplify them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

BOOL = 0
"""The width of a boolean term; bit-vectors have their number of bits."""


class Term:
    """One node; equal nodes are the same object. ``data`` is a constant's or a name's value.

    What ``data`` is depends on the operator (an integer, a name, the two ends of a part), and the
    rules ask for the operator first: that is beyond mypy.
    """

    __slots__ = ("args", "data", "op", "uid", "width")

    def __init__(self, op: str, width: int, args: tuple[Term, ...], data: Any, uid: int) -> None:
        self.op = op
        self.width = width
        self.args = args
        self.data = data
        self.uid = uid

    def __bool__(self) -> bool:
        raise TypeError("a term has no truth value; lift it")

    def __repr__(self) -> str:
        head = self.op if self.data is None else f"{self.op}:{self.data}"
        return f"({' '.join([head, *map(repr, self.args)])})"


Value = Term | int
"""A bit-vector term or a concrete integer."""
Truth = Term | bool
"""A boolean term or a concrete truth value."""

_terms: dict[tuple[object, ...], Term] = {}


def make(op: str, width: int, args: tuple[Term, ...] = (), data: object = None) -> Term:
    """Return the node that is just this, simplified in nothing."""
    key = (op, width, data, args)  # equal arguments are the same objects
    known = _terms.get(key)
    if known is None:
        known = _terms[key] = Term(op, width, args, data, len(_terms))
    return known


TRUE = make("true", BOOL)
FALSE = make("false", BOOL)


def number(value: int, width: int) -> Term:
    """Return the constant ``value`` (taken modulo 2**width) of ``width`` > 0 bits."""
    return make("number", width, (), value & ((1 << width) - 1))


def variable(name: str, width: int) -> Term:
    """Return the constant symbol ``name``."""
    return make("variable", width, (), name)


def apply(name: str, width: int, *args: Term) -> Term:
    """Return uninterpreted function ``name``, of result width ``width``, at ``args``."""
    return make("apply", width, args, name)


def truth(value: Truth) -> Term:
    """Return a boolean as a term."""
    if isinstance(value, Term):
        return value
    return TRUE if value else FALSE


# Rules

Rewrite = Callable[..., Term | None]
"""Takes the operands of an operator; returns what the node is rewritten to, None where the rule
does not apply."""


@dataclass(frozen=True)
class Rule:
    """One way to simplify a node when it is built.

    ``before`` becomes ``after`` where ``when`` holds ('' for always); x, y, z are any terms, c, d
    constants, p, q, r truth values. ``shape`` has the operators that the operands must have, ''
    for any: the rule is asked only then.
    """

    name: str
    operator: str
    before: str
    after: str
    when: str
    shape: tuple[str, ...]
    rewrite: Rewrite


RULES: list[Rule] = []
"""Every rule; those of an operator are tried in this order, and the first that applies counts."""


class Fitting(dict[tuple[str, ...], tuple[Rewrite, ...]]):
    """The rules that may apply, by an operator and the operators of its operands."""

    def __missing__(self, key: tuple[str, ...]) -> tuple[Rewrite, ...]:
        operator, *ops = key
        self[key] = tuple(
            entry.rewrite
            for entry in RULES
            if entry.operator == operator and _fits(entry.shape, ops)
        )
        return self[key]


FITTING = Fitting()


def rule(
    operator: str, before: str, after: str, when: str = "", shape: tuple[str, ...] = ()
) -> Callable[[Rewrite], Rewrite]:
    """Enter a function into the table of rules, once for each operator named."""

    def enter(rewrite: Rewrite) -> Rewrite:
        for name in operator.split():
            title = f"{name}: {rewrite.__name__.strip('_').replace('_', ' ')}"
            RULES.append(Rule(title, name, before, after, when, shape, rewrite))
        FITTING.clear()
        return rewrite

    return enter


def _fits(shape: tuple[str, ...], ops: list[str]) -> bool:
    return all(wanted in ("", op) for wanted, op in zip(shape, ops, strict=False))
