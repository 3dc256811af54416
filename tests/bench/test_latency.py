# SPDX-License-Identifier: GPL-2.0-only
"""What a person waits for, measured: the edits fit the real tree, and ratios are ratios."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import ClassVar

import pytest

from bench import latency
from bench.latency import Tool, Waited, ratios, steps
from impl.kernel.ports.mips.files import MMU


class Pretending(Tool):
    """Notes what it is asked to do, and the text of the tree at that time."""

    asked: ClassVar[dict[str, tuple[str, ...]]] = {}

    def run(self, what: str, command: str, *options: str) -> Waited:
        text = (self.tree / MMU).read_text(encoding="utf-8")
        texts.append((what, command, text))
        self.asked[what] = options
        return Waited(what, self.name, 0, 2.0, 1.0)

    def watched(self, edits: Mapping[str, tuple[str, str, str]], *options: str) -> Iterator[Waited]:
        for what, change in edits.items():
            self.change(*change)
            yield self.run(what, "watched", *options)


texts: list[tuple[str, str, str]] = []


def test_each_step_sees_the_tree_that_it_is_named_after(kernel_tree: Path, tmp_path: Path) -> None:
    (tmp_path / MMU).parent.mkdir(parents=True)
    shutil.copy(kernel_tree / MMU, tmp_path / MMU)
    texts.clear()
    found = list(steps(Pretending("this", tmp_path, tmp_path, tmp_path), ["mips32-4k"]))
    seen = {what: text for what, command, text in texts if command == "check"}
    assert [one.what for one in found if one.what in seen] == list(seen)
    original = (kernel_tree / MMU).read_text(encoding="utf-8")
    assert seen["check, cold"] == seen["unchanged"] == original
    edited = [text for what, text in seen.items() if what not in ("check, cold", "unchanged")]
    assert len(set(edited)) == len(edited) == 4
    assert original not in edited
    watched = [text for _, command, text in texts if command == "watched"]
    assert len(set(watched)) == len(watched) == 4
    assert set(watched) & set(seen.values()) == {original}, "what is edited back is kept"
    asked = Pretending.asked
    assert asked["prove, cold"][-2:] == ("--cache", "off"), "or the check after it is not cold"
    assert asked["the same, otherwise, one layout"][2:4] == ("--layout", "mips32-4k")


def test_the_program_is_run_and_timed(tmp_path: Path) -> None:
    tool = Tool("this", latency.ROOT, tmp_path, tmp_path)
    waited = tool.run("--help", "--help")
    assert waited.status == 0
    assert waited.whole > 0
    assert waited.cpu > 0
    assert waited.verdict is waited.new is None
    assert tool.run("nonsense", "nonsense").status == 2


def test_what_is_watched_is_timed_until_it_waits_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = (
        f"{latency.WAITING} in /tree; Ctrl-C ends with status 1\n"
        "[1/1] one, 1 findings so far\n  new: a-finding\n"
        f"{latency.WAITING} in /tree; Ctrl-C ends with status 0\n"
    )
    program = f"import time; print({said!r}, end='', flush=True); time.sleep(30)"

    def begin(self: Tool, command: str, *options: str) -> subprocess.Popen[str]:
        assert "--watch" in options
        call = [sys.executable, "-c", f"import sys; sys.stdout = sys.stderr; {program}"]
        return subprocess.Popen(call, stderr=subprocess.PIPE, text=True)

    monkeypatch.setattr(Tool, "begin", begin)
    monkeypatch.setattr(Tool, "change", lambda *_: None)
    tool = Tool("this", latency.ROOT, tmp_path, tmp_path)
    (waited,) = tool.watched({"an edit": ("a", "b", "c")})
    assert (waited.what, waited.status) == ("an edit", 0)
    assert waited.new and waited.verdict and waited.new <= waited.whole < 30


def test_steps_are_compared_with_those_of_the_same_name() -> None:
    then = [asdict(Waited("unchanged", "this", 0, 4.0, 2.0)), asdict(Waited("x", "this", 0, 1, 1))]
    now = [Waited("unchanged", "this", 0, 1.0, 3.0), Waited("unchanged", "older", 0, 9.0, 9.0)]
    (line,) = ratios(now, then)
    assert "0.25 of the time then" in line
    assert "1.50 of the CPU time" in line


def test_a_revision_is_taken_out_and_put_away() -> None:
    if not (latency.ROOT / ".git").exists():
        pytest.skip("no repository")
    with latency.taken_out("HEAD") as folder:
        assert (folder / "slatcheck/cli.py").is_file()
    assert not folder.exists()


def test_a_wrong_call_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["latency"])
    with pytest.raises(SystemExit):
        latency.main()
    assert "kernel" in capsys.readouterr().err
