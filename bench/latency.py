# SPDX-License-Identifier: GPL-2.0-only
"""What a person waits for: the program cold, unchanged, and after an edit of one function.

``python -m bench.latency TREE`` works on a copy of the files that are read, and runs the program as
a user does. With ``--against-revision`` each step is done by that revision of slatcheck, too, in
turn; with ``--compare`` the steps of an earlier run are set beside those of this one.
"""

from __future__ import annotations

import argparse
import compileall
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.c_proof import EDITS, copied, edit

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("model", "impl", "proofs", "slatcheck", "support")
FLUSH = "static bool kvm_mips_flush_gpa_pmd("
REWRITTEN, BROKEN = ("i <= i_max", "i < i_max + 1"), ("i < i_max + 1", "i < i_max")
MAP_PAGE = next(words for name, *words in EDITS if name == "kvm_mips_map_page")
ONE = "mips64-4k"
WATCHED = {
    "one layout watched, rewritten": (FLUSH, "i <= i_max", "i_max >= i"),
    "one layout watched, broken": (FLUSH, "i_max >= i", "i_max > i"),
    "one layout watched, as it was": (FLUSH, "i_max > i", "i <= i_max"),
    "one layout watched, map_page": (MAP_PAGE[0], MAP_PAGE[1], "gpa / (1ul << PAGE_SHIFT)"),
}
"""Edits of a tree that is watched; but for what is edited back, no other step keeps anything."""


@dataclass
class Waited:
    """Seconds from the start until something was shown, None where it never was; CPU in all."""

    what: str
    tool: str
    status: int
    whole: float
    cpu: float
    verdict: float | None = None
    new: float | None = None

    def line(self) -> str:
        """Return a row of the table."""
        return (
            f"{self.what:34} {self.tool:10} {self.whole:7.1f} s, {self.cpu:7.1f} CPU s, "
            f"first verdict {_seconds_text(self.verdict)}, "
            f"first new finding {_seconds_text(self.new)}, exit status {self.status}"
        )


def _seconds_text(seconds: float | None) -> str:
    return "none" if seconds is None else f"{seconds:.1f} s"


@dataclass(frozen=True)
class Tool:
    """A version of slatcheck: where its sources are, what it keeps, and the tree it works on."""

    name: str
    root: Path
    kept: Path
    tree: Path

    def begin(self, command: str, *options: str) -> subprocess.Popen[str]:
        """Begin a command of the program, of which only what it says on stderr is read."""
        return subprocess.Popen(
            [sys.executable, "-m", "slatcheck", command, *options],
            cwd=self.root,
            env=os.environ | {"SLATCHECK_CACHE": str(self.kept), "PYTHONPATH": str(self.root)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, what: str, command: str, *options: str) -> Waited:
        """Run a command of the program and note when its lines appear."""
        before, begun = _cpu(), time.perf_counter()
        found = Waited(what, self.name, 0, 0.0, 0.0)
        with self.begin(command, *options) as run:
            _read(run, found, begun)
        found.status = run.returncode
        found.whole, found.cpu = time.perf_counter() - begun, _cpu() - before
        return found

    def watched(self, edits: Mapping[str, tuple[str, str, str]], *options: str) -> Iterator[Waited]:
        """Have a copy watched that is edited again and again; what that costs a CPU is not seen.

        A revision that cannot watch says so at once: its status is 2.
        """
        with self.begin("check", "--kernel", str(self.tree), "--watch", *options) as run:
            try:
                _read(run, Waited("", self.name, 0, 0.0, 0.0), 0.0)
                for what, change in edits.items():
                    found, begun = Waited(what, self.name, 2, 0.0, 0.0), time.perf_counter()
                    self.change(*change)
                    _read(run, found, begun)
                    found.whole = time.perf_counter() - begun
                    yield found
            finally:
                # What runs in the background of a shell hears no SIGINT.
                run.terminate()

    def check(self, what: str, *options: str) -> Waited:
        """Check the copy of the tree."""
        return self.run(what, "check", "--kernel", str(self.tree), *options)

    def change(self, begins: str, old: str, new: str) -> None:
        """Edit a function of the copy."""
        edit(self.tree, begins, old, new)


WAITING = "slatcheck: waiting for a change"


def _read(run: subprocess.Popen[str], found: Waited, begun: float) -> None:
    """Read what a run says until it ends or waits, and note when its lines appear."""
    assert run.stderr is not None
    for line in run.stderr:
        now = time.perf_counter() - begun
        if line.startswith("["):
            found.verdict = found.verdict or now
        if line.lstrip().startswith("new: "):
            found.new = found.new or now
        if line.startswith(WAITING):
            found.status = int(line.split()[-1])
            return


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def steps(tool: Tool, layouts: Sequence[str]) -> Iterator[Waited]:
    """Yield what is waited for, one step after the other."""
    known, report = tool.kept / "known.toml", tool.kept / "cold.json"
    chosen = [part for name in layouts for part in ("--layout", name)] or ["--arch", "mips"]
    gated = [*chosen, "--baseline", str(known)]
    yield tool.run("--help", "--help")
    # Kept, it would spare the check that follows a part of its work.
    yield tool.run("prove, cold", "prove", *chosen, "--cache", "off")
    yield tool.check("check, cold", *chosen, "--format", "json", "--output", str(report))
    tool.run("", "baseline", str(report), "--output", str(known))
    yield tool.check("unchanged", *gated)
    tool.change(FLUSH, *REWRITTEN)
    yield tool.check("flush_gpa_pmd rewritten", *gated)
    tool.change(FLUSH, *BROKEN)
    yield tool.check("flush_gpa_pmd broken", *gated)
    tool.change(FLUSH, BROKEN[1], "i <= i_max - 1")
    option = ("--layout", layouts[0] if layouts else ONE)
    yield tool.check("the same, otherwise, one layout", *option, "--baseline", str(known))
    tool.change(FLUSH, "i <= i_max - 1", REWRITTEN[0])
    tool.change(*MAP_PAGE)
    yield tool.check("map_page rewritten", *gated)
    begins, old, new = MAP_PAGE
    tool.change(begins, new, old)
    yield from tool.watched(WATCHED, *option, "--baseline", str(known))


@contextmanager
def taken_out(revision: str) -> Iterator[Path]:
    """Give a folder with the sources of a revision of slatcheck."""
    with tempfile.TemporaryDirectory(prefix="slatcheck-") as name:
        folder = Path(name) / "slatcheck"
        git = ["git", "-C", str(ROOT), "worktree"]
        subprocess.run([*git, "add", "--quiet", "--detach", str(folder), revision], check=True)
        try:
            yield folder
        finally:
            subprocess.run([*git, "remove", "--force", str(folder)], check=True)


def _tool(stack: ExitStack, name: str, root: Path, kernel: Path) -> Tool:
    where = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="slatcheck-")))
    (where / "kept").mkdir()
    # As an installed program has it, and 'make': one that was taken out of git has none yet.
    for room in ROOMS:
        compileall.compile_dir(root / room, quiet=1)
    return Tool(name, root, where / "kept", copied(kernel.resolve(), where))


def measure(kernel: Path, layouts: Sequence[str], revision: str | None) -> list[Waited]:
    """Do every step, by turns where there are two versions, and print each."""
    with ExitStack() as stack:
        tools = [_tool(stack, "this", ROOT, kernel)]
        if revision is not None:
            old = stack.enter_context(taken_out(revision))
            tools.append(_tool(stack, revision[:10], old, kernel))
        found = []
        for turn in zip(*(steps(tool, layouts) for tool in tools), strict=True):
            for waited in turn:
                print(waited.line(), flush=True)
                found.append(waited)
        return found


def ratios(found: Sequence[Waited], before: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Yield how each step compares with the same one of an earlier run."""
    old = {earlier["what"]: earlier for earlier in before if earlier["tool"] == "this"}
    for waited in found:
        if (
            waited.tool == "this"
            and (then := old.get(waited.what))
            and then["cpu"]
            and then["whole"]
        ):
            wall, cpu = waited.whole / then["whole"], waited.cpu / then["cpu"]
            yield f"{waited.what:34} {wall:5.2f} of the time then, {cpu:5.2f} of the CPU time"


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kernel", type=Path, help="a kernel tree with arch/mips")
    parser.add_argument("--layout", action="append", default=[], help="all permitted if left out")
    parser.add_argument("--against-revision", metavar="REV", help="of slatcheck, by turns")
    parser.add_argument("--output", type=Path, metavar="FILE", help="keep the figures as JSON")
    parser.add_argument("--compare", type=Path, metavar="FILE", help="the figures of another run")
    given = parser.parse_args()
    print(f"{len(given.layout) or 'all permitted'} layouts, {os.cpu_count()} cores", flush=True)
    found = measure(given.kernel, given.layout, given.against_revision)
    if given.output:
        given.output.write_text(json.dumps([asdict(waited) for waited in found], indent=1) + "\n")
    if given.compare:
        print(*ratios(found, json.loads(given.compare.read_text())), sep="\n")


if __name__ == "__main__":
    main()
