# SPDX-License-Identifier: GPL-2.0-only
"""Operations a second on the real C: whole sequences in one call, beside one call an operation."""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from pathlib import Path

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from impl.kernel.binding import bind
from impl.kernel.build import build
from impl.kernel.emulated import EmulatedKernel
from impl.kernel.toolchain import find
from impl.kernel.tree import open_tree
from model.abstract_map import AbstractMap
from model.layout import Layout
from model.mips import layout
from model.operations import Kind, Op
from model.triggers import trigger
from slatcheck.campaign import LENGTH, Search
from slatcheck.sequences import addresses


@dataclass
class Speed:
    """Operations compared, and the seconds they took."""

    operations: int = 0
    seconds: float = 0.0

    @property
    def rate(self) -> float:
        """Operations a second."""
        return self.operations / self.seconds if self.seconds else 0.0


def kernel(tree: Path, one: Layout) -> EmulatedKernel:
    """Build and load the tree for a layout."""
    opened = open_tree(tree)
    binding = bind(opened)
    return EmulatedKernel(build(opened, binding, one, True, find()), binding.missing)


def engine(tree: Path, one: Layout, operations: int, seed: int) -> Speed:
    """Measure the engine: generation, emulator, oracle and comparison of whole sequences."""
    search = Search(kernel(tree, one), seed, one.name, shrinking=False)
    campaign = search.run(operations)
    return Speed(campaign.operations, campaign.seconds)


def machine(tree: Path, one: Layout, operations: int) -> Speed:
    """Measure a plain state machine: each rule draws one operation and makes one call."""
    speed = Speed()
    emulated = kernel(tree, one).emulator
    near = addresses(one).near
    frames = st.sampled_from(near)

    class Table(RuleBasedStateMachine):
        """The table as Hypothesis's own stateful testing would drive it."""

        @initialize()
        def create(self) -> None:
            self.state = AbstractMap(one)
            self.state.apply(Op(Kind.CREATE))
            emulated.run([Op(Kind.CREATE)])

        def step(self, op: Op) -> None:
            outcome = emulated.run([op], resume=True).outcomes[0]
            known = trigger(self.state, op) != "any"
            expected = self.state.apply(op)
            encode = one.entry.encode
            wanted = {f: encode(e) if e else 0 for f, e in expected.changes.items()}
            assert known or outcome.changes == wanted
            if outcome.changes != wanted:
                decode = one.entry.decode
                self.state.settle(dict.fromkeys(wanted))
                self.state.settle({f: decode(raw) for f, raw in outcome.changes.items()})
            speed.operations += 1

        @rule(
            frame=frames, pfn=st.integers(1, one.entry.pfn_mask & one.pfn_top), write=st.booleans()
        )
        def fault(self, frame: int, pfn: int, write: bool) -> None:
            gpa = frame << one.page_shift
            self.step(Op(Kind.FAULT, gpa, pfn=pfn, write=write, writable=True))

        @rule(frame=frames)
        def lookup(self, frame: int) -> None:
            self.step(Op(Kind.LOOKUP, frame << one.page_shift))

        @rule(
            first=frames,
            pages=st.integers(1, 4),
            kind=st.sampled_from([Kind.FLUSH, Kind.MKCLEAN, Kind.MKOLD]),
        )
        def inclusive(self, first: int, pages: int, kind: Kind) -> None:
            self.step(Op(kind, first, min(one.top, first + pages - 1)))

    steps = LENGTH
    begin = time.monotonic()
    run_state_machine_as_test(
        Table,
        settings=settings(
            max_examples=max(1, operations // steps),
            stateful_step_count=steps,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )
    speed.seconds = time.monotonic() - begin
    return speed


def main() -> None:
    """Print both rates and their ratio, several times, by turns."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kernel", type=Path, default=Path(".cache/kernels/linux-source-6.12"))
    parser.add_argument("--layout", default="mips32-4k")
    parser.add_argument("--operations", type=int, default=12_000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    one = layout(given.layout)
    for number in range(given.rounds):
        ours = engine(given.kernel, one, given.operations, number)
        plain = machine(given.kernel, one, given.operations // 8)
        print(
            f"{one.name}: engine {ours.rate:,.0f} ops/s over {ours.operations}, one call an "
            f"operation {plain.rate:,.0f} ops/s over {plain.operations}, "
            f"ratio {ours.rate / plain.rate:.1f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
