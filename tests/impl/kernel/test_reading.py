# SPDX-License-Identifier: GPL-2.0-only
"""What a result depends on in a tree: files by their content, headers by their names."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from impl.kernel import reading
from impl.kernel.errors import TreeError
from impl.kernel.ports import kernel_port
from impl.kernel.tree import Files

FILES = kernel_port("mips").files


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A tree of three headers, of which nothing has changed for a while."""
    for name in ("include/linux/mm.h", "include/linux/sched/mm.h", "arch/mips/include/asm/page.h"):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("/* a header */\n")
    for where, _, _ in os.walk(tmp_path):
        os.utime(where, ns=(0, 0))
    return tmp_path


def names(tree: Path, port: Files = FILES) -> str:
    return reading.headers(tree, port)


def test_a_header_that_comes_or_goes_is_seen(tree: Path) -> None:
    before = names(tree)
    assert names(tree) == before
    added = tree / "include/linux/sched/new.h"
    added.write_text("")
    with_it = names(tree)
    assert with_it != before
    added.rename(tree / "include/linux/sched/other.h")
    assert names(tree) not in (before, with_it)
    (tree / "include/linux/sched/other.h").unlink()
    assert names(tree) == before


@pytest.mark.parametrize("folder", ["include/linux/new", "include/new", "arch/mips/kvm"])
def test_a_header_in_a_new_folder_is_seen(tree: Path, folder: str) -> None:
    before = names(tree)
    (tree / folder).mkdir()
    (tree / folder / "here.h").write_text("")
    assert names(tree) != before


def test_what_a_header_says_is_not_its_name(tree: Path) -> None:
    before = names(tree)
    (tree / "include/linux/mm.h").write_text("/* another */\n")
    assert names(tree) == before


def test_where_the_tree_lies_does_not_matter(tree: Path) -> None:
    before = names(tree)
    moved = tree.rename(tree.with_name("elsewhere"))
    assert names(moved) == before


def test_nothing_is_listed_again_without_need(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = names(tree)
    monkeypatch.setattr(os, "walk", lambda *_: pytest.fail("a folder is listed again"))
    assert names(tree) == before


def test_a_file_is_recorded_by_its_content(tree: Path) -> None:
    file = tree / "mmu.c"
    file.write_text("/* code */\n")
    recorded = reading.record(tree, FILES, [file])
    assert recorded is not None
    assert reading.unchanged(tree, FILES, recorded)
    assert reading.files(tree, recorded) == [file]
    file.write_text("/* another, longer */\n")
    assert not reading.unchanged(tree, FILES, recorded)
    file.unlink()
    with pytest.raises(OSError, match=r"mmu\.c"):
        reading.unchanged(tree, FILES, recorded)
    assert reading.record(tree, FILES, [file]) is None


def test_a_source_that_is_no_file_counts_as_absent(tree: Path) -> None:
    """An editor takes a file away for a moment, and nobody asks first whether it is there."""
    absent = FILES.digest(tree)
    source = tree / FILES.main
    source.mkdir(parents=True)
    assert FILES.digest(tree) == absent
    source.rmdir()
    source.symlink_to("nowhere")
    assert FILES.digest(tree) == absent
    source.unlink()
    source.write_text("")
    assert FILES.digest(tree) != absent


def test_a_source_that_cannot_be_read_is_said(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_: Path) -> bytes:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refused)
    with pytest.raises(
        TreeError, match=r"cannot read arch/\S+ in the kernel tree: Permission denied"
    ):
        FILES.digest(tree)
