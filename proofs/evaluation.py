# SPDX-License-Identifier: GPL-2.0-only
"""The value of a term in a model, computed with Python's integers."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from proofs.terms import Term
from proofs.traversal import walk

Model = Mapping[str, Callable[..., int]]
"""The value of each symbol: a function of its arguments, of none for a constant."""


def evaluate(root: Term, model: Model) -> int:
    """Return the value of a term in a model; a boolean is 0 or 1."""
    value: dict[int, int] = {}
    for node in walk([root]):
        value[node.uid] = _value(node, [value[arg.uid] for arg in node.args], model)
    return value[root.uid]


def _value(node: Term, args: list[int], model: Model) -> int:
    mask = (1 << node.width) - 1
    match node.op:
        case "true" | "false":
            return int(node.op == "true")
        case "number":
            return int(node.data)
        case "variable" | "apply":
            return model[node.data](*args) if node.data in model else 0
        case "not":
            return 1 - args[0]
        case "and":
            return int(all(args))
        case "or":
            return int(any(args))
        case "=":
            return int(args[0] == args[1])
        case "ite":
            return args[1 if args[0] else 2]
        case "concat":
            return args[0] << node.args[1].width | args[1]
        case "extract":
            return args[0] >> int(node.data[1]) & mask
        case "bvult":
            return int(args[0] < args[1])
        case "bvudiv":
            return args[0] // args[1] if args[1] else mask
        case "bvurem":
            return args[0] % args[1] if args[1] else args[0]
        case "bvlshr":
            return args[0] >> args[1] if args[1] < node.width else 0
        case "bvshl":
            return args[0] << args[1] & mask if args[1] < node.width else 0
        case _:
            function: Callable[[int, int], int] = _ARITHMETIC[node.op]
            return function(args[0], args[1]) & mask


_ARITHMETIC: dict[str, Callable[[int, int], int]] = {
    "bvadd": lambda a, b: a + b,
    "bvsub": lambda a, b: a - b,
    "bvmul": lambda a, b: a * b,
    "bvand": lambda a, b: a & b,
    "bvor": lambda a, b: a | b,
    "bvxor": lambda a, b: a ^ b,
}
