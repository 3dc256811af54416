# SPDX-License-Identifier: GPL-2.0-only
"""The change log: every fragment is of a known type, short, and ends up in the next section."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.test_rooms import ROOT

FOLDER = ROOT / "changelog.d"
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["towncrier"]
TYPES = [kind["directory"] for kind in SETTINGS["type"]]
#: Everything in the folder, so that a file that towncrier would pass over is seen.
FRAGMENTS = sorted(set(FOLDER.rglob("*")) - {FOLDER / "README.md"})


def wrong(name: str, text: str) -> str:
    """Return what is wrong with a fragment, in a few words; empty where nothing is."""
    if not re.fullmatch(rf"\+[a-z0-9][a-z0-9-]*\.({'|'.join(TYPES)})\.md", name):
        return f"a name is +NAME.TYPE.md, TYPE is {' or '.join(TYPES)}"
    if not text.endswith(".\n") or text != text.strip() + "\n":
        return "it ends with a full stop and one line break"
    if not re.match(r"[A-Z`]", text) or "\n\n" in text:
        return "it is one paragraph that begins like a sentence"
    return "it is a sentence or two" if len(text) > 300 else ""


@pytest.mark.parametrize("path", FRAGMENTS, ids=lambda path: path.name)
def test_a_fragment_is_a_sentence_of_a_known_type(path: Path) -> None:
    assert not wrong(path.name, path.read_text()), wrong(path.name, path.read_text())


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("12.added.md", "What is new.\n"),
        ("+new.feature.md", "What is new.\n"),
        ("+new.added.rst", "What is new.\n"),
        ("+new.added.md", "What is new\n"),
        ("+new.added.md", "- What is new.\n"),
        ("+new.added.md", "What is new.\n\nAnd more.\n"),
        ("+new.added.md", "What is new" + " and newer" * 40 + ".\n"),
    ],
)
def test_what_is_wrong_with_a_fragment_is_seen(name: str, text: str) -> None:
    assert wrong(name, text)
    assert not wrong("+new.added.md", "What is new.\n")


def test_the_next_section_has_every_fragment() -> None:
    command = [sys.executable, "-m", "towncrier", "build", "--draft", "--version", "0"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    said = " ".join(done.stdout.split())
    for path in FRAGMENTS:
        assert " ".join(path.read_text().split()) in said


def test_a_section_has_its_place_in_the_change_log() -> None:
    assert (ROOT / SETTINGS["filename"]).read_text().count(SETTINGS["start_string"]) == 1


def test_contributors_are_given_the_types() -> None:
    page = (ROOT / "CONTRIBUTING.md").read_text()
    listed = page[page.index("`TYPE` is ") :].partition(". ")[0]
    assert set(re.findall(r"`([a-z]+)`", listed)) == set(TYPES)
