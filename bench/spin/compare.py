# SPDX-License-Identifier: GPL-2.0-only
"""States a second of small scopes: the real C beside a model of it under Spin, by turns.

Both must reach the same number of states. The machine that a destroy leaves is a state of the
model alone, and is not counted. What a tree's findings leave out is left out of the model as well.
Of Spin two times are given: the search alone, and all of spin, compiler and search.
"""

from __future__ import annotations

import argparse
import platform
import re
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from bench.spin.promela import model
from impl.kernel.emulated import EmulatedKernel
from impl.kernel.native.kernel import NativeKernel
from model.layout import Layout
from model.ports import layout
from slatcheck.fuzz.exploring import Explored, Explorer
from slatcheck.fuzz.scope import Scope, scope
from slatcheck.fuzz.work import kernels as made_of
from slatcheck.fuzz.work import kit_of
from slatcheck.search.unit import Unit

CC = ["gcc", "-O2", "-DNOREDUCE", "-DSAFETY", "-o", "pan", "pan.c"]
"""Every state is stored in full, and no order of operations is left out."""
PAN = ["./pan", "-m1000000", "-w20"]


@dataclass(frozen=True)
class Searched:
    """A search of Spin's: the states it stored, and seconds of the search and of everything."""

    states: int
    search: float
    everything: float


def searched(text: str) -> Searched:
    """Have Spin search a model. Raises RuntimeError where it finds an error, or its depth ends."""
    with tempfile.TemporaryDirectory(prefix="slatcheck-") as name:
        (Path(name) / "scope.pml").write_text(text)
        begin = time.perf_counter()
        for command in (["spin", "-a", "scope.pml"], CC):
            subprocess.run(command, cwd=name, check=True, capture_output=True)
        between = time.perf_counter()
        done = subprocess.run(PAN, cwd=name, check=True, capture_output=True, text=True)
        end = time.perf_counter()
    found = re.search(r"(\d+) states, stored", done.stdout)
    if not found or "errors: 0" not in done.stdout or "max search depth" in done.stdout:
        raise RuntimeError(done.stdout)
    return Searched(int(found[1]) - 1, end - between, end - begin)


def without(chosen: Scope, explored: Explored) -> Scope:
    """Return a scope less what an exploration left out."""
    kept = tuple(op for op in chosen.ops if op not in explored.barred)
    return replace(chosen, ops=kept)


def kernels(root: Path, chosen: Layout) -> tuple[NativeKernel, EmulatedKernel]:
    """Return the tree's C for this host, and in the emulator."""
    kit = kit_of(Unit(chosen.name, False, root, None, (), 0, None))
    return made_of(kit)


def versions() -> list[str]:
    """Return what the figures depend on, a line each."""
    asked = (["spin", "-V"], ["gcc", "-dumpfullversion"])
    said = [subprocess.run(one, capture_output=True, text=True, check=False) for one in asked]
    return [*(f"{said[n].stdout.strip()}" for n in range(2)), platform.machine()]


def main() -> None:
    """Print both sides for scopes of more and more frames."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kernel", type=Path, default=Path(".cache/kernels/linux-source-6.12"))
    parser.add_argument("--layout", default="mips64-4k")
    parser.add_argument("--frames", type=int, nargs="+", default=[2, 3, 4, 5, 6])
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    missing = [name for name in ("spin", "gcc") if shutil.which(name) is None]
    if missing:
        raise SystemExit(f"no {missing[0]}: apt-get install {missing[0]}")
    native, emulated = kernels(given.kernel.resolve(), layout(given.layout))
    explorer = Explorer(native, emulated, 0)
    print("; ".join(versions()))
    print(f"{' '.join(CC)}; {' '.join(PAN)}; medians of {given.rounds} rounds")
    print("frames  operations  states  equal  real C/s  search/s  everything/s")
    for count in given.frames:
        compared(explorer, scope(explorer.layout, native.capabilities.kinds, count), given.rounds)


def compared(explorer: Explorer, chosen: Scope, rounds: int) -> None:
    """Print one scope's line. Raises SystemExit where the two sides do not agree."""
    chosen = without(chosen, explorer.explore(chosen, 255))
    text = model(chosen)
    ours: list[Explored] = []
    theirs: list[Searched] = []
    for _ in range(rounds):
        ours.append(explorer.explore(chosen, 255))
        theirs.append(searched(text))
    states = {one.states for one in ours} | {one.states for one in theirs}
    if len(states) != 1 or not all(one.closed and not one.barred for one in ours):
        raise SystemExit(f"{chosen.layout.name}: the two sides reach {sorted(states)} states")
    rates = (
        median(one.states / one.part.seconds for one in ours),
        median(one.states / one.search for one in theirs),
        median(one.states / one.everything for one in theirs),
    )
    frames = len({op.first for op in chosen.ops if op.write and op.writable})
    told = "  ".join(f"{rate:>8,.0f}" for rate in rates)
    print(f"{frames:>6}  {len(chosen.ops):>10}  {states.pop():>6}  yes    {told}")


if __name__ == "__main__":
    main()
