# SPDX-License-Identifier: GPL-2.0-only
"""A story as one self-contained HTML page: no network, light and dark, usable by keyboard."""

from __future__ import annotations

from model.rules import RULES
from slatcheck.display import web
from slatcheck.display.canvas import STYLE
from slatcheck.display.words import count
from slatcheck.explain import svg
from slatcheck.explain.story import Story, difference, headline, reason


def render(story: Story) -> str:
    """Return the page. It starts at the step at which the promise is broken."""
    expected, actual = difference(story)
    return web.render(
        "slatcheck.explain",
        "page.html.j2",
        web.resource("slatcheck.explain", "page.js"),
        story=story,
        headline=headline(story),
        reason=reason(story),
        expected=expected,
        actual=actual,
        start=story.step if story.step is not None else 0,
        statements={rule.name: rule.statement for rule in RULES},
        pictures=[svg.render(story, n, standalone=False) for n in range(len(story.steps))],
        picture_style=STYLE,
        tables=lambda number: count(number, "table"),
    )
