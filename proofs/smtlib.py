# SPDX-License-Identifier: GPL-2.0-only
"""Terms written as SMT-LIB 2, the text that every solver is given."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from proofs.terms import BOOL, Term
from proofs.traversal import walk


def _sort(width: int) -> str:
    return "Bool" if width == BOOL else f"(_ BitVec {width})"


def smtlib(assertions: Iterable[Term]) -> str:
    """Return an SMT-LIB 2 script, logic QF_UFBV, that asks whether all assertions can hold.

    The same assertions give the same text in every process.
    """
    roots = list(assertions)
    nodes = walk(roots)
    uses = Counter([arg.uid for node in nodes for arg in node.args])
    out = ["(set-logic QF_UFBV)"]
    declared: set[str] = set()
    text: dict[int, str] = {}
    count = 0
    for node in nodes:
        if node.op in ("variable", "apply") and node.data not in declared:
            declared.add(node.data)
            domain = " ".join([_sort(arg.width) for arg in node.args])
            out.append(f"(declare-fun |{node.data}| ({domain}) {_sort(node.width)})")
        if not node.args:
            text[node.uid] = _leaf(node)
            continue
        written = f"({_head(node)} {' '.join([text[arg.uid] for arg in node.args])})"
        if uses[node.uid] > 1:
            name = f"t{count}"
            count += 1
            out.append(f"(define-fun {name} () {_sort(node.width)} {written})")
            written = name
        text[node.uid] = written
    out += [f"(assert {text[root.uid]})" for root in roots]
    out.append("(check-sat)\n")
    return "\n".join(out)


def _leaf(node: Term) -> str:
    if node.op == "number":
        return f"#b{node.data:0{node.width}b}"
    return f"|{node.data}|" if node.op == "variable" else node.op


def _head(node: Term) -> str:
    if node.op == "apply":
        return f"|{node.data}|"
    if node.op == "extract":
        return f"(_ extract {node.data[0]} {node.data[1]})"
    return node.op
