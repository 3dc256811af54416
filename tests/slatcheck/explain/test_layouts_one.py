# SPDX-License-Identifier: GPL-2.0-only
"""One layout explained: its numbers are the layout's, its links lead somewhere."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from impl.ports import REFERENCES, quirks_of
from model.layout import Layout
from model.ports import layout, layouts
from slatcheck import cli
from slatcheck.reports import layouts_one

ROOT = Path(__file__).resolve().parents[3]
GOLDEN = Path(__file__).with_name("mips64-4k-va48.txt")


def test_golden_layout() -> None:
    text = layouts_one.render_text(layout("mips64-4k-va48"))
    assert text == GOLDEN.read_text(encoding="utf-8")


@pytest.mark.parametrize("where", layouts(), ids=lambda one: one.name)
def test_every_layout_is_explained_with_its_own_numbers(where: Layout) -> None:
    text = layouts_one.render_text(where)
    assert text.startswith(f"{where.name}: a {where.bits}-bit kernel")
    assert max(map(len, text.splitlines())) <= 100
    flat = " ".join(text.split())
    assert (where.refusal in flat) if where.refusal else "Kconfig permits it" in flat
    assert f"reach {where.geometry.reach_bits} bits far" in flat
    assert f"{where.frames:,} frames" in flat
    found = layouts_one.levels(where)
    assert [one.low for one in found] == [level.shift for level in where.tables]
    assert found[-1].most * found[-1].entries == where.frames
    assert all(above.low == below.high + 1 for above, below in pairwise(found))
    for one in found:
        assert one.used <= one.block and one.covers == 1 << one.low
    for quirk in quirks_of(where):
        assert (f"{quirk.name}:" in flat) == quirk.bites(where)


def test_each_quirk_has_its_page_of_findings() -> None:
    for port in REFERENCES.values():
        assert set(port.pages) == {one.name for one in port.quirks}
        for page in port.pages.values():
            assert (ROOT / "docs/findings" / f"{page}.md").is_file()


def test_what_has_no_place_in_an_entry_is_said() -> None:
    said = " ".join(layouts_one.entry(layout("mips32-16k-xpa")))
    assert "two words" in said and "0xc00000 have no place" in said and "XPA" in said
    assert "no place" not in " ".join(layouts_one.entry(layout("mips64-4k")))
    assert "RIXI" not in " ".join(layouts_one.entry(layout("mips32-4k-p64")))


@pytest.mark.parametrize(
    ("arguments", "begins"),
    [
        (["mips64-4k"], "mips64-4k: a 64-bit kernel"),
        (["mips64-4k", "--format", "svg"], "<svg"),
        (["mips64-4k", "--format", "json"], "{"),
        (["mips64-4k*"], "layout "),
        (["mips64-4k", "mips32-4k"], "layout "),
        (["mips64-4k", "--memory", "0+1M"], "layout "),
        ([], "layout "),
    ],
)
def test_only_a_single_plain_name_is_explained(
    arguments: list[str], begins: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["layouts", *arguments]) == 0
    assert capsys.readouterr().out.startswith(begins)


@pytest.mark.parametrize("rest", [["mips64-*"], [], ["mips64-4k", "--memory", "0+1M"]])
def test_a_picture_is_of_one_layout(rest: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["layouts", *rest, "--format", "svg"]) == 2
    assert "draws one layout" in capsys.readouterr().err
