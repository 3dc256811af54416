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
from typing import Any, ClassVar

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
from impl.kernel.executor import Executor
from impl.kernel.ports import bind, open_tree
from impl.kernel.toolchain import find
from model.abstract_map import AbstractMap
from model.layout import Layout
from model.machines import BIG
from model.operations import ENOMEM, Answer, Kind, Op
from model.ports import byte_orders, layout
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
    opened = open_tree(tree, chosen.port)
    binding = bind(opened)
    big = BIG in byte_orders(chosen)
    return EmulatedKernel(build(opened, binding, chosen, big, find()), binding.missing)


def engine(tree: Path, chosen: Layout, operations: int, seed: int) -> Speed:
    """Measure the engine: generation, emulator, oracle and comparison of whole sequences."""
    search = Search(kernel(tree, chosen), seed, chosen.name, shrinking=False)
    campaign = search.run(operations)
    return Speed(campaign.operations, campaign.seconds)


class Compared(RuleBasedStateMachine):
    """The table as Hypothesis's own stateful testing would drive it, beside the abstract map.

    What is drawn depends on the layout: rules() makes rules of the operations.
    """

    chosen: ClassVar[Layout]
    emulated: ClassVar[Executor]
    speed: ClassVar[Speed]

    @initialize()
    def create(self) -> None:
        """Begin with a table that maps nothing."""
        self.state = AbstractMap(self.chosen)
        self.state.apply(Op(Kind.CREATE))
        self.shown: dict[int, int] = {}
        self.emulated.run([Op(Kind.CREATE)])

    @invariant()
    def same_mapping(self) -> None:
        """Compare what was shown with what the abstract map holds."""
        encode = self.chosen.entry.encode
        wanted = {frame: encode(entry) for frame, entry in self.state.entries.items()}
        assert self.shown == wanted

    def clamp(self, frame: int) -> int:
        """Return the frame of the layout that is nearest."""
        return max(0, min(frame, self.chosen.top))

    def step(self, op: Op) -> None:
        """Make one call and compare what it shows."""
        outcome = self.emulated.run([op], resume=True, logged=False).outcomes[0]
        known = trigger(self.state, op) != "any"
        before = dict(self.state.entries)
        short = op.kind is Kind.FAULT and op.oom and outcome.result == -ENOMEM
        apply = self.state.fault_without_memory if short else self.state.apply
        expected = apply(op)
        result = expected.results is None or outcome.result in expected.results
        assert known or (result and frozenset(outcome.dirty) == expected.dirty)
        encode = self.chosen.entry.encode
        wanted = {f: encode(e) if e else 0 for f, e in expected.changes.items()}
        assert known or outcome.changes == wanted
        self.shown |= outcome.changes
        self.shown = {frame: raw for frame, raw in self.shown.items() if raw}
        if outcome.changes != wanted:
            decode = self.chosen.entry.decode
            self.state.entries = before
            self.state.settle({f: decode(raw) for f, raw in outcome.changes.items()})
        self.speed.operations += 1

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
        """Let the guest touch an address; a read has no use for the answer to a write."""
        refused = answer is Answer.READ_ONLY and not write
        self.step(
            Op(
                Kind.FAULT,
                self.clamp(frame + delta) << self.chosen.page_shift,
                pfn=pfn,
                write=write,
                writable=write or writable,
                answer=Answer.ERROR if refused else answer,
                retries=retries,
                oom=oom,
            )
        )

    def address(self, frame: int, delta: int, kind: Kind) -> None:
        """Carry out an operation on an address."""
        self.step(Op(kind, self.clamp(frame + delta) << self.chosen.page_shift))

    def inclusive(self, first: int, delta: int, pages: int, kind: Kind) -> None:
        """Carry out an operation on a range that is named by its last frame."""
        first = self.clamp(first + delta)
        self.step(Op(kind, first, self.clamp(first + pages - 1)))

    def half_open(self, first: int, delta: int, pages: int, kind: Kind) -> None:
        """Carry out an operation on a range that is named by the frame after it."""
        first = self.clamp(first + delta)
        self.step(Op(kind, first, self.clamp(first + pages - 1) + 1))

    def slot(self, first: int, delta: int, pages: int, kind: Kind) -> None:
        """Carry out an operation on a range that is named by its length."""
        first = self.clamp(first + delta)
        self.step(Op(kind, first, self.clamp(first + pages - 1) - first + 1))

    def masked(self, first: int, delta: int, mask: int) -> None:
        """Protect the frames that a mask names."""
        first = min(self.clamp(first + delta), self.chosen.top - self.chosen.bits)
        self.step(Op(Kind.LOG_DIRTY_MASKED, first, 0, mask=mask))

    def test_age(self, first: int, delta: int) -> None:
        """Ask whether a page is young."""
        first = self.clamp(first + delta)
        self.step(Op(Kind.TEST_AGE, first, first + 1))


def rules(chosen: Layout) -> dict[str, Any]:
    """Return the rules of a state machine for a layout, by the operations that they draw."""
    frames, deltas = st.sampled_from(addresses(chosen).near), st.integers(-2, 3)
    answers, few = st.sampled_from(Answer), st.integers(0, 3)
    leaf = chosen.leaf.entries
    counts = st.one_of(st.integers(1, 4), st.integers(leaf - 1, 2 * leaf), st.just(chosen.frames))

    def ranges(*kinds: Kind) -> Any:  # a decorator, as hypothesis has it
        return rule(first=frames, delta=deltas, pages=counts, kind=st.sampled_from(kinds))

    fault = rule(
        frame=frames,
        delta=deltas,
        pfn=st.integers(1, chosen.entry.pfn_mask & chosen.pfn_top),
        write=st.booleans(),
        writable=st.booleans(),
        answer=answers,
        retries=few,
        oom=few,
    )
    at = st.sampled_from([Kind.LOOKUP, Kind.FAULT_FAST])
    masks = st.integers(1, chosen.word_mask)
    return {
        "fault": fault(Compared.fault),
        "address": rule(frame=frames, delta=deltas, kind=at)(Compared.address),
        "inclusive": ranges(Kind.FLUSH, Kind.MKCLEAN, Kind.MKOLD)(Compared.inclusive),
        "half_open": ranges(Kind.UNMAP, Kind.AGE)(Compared.half_open),
        "slot": ranges(Kind.FLUSH_SLOT, Kind.COMMIT_REGION)(Compared.slot),
        "masked": rule(first=frames, delta=deltas, mask=masks)(Compared.masked),
        "test_age": rule(first=frames, delta=deltas)(Compared.test_age),
    }


def machine(tree: Path, chosen: Layout, operations: int) -> Speed:
    """Measure a plain state machine over the emulated tree."""
    return machine_of(kernel(tree, chosen).executor, chosen, operations)


def machine_of(executor: Executor, chosen: Layout, operations: int) -> Speed:
    """Measure a plain state machine: each rule draws one operation and makes one call."""
    speed = Speed()
    table = {"chosen": chosen, "emulated": executor, "speed": speed}
    begin = time.monotonic()
    run_state_machine_as_test(
        type("Table", (Compared,), table | rules(chosen)),
        settings=settings(
            max_examples=max(1, operations // LENGTH),
            stateful_step_count=LENGTH,
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
