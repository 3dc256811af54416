# SPDX-License-Identifier: GPL-2.0-only
"""Pictures: well formed, nothing outside of the frame, and what is wrong is marked by a sign."""

from __future__ import annotations

from pathlib import Path
from random import Random
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from impl.ports import quirks_of
from model.layout import Layout
from model.ports import layouts, port_of
from slatcheck.display.canvas import CHAR, WIDTH, Canvas, fit, length
from slatcheck.explain import page, svg, terminal
from slatcheck.explain.record import record
from slatcheck.explain.story import Story
from slatcheck.explain.teller import tell
from slatcheck.judge.traces import Trace
from slatcheck.reports import layouts_picture
from slatcheck.search.leaf_sequences import decoder_of
from slatcheck.search.sequences import BLOCK, HEADER
from tests.slatcheck.explain.stories import CASES, story

SVG = "{http://www.w3.org/2000/svg}"


def inside(picture: str) -> list[str]:
    """Check that every shape and text lies in the view box; return the texts."""
    root = ElementTree.fromstring(picture)
    left, top, width, height = map(float, root.attrib["viewBox"].split())
    assert (left, top, width) == (0, 0, WIDTH)
    texts = []
    for one in root.iter():
        tag = one.tag.removeprefix(SVG)
        if tag == "rect":
            x, y = float(one.get("x", "0")), float(one.get("y", "0"))
            assert x >= 0 and x + float(one.attrib["width"]) <= width + 0.2
            assert y >= 0 and y + float(one.attrib["height"]) <= height + 0.2
        elif tag in ("polygon", "polyline"):
            for point in one.attrib["points"].split():
                x, y = map(float, point.split(","))
                assert 0 <= x <= width and 0 <= y <= height
        elif tag == "text":
            words = one.text or ""
            wide = len(words) * float(one.attrib["font-size"]) * CHAR
            x = float(one.attrib["x"])
            x -= {"middle": wide / 2, "end": wide}.get(one.get("text-anchor", ""), 0.0)
            assert x >= -0.2 and x + wide <= width + 0.2, words
            assert 0 <= float(one.attrib["y"]) <= height
            texts.append(words)
    return texts


@pytest.mark.parametrize("name", CASES)
def test_every_step_is_drawn_inside_its_frame(name: str) -> None:
    told = story(name)
    for number in range(len(told.steps)):
        inside(svg.render(told, number))
        bare = svg.render(told, number, standalone=False)
        assert "<style" not in bare and "xmlns" not in bare


@pytest.mark.parametrize("name", [name for name in CASES if name not in ("sound", "leak")])
def test_what_is_broken_has_a_sign_and_not_only_a_colour(name: str) -> None:
    told = story(name)
    assert told.shown and told.step is not None
    picture = svg.render(told, told.step)
    assert any(text.startswith("✗") for text in inside(picture))
    assert "-hatch)" in picture


@pytest.mark.parametrize("name", CASES)
def test_what_is_sound_has_no_sign(name: str) -> None:
    told = story(name)
    for step in told.steps:
        if not step.broken and all(one.number >= step.number for one in told.steps if one.broken):
            marked = [text for text in inside(svg.render(told, step.number)) if "✗" in text]
            assert not marked or name == "four", marked


def texts_of(told: Story, number: int) -> str:
    return "\n".join(inside(svg.render(told, number)))


def test_a_hull_is_seen_frame_by_frame() -> None:
    said = texts_of(story("hull"), 2)
    assert "mask bits" in said and "0x11" in said and "✗ not what it should be" in said
    assert "wyd" in said and "wy-" in said


def test_an_address_beyond_the_reach_shows_where_it_leads() -> None:
    said = texts_of(story("beyond"), 1)
    assert "✗ beyond the reach 0x1" in said
    assert "taken for GPA 0x0" in said
    assert "✗ should not be there" in said


def test_tables_that_are_dropped_stay_visible_once() -> None:
    told = story("sound")
    assert told.step is None and not told.shown
    said = texts_of(told, len(told.steps) - 1)
    assert "unlinked and freed in this step" in said
    assert "more tables at this level" in texts_of(told, len(told.steps) - 2)


@settings(max_examples=25)
@given(seed=st.integers(0, 2**32), where=st.sampled_from(layouts()))
def test_any_run_can_be_drawn_and_told(seed: int, where: Layout) -> None:
    quirks = tuple(one.name for one in quirks_of(where) if one.bites(where) and seed >> 3 & 1)
    decoder = decoder_of(where, frozenset(port_of(where).functions))
    ops = decoder.decode(Random(seed).randbytes(HEADER + BLOCK * 12))
    case = Trace("leak/any/any", "multilevel", where, quirks, 0, tuple(ops))
    told = tell(record(case, None, None, Path("x")), "again")
    for number in range(len(told.steps)):
        inside(svg.render(told, number))
    assert terminal.render(told).count("step ") >= len(told.steps)
    assert page.render(told).count("<svg") == len(told.steps)


@given(words=st.text(max_size=400), x=st.floats(-50, WIDTH + 50), size=st.integers(8, 16))
def test_text_never_leaves_the_picture(words: str, x: float, size: int) -> None:
    for anchor in ("start", "middle", "end"):
        canvas = Canvas("any")
        canvas.text(x, 20, words, size=size, anchor=anchor)
        canvas.y = 40
        inside(canvas.svg(words, words, standalone=True))


@given(words=st.text(max_size=60), width=st.floats(5, 400))
def test_fitted_words_are_no_wider_than_their_room(words: str, width: float) -> None:
    assert length(fit(words, width)) <= max(width, 11 * CHAR)


@pytest.mark.parametrize("where", layouts(), ids=lambda one: one.name)
def test_every_layout_has_a_picture(where: Layout) -> None:
    said = inside(layouts_picture.render(where))
    assert any(where.name in text for text in said)
    names = layouts_picture.bit_names(where)
    for name, mask in where.entry.named:
        assert all(names[bit] == name for bit in range(len(names)) if mask >> bit & 1)
    assert sum(name.startswith("PFN") for name in names) == where.entry.pfn_mask.bit_count()
