# SPDX-License-Identifier: GPL-2.0-only
"""Repositories of strangers: git runs nothing that they name, and writes nothing outside."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

import pytest

from slatcheck.errors import InputError
from slatcheck.git.revisions import checked_out, with_patch
from tests.kernels.repository import NOBODY

TEXT = "int answer = 42;\n"
HEADER = "include/answer.h"
PATCH = b"""--- a/include/answer.h
+++ b/include/answer.h
@@ -1 +1 @@
-int answer = 42;
+int answer = 43;
"""


class Stranger:
    """A repository with a header, and a program that leaves a mark where it ran."""

    def __init__(self, top: Path, mark: Path) -> None:
        self.top, self.mark = top, mark
        (top / "include").mkdir(parents=True)
        (top / HEADER).write_text(TEXT)
        self.git("init", "--quiet")
        self.commit()
        self.program = top.parent / "program"
        self.program.write_text(f"#!/bin/sh\ntouch '{mark}'\nexit 1\n")
        self.program.chmod(0o755)

    def git(self, *args: str, data: bytes = b"") -> str:
        done = subprocess.run(
            ["git", "-C", str(self.top), *args], env=NOBODY, input=data, capture_output=True,
            check=True,
        )  # fmt: skip
        return done.stdout.decode().strip()

    def commit(self) -> None:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "a header")

    def tree(self, *entries: tuple[str, str, str]) -> str:
        """Return a tree of entries (mode, name, id), which git itself would not make."""
        raw = b"".join(
            f"{mode} {name}".encode() + b"\0" + bytes.fromhex(id) for mode, name, id in entries
        )
        return self.git("hash-object", "-t", "tree", "-w", "--literally", "--stdin", data=raw)

    def blob(self, text: str) -> str:
        return self.git("hash-object", "-w", "--stdin", data=text.encode())

    def committed(self, tree: str) -> str:
        """Return a commit of a tree."""
        return self.git("commit-tree", tree, "-m", "a trap")


@pytest.fixture
def stranger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stranger:
    monkeypatch.setenv("SLATCHECK_CACHE", str(tmp_path / "cache/kept"))
    return Stranger(tmp_path / "linux", tmp_path / "mark")


def taken(found: Path) -> dict[str, str]:
    files = [file for file in found.rglob("*") if file.is_file() and file.name[0] != "."]
    return {str(file.relative_to(found)): file.read_text() for file in files}


def test_what_is_taken_out_is_what_was_committed(stranger: Stranger) -> None:
    assert taken(checked_out(stranger.top, "HEAD").folder) == {HEADER: TEXT}
    changed = with_patch(stranger.top, "HEAD", PATCH)
    assert taken(changed.folder) == {HEADER: TEXT.replace("42", "43")}


@pytest.mark.parametrize("hook", ["post-index-change", "post-checkout", "reference-transaction"])
def test_no_hook_runs(stranger: Stranger, hook: str) -> None:
    stranger.program.rename(stranger.top / ".git/hooks" / hook)
    checked_out(stranger.top, "HEAD")
    with_patch(stranger.top, "HEAD", PATCH)
    assert not stranger.mark.exists()


def test_no_monitor_runs(stranger: Stranger) -> None:
    stranger.git("config", "core.fsmonitor", str(stranger.program))
    checked_out(stranger.top, "HEAD")
    with_patch(stranger.top, "HEAD", PATCH)
    assert not stranger.mark.exists()


@pytest.mark.parametrize("filter_", ["smudge", "process"])
def test_no_filter_runs_and_nothing_is_converted(stranger: Stranger, filter_: str) -> None:
    attributes = "*.h filter=trap ident eol=crlf\n"
    (stranger.top / ".gitattributes").write_text(attributes)
    stranger.commit()
    stranger.git("config", f"filter.trap.{filter_}", str(stranger.program))
    stranger.git("config", "filter.trap.required", "true")
    assert taken(checked_out(stranger.top, "HEAD").folder) == {HEADER: TEXT}
    assert not stranger.mark.exists()


def test_what_is_missing_is_fetched_from_nowhere(stranger: Stranger) -> None:
    name = stranger.git("rev-parse", f"HEAD:{HEADER}")
    (stranger.top / ".git/objects" / name[:2] / name[2:]).unlink()
    for key, value in (
        ("core.repositoryFormatVersion", "1"),
        ("extensions.partialClone", "origin"),
        ("remote.origin.promisor", "true"),
        ("remote.origin.url", f"ext::{stranger.program}"),
        ("protocol.ext.allow", "always"),
    ):
        stranger.git("config", key, value)
    with pytest.raises(InputError, match=r"cannot take out"):
        checked_out(stranger.top, "HEAD")
    assert not stranger.mark.exists()


def test_no_file_leads_out_of_the_folder(stranger: Stranger) -> None:
    blob = stranger.blob(TEXT)
    inner = stranger.tree(("40000", "..", stranger.tree(("100644", "out.h", blob))))
    outer = stranger.tree(("40000", "include", inner))
    with pytest.raises(InputError, match=r"a file called 'include/\.\./out\.h'"):
        checked_out(stranger.top, stranger.committed(outer))


def test_no_file_is_written_through_a_link(stranger: Stranger, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    inner = stranger.tree(("100644", "out.h", stranger.blob(TEXT)))
    link = stranger.blob(str(outside))
    twice = stranger.tree(("120000", "include", link), ("40000", "include", inner))
    with pytest.raises(InputError, match="two files called 'include'"):
        checked_out(stranger.top, stranger.committed(twice))
    assert list(outside.iterdir()) == []


def test_links_are_links(stranger: Stranger) -> None:
    (stranger.top / "include/other.h").symlink_to("answer.h")
    (stranger.top / HEADER).chmod(stat.S_IRWXU)
    stranger.commit()
    found = checked_out(stranger.top, "HEAD").folder
    assert os.readlink(found / "include/other.h") == "answer.h"
    assert (found / "include/other.h").read_text() == TEXT
