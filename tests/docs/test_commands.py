# SPDX-License-Identifier: GPL-2.0-only
"""The help texts in the documentation, and the manual pages: what the program says now."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

# click-man: writes manual pages from commands and their options, in the form that man expects.
from click_man.core import write_man_pages

from slatcheck import __version__, cli, commands
from tests.docs.generated import DOCS, same, writing

MAN = DOCS / "man"
PAGES = ("slatcheck.1", *(f"slatcheck-{name}.1" for name in commands.NAMES))
HEAD = """<!-- SPDX-License-Identifier: GPL-2.0-only -->
# Commands

What `slatcheck COMMAND --help` prints. The [tutorial](tutorial.md) shows most of them at work; the
same texts are there as [manual pages](man/slatcheck.1): `man -l docs/man/slatcheck-check.1`.
"""


def helped(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """Return what ``slatcheck ARGUMENTS --help`` prints."""
    capsys.readouterr()
    assert cli.run([*arguments, "--help"]) == 0
    return capsys.readouterr().out


def test_help_in_the_documentation_is_what_is_printed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    parts = [HEAD]
    for name in ("", *commands.NAMES):
        title = f"slatcheck {name}".strip()
        parts.append(f"\n## {title}\n\n```\n{helped(name.split(), capsys)}```\n")
    same(DOCS / "commands.md", "".join(parts))


def whole() -> click.Group:
    """Return the program with its commands loaded, for what wants to see them all at once."""
    context = click.Context(cli.cli, info_name="slatcheck")
    loaded = {name: cli.cli.get_command(context, name) for name in commands.NAMES}
    return click.Group(
        "slatcheck",
        {name: one for name, one in loaded.items() if one is not None},
        params=cli.cli.params,
        help=cli.cli.help,
        short_help="check KVM's guest-physical page tables for MIPS",
        context_settings=cli.cli.context_settings,
    )


def typeset(text: str) -> Iterator[str]:
    """Yield the lines of a page: what click keeps unwrapped is kept, and no text is a request."""
    kept = named = False
    for line in text.splitlines():
        if line == "\b":
            kept = True
            yield ".nf"
            continue
        if kept and line == ".PP":
            kept = False
            yield ".fi"
        if line.startswith(".TH"):
            line = line.replace("SLATCHECK ", "SLATCHECK-", 1)
        elif named:
            # What man -k lists: a phrase, not a sentence.
            name, _, about = line.partition(r" \- ")
            line = rf"{name} \- {about[:1].lower()}{about[1:].rstrip('.')}"
        elif re.match(r"'|\.(?!(?:B|PP|SH|TH|TP)\b)", line):
            line = rf"\&{line}"
        named = line == ".SH NAME"
        yield line


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Give the manual pages by name, as click-man writes them, without a date."""
    folder = tmp_path_factory.mktemp("man")
    write_man_pages("slatcheck", whole(), version=f"slatcheck {__version__}",
                    date=" ", target_dir=str(folder))  # fmt: skip
    license_ = '.\\" SPDX-License-Identifier: GPL-2.0-only\n'
    return {
        path.name: license_ + "\n".join(typeset(path.read_text("utf-8"))) + "\n"
        for path in folder.iterdir()
    }


def test_there_is_a_manual_page_for_each_command(made: dict[str, str]) -> None:
    assert sorted(made) == sorted(PAGES)
    if not writing():
        assert {path.name for path in MAN.iterdir()} == set(PAGES)


@pytest.mark.parametrize("name", PAGES)
def test_a_manual_page_is_what_the_program_says(name: str, made: dict[str, str]) -> None:
    same(MAN / name, made[name])


@pytest.mark.parametrize("name", PAGES)
def test_a_manual_page_can_be_set(name: str) -> None:
    groff = shutil.which("groff")
    if groff is None:
        pytest.skip("groff is not installed")
    done = subprocess.run(
        [groff, "-man", "-Tutf8", "-ww", "-rLL=120n", str(MAN / name)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stderr == ""
    shown = " ".join(re.sub(r"\x1b\[[\d;]*m|.\x08", "", done.stdout).split())
    for option in re.findall(r"^\\fB(\\-\\-(?:\w|\\-)+)", (MAN / name).read_text(), re.MULTILINE):
        assert option.replace("\\", "") in shown
    assert f"slatcheck {__version__}" in shown


def test_examples_of_a_manual_page_stay_on_their_lines(made: dict[str, str]) -> None:
    text = made["slatcheck-diff.1"]
    (block,) = re.findall(r"^\.nf\n(.*?)^\.fi\n", text, re.DOTALL | re.MULTILINE)
    assert [line.split()[:2] for line in block.splitlines()] == [["slatcheck", "diff"]] * 3
    assert "\b" not in "".join(made.values())


@pytest.mark.parametrize("page", sorted(MAN.glob("*.1")), ids=lambda path: path.stem)
def test_a_manual_page_says_its_license(page: Path) -> None:
    assert "SPDX-License-Identifier: GPL-2.0-only" in page.read_text().splitlines()[0]
