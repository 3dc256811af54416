# SPDX-License-Identifier: GPL-2.0-only
"""Terms over booleans, bit-vectors and uninterpreted functions, shared and simplified when built.

A term is what every solver is given and what a model is evaluated on, so nothing here depends
on a solver. The connectives also take Python's booleans and integers and then compute: one
predicate serves the solver and a concrete heap. Nodes are ``proofs.nodes``, what makes them is
``proofs.build``, and the rules by which they are simplified are ``proofs.rewrites``.
"""

from __future__ import annotations

from proofs import rewrites
from proofs.build import (
    add,
    agree,
    at_most,
    bit_and,
    bit_or,
    bit_xor,
    bits,
    both,
    choose,
    concat,
    either,
    extract,
    implies,
    less,
    low_bits,
    multiply,
    negate,
    product,
    quotient,
    remainder,
    same,
    shift_left,
    shift_right,
    subtract,
)
from proofs.nodes import (
    BOOL,
    FALSE,
    RULES,
    TRUE,
    Rule,
    Term,
    Truth,
    Value,
    apply,
    number,
    truth,
    variable,
)

__all__ = [
    "BOOL", "FALSE", "RULES", "TRUE", "Rule", "Term", "Truth", "Value", "add", "agree", "apply",
    "at_most", "bit_and", "bit_or", "bit_xor", "bits", "both", "choose", "concat", "either",
    "extract", "implies", "less", "low_bits", "multiply", "negate", "number", "product",
    "quotient", "remainder", "rewrites", "same", "shift_left", "shift_right", "subtract", "truth",
    "variable",
]  # fmt: skip
