# SPDX-License-Identifier: GPL-2.0-only
"""The words: what is refused is seen in prose, and nowhere else; the pages have none of it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tools import words

RULES = words.rules()


def refused(prose: str) -> list[tuple[int, str]]:
    """Return the lines and words that are refused."""
    return sorted((remark.line, remark.word) for remark in words.remarks(prose, RULES))


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("It fails just if the page is gone.", "just if"),
        ("It fails until it is mended.", "mended"),
        ("The user is told where.", "told"),
        ("There are as good as none of them.", "as good as none"),
        ("It is written anew.", "anew"),
        ("Just the same page.", "Just the"),
        ("the guest physical address", "guest physical"),
        ("Note that it fails.", "Note that"),
    ],
)
def test_a_word_is_refused(text: str, word: str) -> None:
    assert refused(text) == [(1, word)]


@pytest.mark.parametrize(
    "text",
    [
        "Findings are told apart by it.",
        "The amended patch recommends an adjustment.",
        "a just cause",
        "Both callbacks note that mappings were flushed.",
        "the guest-physical address",
    ],
)
def test_what_only_looks_like_it_is_not(text: str) -> None:
    assert refused(text) == []


def test_a_line_break_hides_nothing() -> None:
    assert refused("one\nIt holds just\nif two\n") == [(2, "just if")]


def test_what_a_page_shows_of_programs_is_left_alone() -> None:
    page = "told\n```\ntold\n```\n`told` and [a link](told.md)\n<!-- told -->\nit is told\n"
    assert refused(words.prose_of_page(page)) == [(1, "told"), (7, "told")]


def test_what_was_made_from_the_program_is_left_alone() -> None:
    page = "<!-- x: made by make docs -->\ntold\n<!-- end of x -->\nit is told\n"
    assert refused(words.prose_of_page(page)) == [(4, "told")]


def test_code_is_read_for_its_comments_and_docstrings() -> None:
    code = '''"""What is told."""

told = "told"  # told


def f() -> str:
    """One line.

    And ``told`` is told.
    """
    return "told"
'''
    assert refused(words.prose_of_code(code)) == [(1, "told"), (3, "told"), (9, "told")]


def test_pages_and_code_have_none() -> None:
    wrong = [
        f"{path.relative_to(words.ROOT)}:{remark.line}: {remark.word}"
        for path, prose in words.places()
        for remark in words.remarks(prose, RULES)
    ]
    assert not wrong


def test_every_place_is_looked_at() -> None:
    looked = {path for path, _ in words.places()}
    given = words.settings()
    for name in given["pages"]:
        assert any(path.is_relative_to(words.ROOT / name) for path in looked), name
    for name in given["code"]:
        assert any(path.is_relative_to(words.ROOT / name) for path in looked), name
    pages = {words.ROOT / "README.md", *(words.ROOT / "docs").rglob("*.md")}
    assert pages - looked == {words.ROOT / name for name in given["made"]}
    assert Path(words.__file__) in looked


def test_no_rule_recommends_what_is_refused() -> None:
    for rule in RULES:
        assert rule.write and rule.why
        assert not refused(re.sub(r"'[^']*'", "", rule.write))
