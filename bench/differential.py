# SPDX-License-Identifier: GPL-2.0-only
"""Operations a second on the real C: whole sequences in one call, beside one call an operation.

Beside the engine stands what one would write without it: Hypothesis's RuleBasedStateMachine, whose
rules draw the same kinds of operations and operands, make one call into the same emulator each,
look at every linked table afterwards, and compare result, mapping and dirty reports with the same
abstract map. Both sides count operations that were compared.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from pathlib import Path

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from impl.kernel.build import build
from impl.kernel.emulated import EmulatedKernel
from impl.kernel.ports import bind, open_tree
from impl.kernel.toolchain import find
from model.abstract_map import AbstractMap
from model.layout import Layout
from model.operations import ENOMEM, Answer, Kind, Op
from model.ports import layout
from model.triggers import trigger
from slatcheck.search.campaign import Search
from slatcheck.search.drawing import LENGTH
from slatcheck.search.sequences import addresses


@dataclass
class Speed:
    """Operations compared, and the seconds they took."""

    operations: int = 0
    seconds: float = 0.0

    @property
    def rate(self) -> float:
        """Operations a second."""
        return self.operations / self.seconds if self.seconds else 0.0


def kernel(tree: Path, chosen: Layout) -> EmulatedKernel:
    """Build and load the tree for a layout."""
    opened = open_tree(tree)
    binding = bind(opened)
    return EmulatedKernel(build(opened, binding, chosen, True, find()), binding.missing)


def engine(tree: Path, chosen: Layout, operations: int, seed: int) -> Speed:
    """Measure the engine: generation, emulator, oracle and comparison of whole sequences."""
    search = Search(kernel(tree, chosen), seed, chosen.name, shrinking=False)
    campaign = search.run(operations)
    return Speed(campaign.operations, campaign.seconds)


def machine(tree: Path, chosen: Layout, operations: int) -> Speed:
    """Measure a plain state machine: each rule draws one operation and makes one call."""
    speed = Speed()
    emulated = kernel(tree, chosen).emulator
    near = addresses(chosen).near
    frames, deltas = st.sampled_from(near), st.integers(-2, 3)
    pfns = st.integers(1, chosen.entry.pfn_mask & chosen.pfn_top)
    answers, few = st.sampled_from(Answer), st.integers(0, 3)
    leaf = chosen.leaf.entries
    counts = st.one_of(st.integers(1, 4), st.integers(leaf - 1, 2 * leaf), st.just(chosen.frames))

    def clamp(frame: int) -> int:
        return max(0, min(frame, chosen.top))

    class Table(RuleBasedStateMachine):
        """The table as Hypothesis's own stateful testing would drive it."""

        @initialize()
        def create(self) -> None:
            self.state = AbstractMap(chosen)
            self.state.apply(Op(Kind.CREATE))
            self.shown: dict[int, int] = {}
            emulated.run([Op(Kind.CREATE)])

        @invariant()
        def same_mapping(self) -> None:
            encode = chosen.entry.encode
            wanted = {frame: encode(entry) for frame, entry in self.state.entries.items()}
            assert self.shown == wanted

        def step(self, op: Op) -> None:
            outcome = emulated.run([op], resume=True, logged=False).outcomes[0]
            known = trigger(self.state, op) != "any"
            before = dict(self.state.entries)
            short = op.kind is Kind.FAULT and op.oom and outcome.result == -ENOMEM
            apply = self.state.fault_without_memory if short else self.state.apply
            expected = apply(op)
            result = expected.results is None or outcome.result in expected.results
            assert known or (result and frozenset(outcome.dirty) == expected.dirty)
            encode = chosen.entry.encode
            wanted = {f: encode(e) if e else 0 for f, e in expected.changes.items()}
            assert known or outcome.changes == wanted
            self.shown |= outcome.changes
            self.shown = {frame: raw for frame, raw in self.shown.items() if raw}
            if outcome.changes != wanted:
                decode = chosen.entry.decode
                self.state.entries = before
                self.state.settle({f: decode(raw) for f, raw in outcome.changes.items()})
            speed.operations += 1

        @rule(
            frame=frames,
            delta=deltas,
            pfn=pfns,
            write=st.booleans(),
            writable=st.booleans(),
            answer=answers,
            retries=few,
            oom=few,
        )
        def fault(
            self,
            frame: int,
            delta: int,
            pfn: int,
            write: bool,
            writable: bool,
            answer: Answer,
            retries: int,
            oom: int,
        ) -> None:
            gpa = clamp(frame + delta) << chosen.page_shift
            refused = answer is Answer.READ_ONLY and not write
            self.step(
                Op(
                    Kind.FAULT,
                    gpa,
                    pfn=pfn,
                    write=write,
                    writable=write or writable,
                    answer=Answer.ERROR if refused else answer,
                    retries=retries,
                    oom=oom,
                )
            )

        @rule(frame=frames, delta=deltas, kind=st.sampled_from([Kind.LOOKUP, Kind.FAULT_FAST]))
        def address(self, frame: int, delta: int, kind: Kind) -> None:
            self.step(Op(kind, clamp(frame + delta) << chosen.page_shift))

        @rule(
            first=frames,
            delta=deltas,
            pages=counts,
            kind=st.sampled_from([Kind.FLUSH, Kind.MKCLEAN, Kind.MKOLD]),
        )
        def inclusive(self, first: int, delta: int, pages: int, kind: Kind) -> None:
            first = clamp(first + delta)
            self.step(Op(kind, first, clamp(first + pages - 1)))

        @rule(
            first=frames, delta=deltas, pages=counts, kind=st.sampled_from([Kind.UNMAP, Kind.AGE])
        )
        def half_open(self, first: int, delta: int, pages: int, kind: Kind) -> None:
            first = clamp(first + delta)
            self.step(Op(kind, first, clamp(first + pages - 1) + 1))

        @rule(
            first=frames,
            delta=deltas,
            pages=counts,
            kind=st.sampled_from([Kind.FLUSH_SLOT, Kind.COMMIT_REGION]),
        )
        def slot(self, first: int, delta: int, pages: int, kind: Kind) -> None:
            first = clamp(first + delta)
            self.step(Op(kind, first, clamp(first + pages - 1) - first + 1))

        @rule(first=frames, delta=deltas, mask=st.integers(1, chosen.word_mask))
        def masked(self, first: int, delta: int, mask: int) -> None:
            first = min(clamp(first + delta), chosen.top - chosen.bits)
            self.step(Op(Kind.LOG_DIRTY_MASKED, first, 0, mask=mask))

        @rule(first=frames, delta=deltas)
        def test_age(self, first: int, delta: int) -> None:
            first = clamp(first + delta)
            self.step(Op(Kind.TEST_AGE, first, first + 1))

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
    parser.add_argument("--operations", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    chosen = layout(given.layout)
    for number in range(given.rounds):
        ours = engine(given.kernel, chosen, given.operations, number)
        plain = machine(given.kernel, chosen, given.operations // 10)
        print(
            f"{chosen.name}: engine {ours.rate:,.0f} ops/s over {ours.operations}, one call an "
            f"operation {plain.rate:,.0f} ops/s over {plain.operations}, "
            f"ratio {ours.rate / plain.rate:.1f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
