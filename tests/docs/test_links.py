# SPDX-License-Identifier: GPL-2.0-only
"""All pages: every link leads somewhere, every command line is one that slatcheck takes."""

from __future__ import annotations

import re
import shlex
from importlib import import_module
from pathlib import Path

import click
import pytest

from slatcheck import commands
from tests.docs.generated import DOCS, ROOT
from tests.integrations.programs import parsed
from tests.slatcheck.reports.test_pages import blocks
from tests.slatcheck.test_docs import table

PAGES = sorted(
    [*DOCS.rglob("*.md"), *ROOT.glob("*.md"), *(ROOT / "integrations").rglob("*.md")],
)
EVERY = pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
_BEFORE = re.compile(r"^\s*(?:[-$] )?(?:\w+=\S* |git bisect run )*")
_CALL = re.compile(rf"(?:\S*/)?slatcheck (?:{'|'.join(commands.NAMES)})\b")


def prose(page: Path) -> str:
    """Return the text of a page without its fenced blocks."""
    return re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as forges make them."""
    heads = re.findall(r"^#+ (.*)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in heads}


@EVERY
def test_links_lead_somewhere(page: Path) -> None:
    for target, anchor in re.findall(r"\]\(([^)#]*)(?:#([^)]*))?\)", prose(page)):
        if "://" in target:
            continue
        there = (page.parent / target).resolve() if target else page
        assert there.exists(), target
        assert there.is_relative_to(ROOT), target
        assert not anchor or anchor in anchors(there), f"{target}#{anchor}"


def calls(page: Path) -> list[list[str]]:
    """Return the arguments of each call of slatcheck in the blocks of a page."""
    text = "\n".join(blocks(page)).replace("\\\n", " ")
    lines = [_BEFORE.sub("", line) for line in text.splitlines()]
    return [arguments(line) for line in lines if _CALL.match(line)]


def mentions(page: Path) -> list[list[str]]:
    """Return the arguments of each command that the text of a page names, whole or not."""
    return [arguments(one) for one in re.findall(r"`([^`\n]+)`", prose(page)) if _CALL.match(one)]


def arguments(line: str) -> list[str]:
    """Return the words of a command line after the program, up to where another one begins."""
    words = shlex.shlex(line, posix=True, punctuation_chars="|&;<>")
    words.whitespace_split = True
    found: list[str] = []
    for word in list(words)[1:]:
        if set(word) <= set("|&;<>"):
            break
        found.append(word)
    return found


@EVERY
def test_every_command_is_one_that_slatcheck_takes(page: Path) -> None:
    for call in calls(page):
        try:
            parsed(call)
        except click.exceptions.Exit as asked:
            assert asked.exit_code == 0
        except click.ClickException as problem:
            raise AssertionError(f"{shlex.join(call)}: {problem.format_message()}") from problem


@EVERY
def test_every_option_that_is_named_is_one_that_there_is(page: Path) -> None:
    for name, *words in mentions(page):
        command: click.Command = import_module(f"slatcheck.commands.{name}").command
        known = {option for one in command.params for option in one.opts} | {"--help"}
        assert {word.partition("=")[0] for word in words if word.startswith("-")} <= known


def test_commands_are_found() -> None:
    assert arguments("slatcheck check --layout x >r.txt 2>&1 | tail  # all") == [
        "check", "--layout", "x",
    ]  # fmt: skip
    assert len(calls(DOCS / "gating.md")) > 6
    assert len(calls(ROOT / "README.md")) > 8
    assert sum(len(calls(page)) for page in PAGES) > 40
    assert sum(len(mentions(page)) for page in PAGES) > 10
    with pytest.raises(click.UsageError):
        parsed(["check", "--no-such-option"])


def test_every_page_is_on_the_map() -> None:
    """The map names each page, or the index of the folder that the page is in."""
    text = (DOCS / "README.md").read_text()
    named = {(DOCS / one).resolve() for one in re.findall(r"\]\(([^)#]+)", text)}
    folders = {path.parent for path in named if path.name == "README.md"}
    for page in sorted(DOCS.rglob("*.md")):
        if page != DOCS / "README.md":
            assert page in named or page.parent in folders, f"{page.name} is not on the map"


def test_every_command_is_in_the_documentation() -> None:
    shown = {call[0] for page in PAGES if page.name != "commands.md" for call in calls(page)}
    assert shown == set(commands.NAMES)


def test_a_map_of_uses() -> None:
    rows = table(DOCS / "README.md", "you want to")
    assert len(rows) > 5 and all("](" in row[1] for row in rows)
