# SPDX-License-Identifier: GPL-2.0-only
"""Outcomes of the proof of a layout's C that are kept: for the same files, and no others."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from impl.kernel import reading
from impl.kernel.errors import UnsupportedError
from impl.kernel.ports import kernel_port
from impl.kernel.toolchain import Toolchain
from model.machines import BIG
from proofs.desk import Options
from slatcheck.document.result import Verdict
from slatcheck.judge.code import kept, lemmas, trees
from slatcheck.judge.code.kept import Kept
from slatcheck.judge.code.task import CodeOutcome, CodeTask, Lemmas
from slatcheck.judge.code.trees import prove_layout
from tests.slatcheck.judge.test_code import MARK, SMALL, check, finding, task


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Give two files of a tree."""
    root = tmp_path / "tree"
    root.mkdir()
    found = [root / "one.c", root / "two.h"]
    for file in found:
        written(file, "int x;\n")
    return found


def written(file: Path, text: str) -> None:
    """Write a file as if some seconds ago."""
    file.write_text(text, encoding="utf-8")
    then = file.stat().st_mtime - 5
    os.utime(file, (then, then))


def an_outcome(*verdicts: Verdict) -> CodeOutcome:
    """Return an outcome with a finding, and a check for each verdict."""
    checks = [check(f"f/{number}", one) for number, one in enumerate(verdicts)]
    return CodeOutcome(SMALL, checks, [finding(MARK)], ["f"])


def test_the_same_files_have_the_same_outcome(
    tmp_path: Path, files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        kept, "find", lambda cc: Toolchain(("clang",), ("ld.lld",), f"clang {cc}", True)
    )
    mine = task(tmp_path / "kept", files[0].parent)
    found = an_outcome(Verdict.HOLDS, Verdict.VIOLATED, Verdict.UNKNOWN)
    Kept(mine).save(found, files)
    assert Kept(mine).load() == replace(found, reproved=[])
    for other in (
        replace(mine, layout="mips64-4k"), replace(mine, cc="cc"), replace(mine, folder=None),
        replace(mine, known={BIG: (MARK,)}), replace(mine, options=Options(("cvc5",))),
        replace(mine, options=Options(emit="queries")),
    ):  # fmt: skip
        assert Kept(other).load() is None


def test_a_file_that_changed_or_went_away_counts(tmp_path: Path, files: list[Path]) -> None:
    mine = task(tmp_path / "kept", files[0].parent)
    for damage in (lambda: files[1].write_text("int y, z;\n"), lambda: files[1].unlink()):
        written(files[1], "int x;\n")
        Kept(mine).save(an_outcome(Verdict.HOLDS), files)
        assert Kept(mine).load() is not None
        damage()
        assert Kept(mine).load() is None


def test_what_was_written_meanwhile_is_not_kept(tmp_path: Path, files: list[Path]) -> None:
    mine = task(tmp_path / "kept", files[0].parent)
    proving = Kept(mine)
    files[1].write_text("int y;\n", encoding="utf-8")
    proving.save(an_outcome(Verdict.HOLDS), files)
    assert Kept(mine).load() is None
    gone = Kept(mine)
    files[1].unlink()
    gone.save(an_outcome(Verdict.HOLDS), files)
    assert Kept(mine).load() is None


@pytest.mark.parametrize("damage", ["", "{", "[]", "{}", '{"files": {}, "outcome": {}}', "\0"])
def test_a_damaged_file_is_as_good_as_none(tmp_path: Path, files: list[Path], damage: str) -> None:
    mine = task(tmp_path / "kept", files[0].parent)
    Kept(mine).save(an_outcome(Verdict.HOLDS), files)
    (file,) = (tmp_path / "kept").iterdir()
    file.write_text(damage, encoding="utf-8")
    assert Kept(mine).load() is None


@pytest.mark.parametrize("verdict", [Verdict.ERROR, Verdict.UNSUPPORTED])
def test_what_may_end_otherwise_is_not_kept(
    tmp_path: Path, files: list[Path], verdict: Verdict
) -> None:
    mine = task(tmp_path / "kept", files[0].parent)
    Kept(mine).save(an_outcome(Verdict.HOLDS, verdict), files)
    assert Kept(mine).load() is None


class Proofs:
    """Stands for the proof of a layout's lemmas; notes what it read of the first file."""

    def __init__(self, files: list[Path]) -> None:
        self.files = files
        self.read: list[str] = []

    def prove(self, one: CodeTask) -> Lemmas:
        """Return lemmas of the files as they are."""
        found = Lemmas(reading.now(), Kept(one).digest, files=list(self.files))
        self.read.append(self.files[0].read_text(encoding="utf-8"))
        return found


@pytest.fixture
def proofs(monkeypatch: pytest.MonkeyPatch, files: list[Path]) -> Proofs:
    """Give what is called where lemmas are to be proved; all of them hold."""
    found = Proofs(files)
    monkeypatch.setattr(trees, "prove_lemmas", found.prove)
    monkeypatch.setattr(trees, "_judged", lambda *_: an_outcome(Verdict.HOLDS))
    return found


def test_a_layout_is_proved_again_only_where_a_file_changed(
    tmp_path: Path, files: list[Path], proofs: Proofs
) -> None:
    mine = task(tmp_path / "kept", files[0].parent)
    first = prove_layout(mine)
    assert prove_layout(mine).checks == first.checks
    assert len(proofs.read) == 1
    files[0].write_text("long x;\n", encoding="utf-8")
    assert prove_layout(mine).checks == first.checks
    assert len(proofs.read) == 2


@pytest.fixture
def judged(files: list[Path]) -> Path:
    """Give a file of the tree that is judged."""
    file = files[0].parent / kernel_port("mips").files.main
    file.parent.mkdir(parents=True)
    written(file, "int judged;\n")
    return file


@pytest.mark.parametrize("kept_in", ["kept", None])
def test_what_was_proved_ahead_is_not_proved_again_unless_a_file_changed(
    tmp_path: Path, files: list[Path], judged: Path, proofs: Proofs, kept_in: str | None
) -> None:
    mine = task(tmp_path / kept_in if kept_in else None, files[0].parent)
    ahead = replace(mine, ahead=proofs.prove(mine))
    assert prove_layout(ahead).checks == an_outcome(Verdict.HOLDS).checks
    assert len(proofs.read) == 1
    judged.write_text("long judged;\n", encoding="utf-8")
    prove_layout(ahead)
    assert len(proofs.read) == 2


def test_what_was_written_since_it_was_read_ahead_is_not_kept(
    tmp_path: Path, files: list[Path], proofs: Proofs
) -> None:
    mine = task(tmp_path / "kept", files[0].parent)
    ahead = replace(mine, ahead=proofs.prove(mine))
    # Long enough for what comes now to begin after the header was written.
    files[1].write_text("int y;\n", encoding="utf-8")
    time.sleep(0.1)
    assert not reading.written_since([files[1]], reading.now())
    prove_layout(ahead)
    assert Kept(mine).load() is None


def test_a_layout_that_cannot_be_read_is_unsupported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def prove(one: CodeTask) -> Lemmas:
        raise UnsupportedError("told so")

    for room in (trees, lemmas):
        monkeypatch.setattr(room, "prove_lemmas", prove)
    assert lemmas.prove_ahead(task(tmp_path)) is None
    (only,) = prove_layout(task(tmp_path)).checks
    assert (only.verdict, only.reason) == (Verdict.UNSUPPORTED, "told so")


def test_a_header_that_appears_makes_what_is_kept_invalid(
    tmp_path: Path, files: list[Path]
) -> None:
    mine = task(tmp_path / "kept", files[0].parent)
    headers = files[0].parent / "include" / "linux"
    headers.mkdir(parents=True)
    Kept(mine).save(an_outcome(Verdict.HOLDS), files)
    assert Kept(mine).load() is not None
    (headers / "new.h").write_text("", encoding="utf-8")
    assert Kept(mine).load() is None
