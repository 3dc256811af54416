# SPDX-License-Identifier: GPL-2.0-only
"""The pages in a real browser: no network, no complaint, light and dark, usable by keyboard."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from model.ports import layout
from slatcheck.explain import page
from slatcheck.judge.judging import Request, check
from slatcheck.reports import html, layouts_picture
from tests.slatcheck.explain.browser import IMAGES, ROOT, Browser, Keys, start
from tests.slatcheck.explain.stories import CASES, story
from tests.slatcheck.reports.test_reports import full

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    yield from start()


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Every kind of page, written to files."""
    folder = tmp_path_factory.mktemp("pages")
    texts = {f"{name}.html": page.render(story(name)) for name in CASES}
    quirks = ("dirty-mask-hull", "no-reach-check", "notifier-end-inclusive")
    where = tuple(layout(name) for name in ("mips32-4k", "mips32-16k", "mips64-4k", "mips64-64k"))
    run = check(Request(where, max_ops=2_000, jobs=1, quirks=quirks,
                        evidence=frozenset({"differential"})), lambda _: None)  # fmt: skip
    texts["run.html"] = html.render(run, lambda one: f"slatcheck replay {one.fingerprint}")
    texts["full.html"] = html.render(full(), None)
    texts["layout.svg"] = layouts_picture.render(layout("mips64-4k"))
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    return {name: folder / name for name in texts}


def shown(browser: Browser) -> list[str]:
    """Return the ids of the steps that can be seen."""
    found: list[str] = browser.script(
        "return [...document.querySelectorAll('.step')]"
        ".filter((one) => one.offsetParent !== null).map((one) => one.id)"
    )
    return found


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", [*(f"{name}.html" for name in CASES), "run.html", "full.html"])
def test_a_page_keeps_to_itself_and_can_be_read(
    browser: Browser, pages: dict[str, Path], name: str, scheme: str
) -> None:
    browser.open(pages[name], scheme=scheme)
    dark = browser.ground() == "rgb(15, 20, 26)"
    assert dark == (scheme == "dark")
    browser.script("document.querySelectorAll('details').forEach((one) => { one.open = true })")
    assert browser.contrast() == []
    wide = browser.script("return document.documentElement.scrollWidth - innerWidth")
    assert wide <= 0, "the page is wider than the window"
    browser.keeps_to_itself(pages[name])


def test_the_keyboard_steps_through_a_story(browser: Browser, pages: dict[str, Path]) -> None:
    browser.open(pages["sound.html"])
    last = len(story("sound").steps)
    assert shown(browser) == ["step-1"]
    for keys, there in (
        ([Keys.ARROW_RIGHT], 2),
        (["j", "j"], 4),
        (["k"], 3),
        ([Keys.ARROW_LEFT], 2),
        ([Keys.END], last),
        ([Keys.ARROW_RIGHT], last),
        ([Keys.HOME], 1),
        (["k"], 1),
    ):
        browser.press(*keys)
        assert shown(browser) == [f"step-{there}"]
        assert browser.script("return document.activeElement.id") == f"step-{there}"
        current = "return document.querySelector('[aria-current=step]').hash"
        assert browser.script(current) == f"#step-{there}"
    browser.keeps_to_itself(pages["sound.html"])


def test_buttons_and_links_step_too(browser: Browser, pages: dict[str, Path]) -> None:
    browser.open(pages["hull.html"])
    assert shown(browser) == ["step-3"], "a story begins where the promise is broken"
    browser.script("document.getElementById('prev').click()")
    assert shown(browser) == ["step-2"]
    assert browser.script("return document.getElementById('next').disabled") is False
    browser.script("document.querySelectorAll('nav ol a')[0].click()")
    assert shown(browser) == ["step-1"]
    assert browser.script("return document.getElementById('prev').disabled") is True
    browser.open(pages["hull.html"], "#step-2")
    assert shown(browser) == ["step-2"]


def test_tab_reaches_everything_and_shows_where_it_is(
    browser: Browser, pages: dict[str, Path]
) -> None:
    browser.open(pages["hull.html"])
    seen = []
    for _ in range(12):
        browser.press(Keys.TAB)
        tag, outline, label = browser.script(
            "const one = document.activeElement; const style = getComputedStyle(one);"
            "return [one.tagName, style.outlineStyle,"
            " one.getAttribute('aria-label') || one.textContent.trim()]"
        )
        seen.append(tag)
        if tag != "BODY":
            assert outline != "none" and label
    assert {"A", "BUTTON", "SUMMARY"} <= set(seen)


def test_without_scripts_a_story_is_one_long_page(browser: Browser, pages: dict[str, Path]) -> None:
    browser.scripts(False)
    try:
        browser.open(pages["hull.html"])
        source = browser.driver.page_source
        assert 'class="stepping"' not in source
        assert source.count('<section class="step') == 3
        assert re.search(r'id="prev"[^>]*hidden', source)
    finally:
        browser.scripts(True)


def place(label: str) -> tuple[str, str]:
    """Return the layout and the rule that a cell's label names."""
    where, _, rest = label.partition(", ")
    return where, rest.partition(":")[0]


def test_the_matrix_is_walked_with_arrows_and_shows_its_evidence(
    browser: Browser, pages: dict[str, Path]
) -> None:
    browser.open(pages["run.html"])
    visible = (
        "return [...document.querySelectorAll('.cell')]"
        ".filter((one) => one.offsetParent !== null).map((one) => one.id)"
    )
    assert browser.script(visible) == []
    browser.script("document.querySelector('.matrix td a').focus()")
    label = "return document.activeElement.getAttribute('aria-label')"
    first = browser.script(label)
    browser.press(Keys.ARROW_DOWN)
    below = browser.script(label)
    assert place(below)[0] != place(first)[0] and place(below)[1] == place(first)[1]
    browser.press(Keys.ARROW_RIGHT)
    right = browser.script(label)
    assert place(right)[0] == place(below)[0] and place(right)[1] != place(below)[1]
    browser.press(Keys.ENTER)
    (cell,) = browser.script(visible)
    assert browser.script("return document.activeElement.id") == cell
    assert browser.script("return document.querySelector('a.picked').hash") == f"#{cell}"
    words = browser.script("return document.getElementById(arguments[0]).innerText", cell)
    assert "differential" in words
    browser.keeps_to_itself(pages["run.html"])


def test_a_picture_alone_is_light_and_dark(browser: Browser, pages: dict[str, Path]) -> None:
    fills = []
    for scheme in ("light", "dark"):
        browser.open(pages["layout.svg"], scheme=scheme)
        fill = "return getComputedStyle(document.querySelector('.paper')).fill"
        fills.append(browser.script(fill))
        browser.keeps_to_itself(pages["layout.svg"])
    assert fills == ["rgb(255, 255, 255)", "rgb(15, 20, 26)"]


def test_pictures_of_the_documentation(browser: Browser, pages: dict[str, Path]) -> None:
    """With SLATCHECK_SCREENSHOTS=1 they are made; in any case the documented ones exist."""
    made = set()
    for name, scheme, fragment, picture, height in (
        ("hull.html", "light", "", "explain-hull.png", 1200),
        ("beyond.html", "dark", "", "explain-beyond-reach.png", 1130),
        ("run.html", "light", "", "report-matrix.png", 700),
        ("layout.svg", "light", "", "layout-mips64-4k.png", 690),
    ):
        browser.open(pages[name], fragment, scheme)
        made.add(browser.picture(picture, height))
    named = set()
    for text in ROOT.glob("docs/**/*.md"):
        for target in re.findall(r"!\[[^\]]+\]\(([^)]+\.png)\)", text.read_text("utf-8")):
            named.add((text.parent / target).resolve())
    assert made == {path for path in named if path.parent == IMAGES}
    for path in made:
        assert path.read_bytes().startswith(b"\x89PNG")
        assert path.stat().st_size < 200_000
