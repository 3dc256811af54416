# SPDX-License-Identifier: GPL-2.0-only
"""Walks over terms: every node below some roots once, and terms with others put in their place."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from proofs import terms
from proofs.terms import BOOL, Term, Truth, agree, apply, extract, same, truth


def walk(roots: Iterable[Term]) -> list[Term]:
    """Return every node below ``roots`` once, arguments first, in an order that never varies."""
    done: dict[int, bool] = {}
    found: list[Term] = []
    stack = list(roots)[::-1]
    while stack:
        node = stack[-1]
        if node.args and node.uid not in done:
            done[node.uid] = False
            stack += [arg for arg in node.args[::-1] if arg.uid not in done]
            continue
        stack.pop()
        if not done.get(node.uid, False):
            done[node.uid] = True
            found.append(node)
    return found


def substitute(roots: Iterable[Term], values: Mapping[Term, Term]) -> list[Term]:
    """Return ``roots`` with the variables that ``values`` names replaced by their values."""
    wanted = list(roots)
    found: dict[int, Term] = {}
    for node in walk(wanted):
        if node in values:
            found[node.uid] = values[node]
        elif node.args:
            found[node.uid] = rebuilt(node, [found[arg.uid] for arg in node.args])
        else:
            found[node.uid] = node
    return [found[root.uid] for root in wanted]


def rebuilt(node: Term, args: list[Term]) -> Term:
    """Return a node with other arguments of the same widths, simplified."""
    if all(new is old for new, old in zip(args, node.args, strict=True)):
        return node
    if node.op == "=":
        return truth(agree(*args) if args[0].width == BOOL else same(*args))
    if node.op == "extract":
        return extract(args[0], *node.data)
    if node.op == "apply":
        return apply(node.data, node.width, *args)
    return truth(_REBUILD[node.op](*args))


_REBUILD: dict[str, Callable[..., Truth]] = {
    "not": terms.negate,
    "and": terms.both,
    "or": terms.either,
    "ite": terms.choose,
    "concat": terms.concat,
    "bvadd": terms.add,
    "bvsub": terms.subtract,
    "bvmul": terms.product,
    "bvudiv": terms.quotient,
    "bvurem": terms.remainder,
    "bvlshr": terms.shift_right,
    "bvshl": terms.shift_left,
    "bvand": terms.bit_and,
    "bvor": terms.bit_or,
    "bvxor": terms.bit_xor,
    "bvult": terms.less,
}
"""What makes a node of each operator, simplified."""
