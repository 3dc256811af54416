# SPDX-License-Identifier: GPL-2.0-only
"""The tutorial, done: its commands run one after the other on a real tree, in a fresh home."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.docs.generated import DOCS, ROOT
from tests.integrations.programs import script
from tests.kernels.repository import NOBODY
from tests.mips import permitted_layouts
from tests.slatcheck.explain.browser import IMAGES, screenshots, start
from tests.tutorial import session
from tests.tutorial.session import Block, Ran, compared, matches

PAGE = DOCS / "tutorial.md"
BLOCKS = session.read(PAGE)
PICTURE = IMAGES / "tutorial/explain.png"


def home_of(folder: Path, kernels: Path) -> Path:
    """Return a home folder with a copy of slatcheck in it, as after make setup and make kernels."""
    home = folder / "home"
    commands = home / "slatcheck/.venv/bin"
    for name, module in (("slatcheck", "slatcheck"), ("pytest", "pytest")):
        run = shlex.join([sys.executable, "-m", module])
        path = shlex.quote(str(ROOT))
        script(commands / name, f'#!/bin/sh\nPYTHONPATH={path} exec {run} "$@"\n')
    (home / "slatcheck/.cache").mkdir()
    (home / "slatcheck/.cache/kernels").symlink_to(kernels)
    return home


def wrong(block: Block, done: Ran) -> str:
    """Return what a block did other than the page says; '' where it did what it says."""
    if done.statuses != block.statuses:
        return f"statuses {done.statuses}, not {block.statuses}: {block.commands}\n{done.output}"
    if block.shown is None:
        return done.output.strip() and f"the page shows nothing of:\n{done.output}"
    return "" if matches(block.shown, done.output) else compared(block.shown, done.output)


# One test, so that the session is run by one worker only.
@pytest.mark.slow
def test_the_tutorial_does_what_it_says(kernel_trees: Mapping[str, Path], tmp_path: Path) -> None:
    home = home_of(tmp_path, kernel_trees["6.12"].resolve().parent)
    left_out = ("SLATCHECK_KERNEL", "COLUMNS", "PYTEST_ADDOPTS", "PYTEST_CURRENT_TEST")
    env = {key: value for key, value in NOBODY.items() if key not in left_out}
    ran = session.run(BLOCKS, home, {**env, "HOME": str(home), "LC_ALL": "C.UTF-8"})
    found = [wrong(block, done) for block, done in zip(BLOCKS, ran, strict=True)]
    assert "".join(found) == "", "\n\n".join(filter(None, found))
    story = home / "tutorial/story.html"
    assert marked("kvm_mips_flush_gpa_pmd", story) == [
        "for (i = i_min; i &lt; i_max; ++i, start_gpa = 0) {"
    ]
    if screenshots():
        photograph(story)


def marked(function: str, story: Path) -> list[str]:
    """Return the lines of a function that a page shows as run, with single spaces."""
    text = story.read_text("utf-8")
    (source,) = re.findall(rf"<pre[^>]*Source of {function}\".*?</pre>", text, re.DOTALL)
    lines = re.findall(r'"line ran">.*?</span>(.*?)\n', source)
    return [" ".join(line.split()) for line in lines]


def photograph(story: Path) -> None:
    """Write the picture of the page that the tutorial shows."""
    PICTURE.parent.mkdir(exist_ok=True)
    with contextmanager(start)() as browser:
        browser.open(story)
        browser.picture(str(PICTURE.relative_to(IMAGES)), 1150)


def test_the_picture_is_there() -> None:
    assert f"]({PICTURE.relative_to(DOCS)})" in PAGE.read_text()
    assert PICTURE.read_bytes().startswith(b"\x89PNG") and PICTURE.stat().st_size < 200_000


def test_one_layout_is_used_throughout() -> None:
    calls = re.findall(r"slatcheck (?:check|baseline) .*", "".join(b.commands for b in BLOCKS))
    first, second = (
        [call for call in calls if f"--layout {name}" in call]
        for name in ("mips64-4k", "riscv64-sv39x4")
    )
    assert len(first) >= 5 and len(second) == 2
    # What was written down of a run names no layout.
    assert [call for call in calls if call not in first + second] == [
        "slatcheck baseline ../before.json --output ../known-riscv.toml"
    ]
    assert f"each of the {len(permitted_layouts())} configurations" in PAGE.read_text()


def test_what_is_set_up_by_hand_is_there() -> None:
    (block,) = re.findall(r"^```console\n(.*?)^```$", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    targets = re.findall(r"^\$ make -C ~/slatcheck (\w+) +#", block, re.MULTILINE)
    assert targets == ["setup", "kernels"]
    subprocess.run(["make", "--dry-run", *targets], cwd=ROOT, capture_output=True, check=True)


# The reader of pages


def test_ellipses_stand_for_lines_and_for_text_within_a_line() -> None:
    for shown, output, same in (
        ("a\n", "a\n", True),
        ("a\n", "a\nb\n", False),
        ("a\n...\n", "a\nb\nc\n", True),
        ("a\n...\n", "a\n", True),
        ("...\nb\n", "a\nb\nc\n", False),
        ("...\nb\n...\nd\n", "a\nb\nc\nd\n", True),
        ("...\nd\n...\nb\n", "a\nb\nc\nd\n", False),
        ("1 passed in …\n", "1 passed in 0.5s\n", True),
        ("1 passed in …\n", "1 failed in 0.5s\n", False),
        ("a…\nb\n", "a\nx\nb\n", False),
        ("a.c\n", "abc\n", False),
        ("", "a\n", False),
    ):
        assert matches(shown, output) == same, (shown, output)


def test_a_page_is_read_in_order(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```sh\none\n```\n\n```text\n1\n```\nwords\n\n```console\n$ no\n```\n\n"
                    "```sh\ntwo    # exit status 3\n```\n")  # fmt: skip
    assert session.read(page) == [Block("one\n", "1\n"), Block("two    # exit status 3\n", None)]
    assert [block.statuses for block in session.read(page)] == [[], [3]]
    page.write_text("```sh\none\n```\n\nwords\n\n```text\n1\n```\n")
    with pytest.raises(AssertionError, match="output of no command"):
        session.read(page)


def test_a_session_keeps_its_folder_and_goes_on_after_failures(tmp_path: Path) -> None:
    blocks = [
        Block("mkdir a; cd a; export X=5\n", None),
        Block("false\npwd; echo $X >&2; echo '[1/2] x'\n(exit 3)    # exit status 3\n", None),
        Block("false | cat\nif false; then :; fi\n", None),
    ]
    done = session.run(blocks, tmp_path, os.environ)
    assert done == [Ran("", []), Ran(f"{tmp_path}/a\n5\n", [1, 3]), Ran("", [1])]
    with pytest.raises(AssertionError, match="ended in block 2"):
        session.run([blocks[0], Block("exit 4\n", None)], tmp_path / "a", os.environ)
