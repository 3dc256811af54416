# SPDX-License-Identifier: GPL-2.0-only
"""Checks that are done again after every change: what counts as one, and how a watch ends."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import pytest

from impl.kernel.errors import TreeError, UnsupportedError
from impl.kernel.ports import trees_in
from impl.kernel.ports.mips.files import MMU
from slatcheck import cli
from slatcheck.commands.delivery import INTERRUPTED
from slatcheck.commands.watching import again, folders, is_source
from slatcheck.errors import InputError
from support import upkeep
from tests.kernels.copies import edit, share_what_is_read
from tests.processes import interruptible, until
from tests.proofs.c.edits import STUCK, apply
from tests.slatcheck.commands.test_cli import one_line


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Give a folder that is taken for a tree with KVM for MIPS."""
    root = tmp_path / "linux"
    for name in (MMU, "arch/mips/include/asm/pgtable.h", "include/linux/mm.h", "virt/kvm/main.c"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("one\n")
    (root / "Makefile").write_text("VERSION = 6\nPATCHLEVEL = 12\nSUBLEVEL = 0\n")
    return root


class Work:
    """Does something each time, and says at last that it was interrupted."""

    def __init__(self, *steps: object) -> None:
        self.steps = list(steps)
        self.done = 0

    def __call__(self) -> int:
        self.done += 1
        if not self.steps:
            return INTERRUPTED
        step = self.steps.pop(0)
        if isinstance(step, Exception):
            raise step
        if callable(step):
            step()
        return 1


def later(path: Path) -> None:
    """Change a file when its tree is waited for."""
    threading.Timer(0.5, partial(path.write_text, "other\n")).start()


def test_a_change_is_waited_for(tree: Path) -> None:
    work = Work(partial(later, tree / MMU), partial(later, tree / "include/linux/mm.h"))
    begun = time.monotonic()
    assert again(work, tree, 1) == INTERRUPTED
    assert work.done == 3
    assert time.monotonic() - begun > 1.0


def test_a_change_while_work_is_done_is_not_lost(tree: Path) -> None:
    def change() -> None:
        (tree / MMU).write_text("other\n")
        time.sleep(1)

    assert again(Work(change), tree, 1) == INTERRUPTED


@pytest.mark.parametrize(
    ("problem", "said"),
    [
        (TreeError("no such file"), "slatcheck: no such file"),
        (InputError("bad"), "slatcheck: bad"),
        (UnsupportedError("it is not C"), "slatcheck: unsupported: it is not C"),
    ],
)
def test_a_tree_that_is_half_edited_is_waited_for(
    problem: Exception, said: str, tree: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def half_edited() -> None:
        later(tree / "include/linux/mm.h")
        raise problem

    assert again(Work(partial(later, tree / MMU), half_edited), tree, 1) == INTERRUPTED
    lines = capsys.readouterr().err.splitlines()
    assert said in lines
    assert lines[lines.index(said) + 1].startswith(f"slatcheck: waiting for a change in {tree}; ")


def test_what_is_wrong_to_begin_with_ends_it(tree: Path) -> None:
    with pytest.raises(TreeError, match="no compiler"):
        again(Work(TreeError("no compiler called x")), tree, 1)


def test_what_is_kept_has_its_limit_after_every_change(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trimmed: list[int] = []
    monkeypatch.setattr(upkeep, "trim", lambda _, most: trimmed.append(most))
    monkeypatch.setenv(upkeep.VARIABLE, "7")
    assert again(Work(partial(later, tree / MMU)), tree, 1) == INTERRUPTED
    assert trimmed == [7]


def test_what_is_no_source_is_no_change(tree: Path) -> None:
    def build() -> None:
        for name in ("mmu.o", ".mmu.c.swp", "mmu.c~", "#mmu.c#"):
            (tree / MMU).with_name(name).write_text("x")
        later(tree / MMU)

    work = Work(build)
    begun = time.monotonic()
    again(work, tree, 1)
    assert time.monotonic() - begun > 0.5
    assert work.done == 2


def test_which_files_are_sources() -> None:
    assert all(map(is_source, ("/a/mmu.c", "/a/x.h", "/a/a.S", "/a/Kconfig", "/a/Kconfig.cpu")))
    assert not any(map(is_source, ("/a/mmu.o", "/a/mmu.c.orig", "/a/Makefile", "/a/notes")))


def test_each_folder_is_watched_once(tree: Path) -> None:
    (found,) = trees_in(tree).values()
    watched = folders(found.root, [found.files])
    assert found.root / "include" in watched
    assert any((found.root / MMU).is_relative_to(path) for path in watched)
    for path in watched:
        assert not any(path.is_relative_to(other) for other in watched if other != path)


def test_what_cannot_be_watched_is_said(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def watch(*_: object, **__: object) -> None:
        raise OSError(28, "OS file watch limit reached")

    monkeypatch.setattr("watchfiles.watch", watch)
    with pytest.raises(InputError, match=r"cannot watch .*: OS file watch limit reached"):
        again(Work(), tree, 1)


def test_options_that_do_not_go_together(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["check", "--watch"]) == 2
    assert "--kernel" in one_line(capsys)
    fingerprint = "stale-mapping/kvm_age_gfn/any"
    assert cli.run(["check", "--watch", "--kernel", str(tree), "--bisect", fingerprint]) == 2
    assert "--bisect judges one revision" in one_line(capsys)


def waits(errors: Path, times: int) -> bool:
    """Return whether a run says so often that it waits, within two minutes."""
    return until(lambda: errors.read_text().count("waiting for a change") >= times, 120)


@pytest.mark.slow
def test_an_edit_is_judged_when_it_is_written(
    kernel_trees: Mapping[str, Path], tmp_path: Path
) -> None:
    """Each report is of the tree as it is then, also of one that no longer compiles."""
    root, errors, report = tmp_path / "linux", tmp_path / "errors", tmp_path / "report"
    share_what_is_read(kernel_trees["6.12"], root)
    plain = (root / MMU).read_text()
    options = ["--kernel", str(root), "--layout", "mips32-64k-huge", "--evidence", "differential"]
    options += ["--max-ops", "2000", "--jobs", "2", "--output", str(report), "--watch"]
    with errors.open("w") as stream:
        watch = subprocess.Popen(interruptible("check", *options), stderr=stream, process_group=0)
    try:
        assert waits(errors, 1)
        first = report.read_text()
        assert "runaway" not in first
        edit(root, MMU, partial(apply, edit=STUCK))
        assert waits(errors, 2)
        assert "runaway" in report.read_text()
        edit(root, MMU, lambda text: f"{text}\nint x y;\n")
        assert waits(errors, 3)
        assert "compiling tree failed" in report.read_text()
        edit(root, MMU, lambda _: plain)
        assert waits(errors, 4)
        assert report.read_text() == first
        os.killpg(watch.pid, signal.SIGINT)
        assert watch.wait(60) == 1
    finally:
        watch.kill()
        watch.wait()
    assert "Traceback" not in errors.read_text()
