# SPDX-License-Identifier: GPL-2.0-only
"""The rules by which terms are simplified when they are built: trusted, and each checked by Z3.

A rule is a function of the operands of an operator; ``proofs.nodes.RULES`` is the table of all.
The operator ``iff`` is ``=`` on truth values, ``times`` a product with an integer of Python.
"""

from __future__ import annotations

from collections.abc import Callable

from proofs.build import (
    add,
    bit_and,
    bit_or,
    bit_xor,
    bits,
    both,
    choose,
    concat,
    either,
    extract,
    less,
    multiply,
    negate,
    same,
    shift_right,
)
from proofs.nodes import FALSE, TRUE, Term, make, number, rule, truth

# Truth values


@rule("not", "not true, not false", "false, true")
def _constant(value: Term) -> Term | None:
    if value is TRUE or value is FALSE:
        return FALSE if value is TRUE else TRUE
    return None


@rule("not", "not not p", "p", shape=("not",))
def _twice(value: Term) -> Term | None:
    return value.args[0]


@rule("and or", "of nothing", "true; of 'or': false")
def _nothing(parts: dict[int, Term], unit: Term, zero: Term) -> Term | None:
    return None if parts else unit


@rule("and or", "p and false; p or true", "false; true")
def _absorbed(parts: dict[int, Term], unit: Term, zero: Term) -> Term | None:
    return zero if zero.uid in parts else None


@rule("and or", "p and not p and q; p or not p or q", "false; true")
def _contradiction(parts: dict[int, Term], unit: Term, zero: Term) -> Term | None:
    for part in parts.values():
        if part.op == "not" and part.args[0].uid in parts:
            return zero
    return None


@rule("and or", "of p alone", "p")
def _alone(parts: dict[int, Term], unit: Term, zero: Term) -> Term | None:
    return next(iter(parts.values())) if len(parts) == 1 else None


@rule("iff", "true = p", "p", shape=("true",))
def _true_left(left: Term, right: Term) -> Term | None:
    return right


@rule("iff", "false = p", "not p", shape=("false",))
def _false_left(left: Term, right: Term) -> Term | None:
    return truth(negate(right))


@rule("iff", "p = true", "p", shape=("", "true"))
def _true_right(left: Term, right: Term) -> Term | None:
    return left


@rule("iff", "p = false", "not p", shape=("", "false"))
def _false_right(left: Term, right: Term) -> Term | None:
    return truth(negate(left))


@rule("iff =", "x = x", "true")
def _itself(left: Term, right: Term) -> Term | None:
    return TRUE if left is right else None


# Equality; a constant comes last


@rule("=", "c = d", "false", "c is not d", shape=("number", "number"))
def _numbers_differ(left: Term, right: Term) -> Term | None:
    return FALSE if left is not right else None


@rule("=", "x:y = c:d", "x = c and y = d", shape=("concat", "number"))
def _parts_are(left: Term, right: Term) -> Term | None:
    high, low = left.args
    upper, lower = right.data >> low.width, right.data & ((1 << low.width) - 1)
    return truth(both(same(high, upper), same(low, lower)))


@rule("=", "(p ? c : x) = c", "p or x = c", shape=("ite", "number"))
def _yes_is(left: Term, right: Term) -> Term | None:
    condition, yes, no = left.args
    return truth(either(condition, same(no, right))) if yes is right else None


@rule("=", "(p ? c : x) = d", "not p and x = d", "c is not d", shape=("ite", "number"))
def _yes_is_not(left: Term, right: Term) -> Term | None:
    condition, yes, no = left.args
    if yes.op != "number" or yes is right:
        return None
    return truth(both(negate(condition), same(no, right)))


@rule("=", "(p ? x : c) = c", "not p or x = c", shape=("ite", "number"))
def _no_is(left: Term, right: Term) -> Term | None:
    condition, yes, no = left.args
    return truth(either(negate(condition), same(yes, right))) if no is right else None


@rule("=", "(p ? x : c) = d", "p and x = d", "c is not d", shape=("ite", "number"))
def _no_is_not(left: Term, right: Term) -> Term | None:
    condition, yes, no = left.args
    if no.op != "number" or no is right:
        return None
    return truth(both(condition, same(yes, right)))


@rule("=", "x:y = z:w", "x = z and y = w", "x as wide as z", shape=("concat", "concat"))
def _part_by_part(left: Term, right: Term) -> Term | None:
    if left.args[0].width != right.args[0].width:
        return None
    return truth(both(*[same(a, b) for a, b in zip(left.args, right.args, strict=True)]))


# Choice


@rule("ite", "p ? x : x", "x")
def _either_way(condition: Term, yes: Term, no: Term) -> Term | None:
    return yes if yes is no else None


@rule("ite", "not p ? x : y", "p ? y : x", shape=("not",))
def _swapped(condition: Term, yes: Term, no: Term) -> Term | None:
    inner = condition.args[0]
    known = _known(inner, no, yes)
    return make("ite", yes.width, (inner, no, yes)) if known is None else known


@rule("ite", "p ? (p ? x : y) : (p ? z : w)", "p ? x : w", "of one or of both branches")
def _known(condition: Term, yes: Term, no: Term) -> Term | None:
    if yes.op == "ite" and yes.args[0] is condition:
        inner = yes.args[1]
    else:
        inner = yes
    other = no.args[2] if no.op == "ite" and no.args[0] is condition else no
    if inner is yes and other is no:
        return None
    return make("ite", yes.width, (condition, inner, other))


# Bits side by side


@rule("concat", "c:d", "the constant", shape=("number", "number"))
def _numbers_joined(high: Term, low: Term) -> Term | None:
    return number(high.data << low.width | low.data, high.width + low.width)


@rule("concat", "x[i..j+1]:x[j..k]", "x[i..k]", shape=("extract", "extract"))
def _neighbours(high: Term, low: Term) -> Term | None:
    (top, bottom), (upper, lower) = high.data, low.data
    if high.args[0] is not low.args[0] or bottom != upper + 1:
        return None
    return extract(high.args[0], top, lower)


@rule("concat", "c:(d:x)", "(c:d):x", shape=("number", "concat"))
def _numbers_first(high: Term, low: Term) -> Term | None:
    if low.args[0].op != "number":
        return None
    return concat(concat(high, low.args[0]), low.args[1])


@rule("concat", "x[i..j+1]:(x[j..k]:y)", "x[i..k]:y", shape=("extract", "concat"))
def _neighbours_first(high: Term, low: Term) -> Term | None:
    inner, rest = low.args
    joined = _neighbours(high, inner) if inner.op == "extract" else None
    return None if joined is None else concat(joined, rest)


# Bits out of a term


@rule("extract", "x[top..0]", "x")
def _whole(value: Term, high: int, low: int) -> Term | None:
    return value if low == 0 and high == value.width - 1 else None


@rule("extract", "c[i..j]", "the constant", shape=("number",))
def _of_number(value: Term, high: int, low: int) -> Term | None:
    return number(value.data >> low, high - low + 1)


@rule("extract", "x[k..l][i..j]", "x[l+i..l+j]", shape=("extract",))
def _of_part(value: Term, high: int, low: int) -> Term | None:
    return extract(value.args[0], value.data[1] + high, value.data[1] + low)


@rule("extract", "(x:y)[i..j]", "x[i-|y|..j-|y|]", "j >= |y|", shape=("concat",))
def _of_upper(value: Term, high: int, low: int) -> Term | None:
    upper, lower = value.args
    return extract(upper, high - lower.width, low - lower.width) if low >= lower.width else None


@rule("extract", "(x:y)[i..j]", "y[i..j]", "i < |y|", shape=("concat",))
def _of_lower(value: Term, high: int, low: int) -> Term | None:
    lower = value.args[1]
    return extract(lower, high, low) if high < lower.width else None


@rule("extract", "(x:y)[i..j]", "x[i-|y|..0]:y[top..j]", "i >= |y| > j", shape=("concat",))
def _across(value: Term, high: int, low: int) -> Term | None:
    upper, lower = value.args
    if not low < lower.width <= high:
        return None
    return concat(extract(upper, high - lower.width, 0), extract(lower, lower.width - 1, low))


@rule("extract", "(p ? x : y)[i..j]", "p ? x[i..j] : y[i..j]", shape=("ite",))
def _of_choice(value: Term, high: int, low: int) -> Term | None:
    condition, yes, no = value.args
    return choose(condition, extract(yes, high, low), extract(no, high, low))


def _bitwise(make_node: Callable[[Term, Term], Term], value: Term, high: int, low: int) -> Term:
    one, other = (extract(arg, high, low) for arg in value.args)
    return make_node(one, other)


@rule("extract", "(x & y)[i..j]", "x[i..j] & y[i..j]", shape=("bvand",))
def _of_and(value: Term, high: int, low: int) -> Term | None:
    return _bitwise(bit_and, value, high, low)


@rule("extract", "(x | y)[i..j]", "x[i..j] | y[i..j]", shape=("bvor",))
def _of_or(value: Term, high: int, low: int) -> Term | None:
    return _bitwise(bit_or, value, high, low)


@rule("extract", "(x ^ y)[i..j]", "x[i..j] ^ y[i..j]", shape=("bvxor",))
def _of_xor(value: Term, high: int, low: int) -> Term | None:
    return _bitwise(bit_xor, value, high, low)


# Arithmetic modulo 2**width; of a sum the constant comes first, of other operators last


@rule("bvadd", "0 + x", "x", shape=("number",))
def _nothing_added(left: Term, right: Term) -> Term | None:
    return right if left.data == 0 else None


@rule("bvadd", "c + d", "the constant", shape=("number", "number"))
def _numbers_added(left: Term, right: Term) -> Term | None:
    return number(left.data + right.data, left.width)


@rule("bvadd", "c + (d + x)", "(c + d) + x", shape=("number", "bvadd"))
def _added_to_sum(left: Term, right: Term) -> Term | None:
    first, rest = right.args
    return add(number(left.data + first.data, left.width), rest) if first.op == "number" else None


@rule("bvsub", "x - c", "-c + x", shape=("", "number"))
def _number_taken(left: Term, right: Term) -> Term | None:
    return add(number(-right.data, left.width), left)


@rule("bvsub bvxor", "x - x; x ^ x", "0")
def _nothing_left(left: Term, right: Term) -> Term | None:
    return number(0, left.width) if left is right else None


@rule("times", "x * 2**k", "x[top-k..0]:0", "nothing is left where k >= |x|")
def _by_power(term: Term, factor: int) -> Term | None:
    if factor & (factor - 1) or not factor:
        return None
    shift = factor.bit_length() - 1
    if not shift:
        return term
    if shift >= term.width:
        return number(0, term.width)
    return concat(extract(term, term.width - shift - 1, 0), number(0, shift))


@rule("bvmul", "c * d", "the constant", shape=("number", "number"))
def _numbers_multiplied(left: Term, right: Term) -> Term | None:
    return number(left.data * right.data, left.width)


@rule("bvmul", "x * 0", "0", shape=("", "number"))
def _by_nothing(left: Term, right: Term) -> Term | None:
    return right if right.data == 0 else None


@rule("bvmul", "x * c", "x times c", shape=("", "number"))
def _by_number(left: Term, right: Term) -> Term | None:
    return multiply(left, right.data)


@rule("bvudiv", "x / 2**k", "x >> k", shape=("", "number"))
def _divided_by_power(left: Term, right: Term) -> Term | None:
    if right.data & (right.data - 1) or not right.data:
        return None
    return shift_right(left, number(right.data.bit_length() - 1, left.width))


@rule("bvudiv", "c / d", "the constant", "d is not 0", shape=("number", "number"))
def _numbers_divided(left: Term, right: Term) -> Term | None:
    return number(left.data // right.data, left.width) if right.data else None


@rule("bvurem", "x % 2**k", "x & (2**k - 1)", shape=("", "number"))
def _rest_by_power(left: Term, right: Term) -> Term | None:
    if right.data & (right.data - 1) or not right.data:
        return None
    return bit_and(left, number(right.data - 1, left.width))


@rule("bvurem", "c % d", "the constant", "d is not 0", shape=("number", "number"))
def _rest_of_numbers(left: Term, right: Term) -> Term | None:
    return number(left.data % right.data, left.width) if right.data else None


# Bits one by one


@rule("bvlshr", "x >> c", "0", "c >= |x|", shape=("", "number"))
def _all_shifted_out(left: Term, right: Term) -> Term | None:
    return number(0, left.width) if right.data >= left.width else None


@rule("bvlshr", "x >> c", "0:x[top..c]", "c < |x|", shape=("", "number"))
def _shifted(left: Term, right: Term) -> Term | None:
    if right.data >= left.width:
        return None
    return bits(extract(left, left.width - 1, right.data), left.width)


@rule("bvand", "c & d", "the constant", shape=("number", "number"))
def _numbers_masked(left: Term, right: Term) -> Term | None:
    return number(left.data & right.data, left.width)


@rule("bvand", "x & c", "bits of x where c has ones, between zeros", shape=("", "number"))
def _masked(left: Term, right: Term) -> Term | None:
    return _by_runs(right, lambda high, low: extract(left, high, low), _zeros)


@rule("bvor", "c | d", "the constant", shape=("number", "number"))
def _numbers_united(left: Term, right: Term) -> Term | None:
    return number(left.data | right.data, left.width)


@rule("bvor", "x | c", "bits of x where c has zeros, between ones", shape=("", "number"))
def _with_ones(left: Term, right: Term) -> Term | None:
    return _by_runs(right, _ones, lambda high, low: extract(left, high, low))


@rule("bvand bvor", "x & x; x | x", "x")
def _with_itself(left: Term, right: Term) -> Term | None:
    return left if left is right else None


@rule("bvxor", "c ^ d", "the constant", shape=("number", "number"))
def _numbers_turned(left: Term, right: Term) -> Term | None:
    return number(left.data ^ right.data, left.width)


Part = Callable[[int, int], Term]
"""Makes bits ``high`` down to ``low`` (inclusive)."""


def _zeros(high: int, low: int) -> Term:
    return number(0, high - low + 1)


def _ones(high: int, low: int) -> Term:
    return number(-1, high - low + 1)


def _by_runs(mask: Term, where_one: Part, where_zero: Part) -> Term:
    """Return the bits that the runs of ones and zeros in a constant ask for, side by side."""
    parts: list[Term] = []
    low = 0
    while low < mask.width:
        bit = mask.data >> low & 1
        high = low
        while high + 1 < mask.width and mask.data >> (high + 1) & 1 == bit:
            high += 1
        parts.append((where_one if bit else where_zero)(high, low))
        low = high + 1
    result = parts[0]
    for part in parts[1:]:
        result = concat(part, result)
    return result


# Order


@rule("bvult", "x < x", "false")
def _below_itself(left: Term, right: Term) -> Term | None:
    return FALSE if left is right else None


@rule("bvult", "x < 0", "false", shape=("", "number"))
def _below_nothing(left: Term, right: Term) -> Term | None:
    return FALSE if right.data == 0 else None


@rule("bvult", "c < d", "the constant", shape=("number", "number"))
def _numbers_compared(left: Term, right: Term) -> Term | None:
    return TRUE if left.data < right.data else FALSE


@rule("bvult", "x:y < x:z", "y < z", shape=("concat", "concat"))
def _below_in_parts(left: Term, right: Term) -> Term | None:
    return truth(less(left.args[1], right.args[1])) if left.args[0] is right.args[0] else None


@rule("bvult", "0 < x", "x is not 0", shape=("number",))
def _above_nothing(left: Term, right: Term) -> Term | None:
    return truth(negate(same(right, 0))) if left.data == 0 else None


@rule("bvult", "x < 2**k", "x[top..k] = 0", shape=("", "number"))
def _below_power(left: Term, right: Term) -> Term | None:
    if right.data & (right.data - 1) or not right.data:
        return None
    return truth(same(extract(left, left.width - 1, right.data.bit_length() - 1), 0))
