# SPDX-License-Identifier: GPL-2.0-only
"""What comes from a trace or a tree stays text: it ends no comment, no literal and no line."""

from __future__ import annotations

import ast

from hypothesis import example, given
from hypothesis import strategies as st

from slatcheck.export.template import comment, plain, quoted

ANYTHING = st.text(st.sampled_from("*/\\?\"'%{}\n\r\t\x00\x1b a") | st.characters())


@given(ANYTHING)
@example("**//")
@example("/*/")
@example("*\n/")
@example("a\\")
@example("????/")
@example("\N{RIGHT-TO-LEFT OVERRIDE}*/")
def test_plain_text_ends_no_comment(text: str) -> None:
    line = plain(text)
    assert line.isascii() and (line.isprintable() or not line)
    for bad in ("*/", "/*", "??", "\\", "\n"):
        assert bad not in line


@given(ANYTHING)
def test_a_literal_is_one_and_no_format(text: str) -> None:
    literal = quoted(text)
    assert literal.count('"') == 2
    value = ast.literal_eval(literal)
    assert isinstance(value, str)
    assert "%" not in value.replace("%%", "")


@given(st.lists(st.tuples(ANYTHING, st.lists(ANYTHING))))
def test_a_comment_stays_one(lines: list[tuple[str, list[str]]]) -> None:
    text = comment(lines, " *")
    assert "*/" not in text
    assert all(line.startswith(" *") for line in text.split("\n") if text)
    assert all(line.startswith("#") for line in comment(lines, "#").split("\n") if text)
