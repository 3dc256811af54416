# SPDX-License-Identifier: GPL-2.0-only
"""What terms are rewritten to: laws that hold for every value, and texts that solvers read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proofs import terms
from proofs.evaluation import evaluate
from proofs.smtlib import smtlib
from proofs.terms import FALSE, TRUE, Term, number, truth, variable

WIDTHS = st.integers(1, 12)
X = {width: variable("x", width) for width in range(1, 13)}


@given(WIDTHS)
def test_an_operand_with_itself_needs_no_operation(width: int) -> None:
    x, zero = X[width], number(0, width)
    assert terms.subtract(x, x) is zero and terms.bit_xor(x, x) is zero
    assert terms.bit_and(x, x) is x and terms.bit_or(x, x) is x
    assert terms.same(x, x) is TRUE and terms.less(x, x) is FALSE and terms.at_most(x, x) is TRUE


@given(WIDTHS)
def test_an_operand_that_changes_nothing_is_left_out(width: int) -> None:
    x, zero, ones = X[width], number(0, width), number(-1, width)
    for made in (
        terms.add(x, zero), terms.add(zero, x), terms.subtract(x, zero), terms.bit_or(x, zero),
        terms.bit_or(zero, x), terms.bit_and(x, ones), terms.bit_and(ones, x),
        terms.multiply(x, 1), terms.product(x, number(1, width)), terms.shift_right(x, zero),
        terms.quotient(x, number(1, width)) if width > 1 else x,
        terms.extract(x, width - 1, 0), terms.choose(variable("c", 0), x, x),
    ):  # fmt: skip
        assert made is x
    assert terms.bit_and(x, zero) is zero and terms.product(x, zero) is zero
    assert terms.bit_or(x, ones) is ones


@given(st.integers(1, 12), st.data())
def test_a_part_of_parts_side_by_side_is_a_part(width: int, data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, width - 1))
    x = X[width]
    if cut:
        joined = terms.concat(terms.extract(x, width - 1, cut), terms.extract(x, cut - 1, 0))
        assert joined is x
    assert terms.extract(terms.concat(variable("y", 3), x), width - 1, 0) is x


@given(st.integers(0, 300), st.integers(0, 300))
def test_integers_alone_are_computed(one: int, other: int) -> None:
    assert terms.same(one, other) is (one == other)
    assert terms.less(one, other) is (one < other)
    assert terms.choose(True, one, other) == one and terms.choose(False, one, other) == other
    assert terms.agree(one == 3, other == 3) is ((one == 3) == (other == 3))


def test_the_width_of_integers_alone_is_not_known() -> None:
    with pytest.raises(TypeError, match="width"):
        terms.choose(variable("c", 0), 1, 2)


def test_a_term_says_what_it_is() -> None:
    x = variable("x", 4)
    assert repr(terms.add(x, number(3, 4))) == "(bvadd (number:3) (variable:x))"
    assert repr(TRUE) == "(true)"


def test_what_is_known_is_written_as_it_is() -> None:
    text = smtlib([TRUE, FALSE])
    assert "(assert true)\n(assert false)\n" in text


@given(st.lists(st.booleans(), max_size=5), st.booleans())
def test_connectives_of_what_is_known_are_known(values: list[bool], lifted: bool) -> None:
    given_ = [truth(value) if lifted else value for value in values]
    assert evaluate(truth(terms.both(*given_)), {}) == all(values)
    assert evaluate(truth(terms.either(*given_)), {}) == any(values)
    if not lifted:
        assert terms.both(*given_) is all(values) and terms.either(*given_) is any(values)


@given(st.integers(1, 8), st.integers(0, 255))
def test_a_symbol_without_a_value_is_0(width: int, value: int) -> None:
    x, y = variable("x", width), variable("y", width)
    assert evaluate(terms.add(x, y), {"x": lambda: value % (1 << width)}) == value % (1 << width)


@given(st.integers(1, 10), st.data())
def test_a_comparison_with_a_limit_of_the_width_is_known(width: int, data: st.DataObject) -> None:
    x = X[width]
    beyond = data.draw(st.integers(1 << width, 1 << 20))
    assert terms.less(x, beyond) is TRUE and terms.less(beyond, x) is FALSE
    assert terms.less(x, 0) is FALSE and terms.at_most(0, x) is TRUE
    assert terms.same(x, beyond) is FALSE and terms.same(x, -1) is FALSE
    assert isinstance(terms.less(0, x), Term)


@given(st.integers(1, 10), st.data())
def test_a_comparison_with_a_number_is_that_of_numbers(width: int, data: st.DataObject) -> None:
    one = data.draw(st.integers(0, (1 << width) - 1))
    other = data.draw(st.integers(0, (1 << width) - 1) | st.sampled_from([0, 1, 1 << width - 1]))
    model = {"x": lambda: one}
    for term, wanted in (
        (terms.less(X[width], other), one < other),
        (terms.less(other, X[width]), other < one),
        (terms.at_most(X[width], other), one <= other),
        (terms.same(X[width], other), one == other),
    ):
        assert evaluate(truth(term), model) == wanted
