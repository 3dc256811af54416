# SPDX-License-Identifier: GPL-2.0-only
"""Pages: one file without a link to anywhere, and nothing that a tree says can act in it."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from impl.interface import Event
from slatcheck.display import web
from slatcheck.document.result import Document, Gate, Verdict, worst
from slatcheck.explain import page, svg, terminal
from slatcheck.explain.sources import Excerpt, Line
from slatcheck.explain.story import Story
from slatcheck.reports import html
from slatcheck.reports.matrix import NO_LAYOUT, OTHER, matrix
from tests.slatcheck.explain.stories import CASES, story
from tests.slatcheck.reports.documents import HOSTILE, decided_by, documents, holding, texts
from tests.slatcheck.reports.documents import replay as command

SAFE = {"#", "data:,"}


class Tags(HTMLParser):
    """Collects the elements of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def stays_alone(text: str) -> list[tuple[str, dict[str, str | None]]]:
    """Check that a page refers to nothing but itself and has one script; return its elements."""
    tags = Tags(text).tags
    for tag, attributes in tags:
        assert tag not in ("iframe", "object", "embed", "base", "img", "form")
        assert not any(name.startswith("on") for name in attributes), attributes
        for name in ("href", "src", "action", "xlink:href"):
            value = attributes.get(name)
            assert value is None or value.startswith("#") or value == "data:,"
    assert [tag for tag, _ in tags].count("script") == 1
    assert "http:" not in text.replace("http://www.w3.org", "") and "https:" not in text
    assert "@import" not in text and "url(" not in re.sub(r"url\(#[\w-]+\)", "", text)
    ids = [attributes["id"] for _, attributes in tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    links = {attributes["href"] for tag, attributes in tags if tag == "a"}
    assert {str(link)[1:] for link in links} <= set(ids)
    return tags


@pytest.mark.parametrize("name", CASES)
def test_a_story_is_one_file(name: str) -> None:
    told = story(name)
    tags = stays_alone(page.render(told))
    assert sum(tag == "svg" for tag, _ in tags) == len(told.steps)
    assert [tag for tag, _ in tags].count("h1") == 1


def hostile(told: Story, words: str) -> Story:
    """Return a story in which everything that comes from outside is ``words``."""
    event = Event("bad-access", words, words, True, 0, words, words)
    excerpt = Excerpt(words, words, (Line(1, words, True, True),))
    steps = tuple(
        replace(one, entry=words, entry_at=words, events=(event,), excerpts=(excerpt,),
                symptoms=tuple(replace(s, said=words, where=words, function=words)
                               for s in one.symptoms))
        for one in told.steps
    )  # fmt: skip
    return replace(told, fingerprint=words, entry=words, trigger=words, subject=words,
                   replay=words, steps=steps, quirks=(words,))  # fmt: skip


EVIL = (
    *HOSTILE,
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{ 7*7 }}",
    "</style>",
)


@pytest.mark.parametrize("words", EVIL)
@pytest.mark.parametrize("name", ["hull", "four"])
def test_nothing_from_outside_acts_in_a_story(name: str, words: str) -> None:
    told = hostile(story(name), words)
    text = page.render(told)
    stays_alone(text)
    assert "\x1b" not in text and "\x00" not in text
    said = terminal.render(told)
    assert all(c.isprintable() or c == "\n" for c in said)
    picture = svg.render(told, 1)
    assert "<script" not in picture and "\x1b" not in picture
    text.encode(), picture.encode(), said.encode()


@given(found=documents())
def test_nothing_from_outside_acts_in_a_report(found: Document) -> None:
    text = html.render(found, command)
    stays_alone(text)
    text.encode()


@given(found=documents())
def test_every_check_is_in_the_matrix_and_none_is_better_than_it_is(found: Document) -> None:
    rows = {name: (whole, cells) for name, whole, cells in matrix(found).rows}
    assert [one.name for one in found.layouts] == list(rows)[: len(found.layouts)]
    for check in found.checks:
        whole, cells = rows[check.layout or NO_LAYOUT]
        mine = [cell for cell in cells for group in cell.groups if check in group.checks]
        assert mine
        for cell in mine:
            assert cell.verdict is worst(
                one.verdict for group in cell.groups for one in group.checks
            )
            assert check.verdict is Verdict.HOLDS or cell.verdict is not Verdict.HOLDS
        assert check.verdict is Verdict.HOLDS or whole is not Verdict.HOLDS


@pytest.mark.parametrize("verdict", Verdict)
def test_a_verdict_has_its_sign_and_its_word(verdict: Verdict) -> None:
    text = html.render(decided_by(verdict))
    heading = re.search(r"<h1>(.*?)</h1>", text, re.DOTALL)
    assert heading and html.GLYPHS[verdict] in heading[1] and verdict.value in heading[1]
    if verdict is not Verdict.HOLDS:
        assert f'class="{verdict.value}"' in text
    assert len(set(html.GLYPHS.values())) == len(Verdict)


def test_where_nothing_was_asked_nothing_holds() -> None:
    (row, *_) = matrix(holding()).rows
    empty = [cell for cell in row[2] if not cell.groups]
    assert empty and all(cell.verdict is None for cell in empty)
    assert matrix(Document({}, None, [], [], [])).rows == ()


def test_proofs_stand_where_their_clause_excludes_a_rule() -> None:
    found = holding()
    base = found.checks[0]
    proof = replace(base, id="c/kvm_mips_flush_gpa_pt/lock", kind="proof-c", cases=3)
    refuted = replace(
        base, id="c/kvm_age_gfn/exact", kind="proof-c", verdict=Verdict.VIOLATED,
        reason="stale-mapping/kvm_age_gfn/ends-at-top: 'x' does not follow",
    )  # fmt: skip
    pure = replace(base, id="pure/f/contract", kind="contract", layout="")
    found.checks = [proof, refuted, pure]
    cells = {
        (cell.layout, cell.rule): cell.verdict
        for _, _, cells in matrix(found).rows
        for cell in cells
        if cell.verdict
    }
    assert cells == {
        (base.layout, "unlocked-access"): Verdict.HOLDS,
        (base.layout, "runaway"): Verdict.HOLDS,
        (base.layout, "stale-mapping"): Verdict.VIOLATED,
        (NO_LAYOUT, OTHER): Verdict.HOLDS,
    }


@given(words=st.one_of(texts, st.text()))
def test_a_line_of_source_keeps_its_spaces_and_loses_what_acts(words: str) -> None:
    tamed = web.tame(words)
    assert tamed.isprintable()
    if words.isprintable():
        assert tamed == words


def test_a_finding_that_is_accepted_stays_a_finding_and_says_so() -> None:
    found = decided_by(Verdict.VIOLATED)
    found.checks = [
        replace(one, accepted="baseline" if one.verdict is Verdict.VIOLATED else "")
        for one in found.checks
    ]
    broken = [one for one in found.checks if one.accepted]
    found.gate = Gate(Verdict.HOLDS, against={"baseline": "known.toml"})
    text = html.render(found)
    assert f"accepted: {len(broken)} by baseline" in text
    assert "against the baseline known.toml" in text
    assert "holds, except for what is accepted" in text
    heading = re.search(r"<h1>(.*?)</h1>", text, re.DOTALL)
    assert heading and "violated" in heading[1]
