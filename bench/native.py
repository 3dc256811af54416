# SPDX-License-Identifier: GPL-2.0-only
"""Operations a second on the real C, natively beside emulated: the same sequences, by turns.

'raw' is the call alone, with operations that lie in the image already and records that nobody
reads; 'whole' has Python write the operations and decode the records, as the search does.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

from impl.kernel import images
from impl.kernel.emulated import EmulatedKernel
from impl.kernel.executor import CompiledKernel
from impl.kernel.native.kernel import native_kernel
from impl.kernel.ports import bind, open_tree
from impl.kernel.toolchain import find
from model.layout import Layout
from model.operations import Op
from model.ports import layout
from slatcheck.search.drawing import LENGTH
from slatcheck.search.leaf_sequences import decoder_of
from slatcheck.search.sequences import BLOCK, HEADER
from support.cache import Mode, place

AT_ONCE = 10
"""Sequences in one call."""


def kernels(root: Path, chosen: Layout) -> dict[str, CompiledKernel]:
    """Return the tree in both executors, little-endian."""
    tree = open_tree(root, chosen.port)
    binding = bind(tree)
    made = images.image(tree, binding, chosen, False, find(), place(Mode.USE))
    emulated = EmulatedKernel(made, binding.missing)
    return {"emulated": emulated, "native": native_kernel(tree, chosen, False, find())}


def raw(kernel: CompiledKernel, ops: Sequence[Op]) -> float:
    """Return the seconds that a call takes whose operations are there already."""
    executor = kernel.executor
    executor.machine.write(executor.symbols.address("slat_ops"), executor.packed(ops))
    begin = time.perf_counter()
    executor.batch(len(ops))
    end = time.perf_counter()
    where = executor.symbols.address("slat_control")
    _, _, _, done, *_ = executor.records["control"].unpack(executor.machine.read(where, 44))
    if done != len(ops):
        raise SystemExit(f"a call ended after {done} of {len(ops)} operations")
    return end - begin


def whole(kernel: CompiledKernel, ops: Sequence[Op]) -> float:
    """Return the seconds that a sequence takes from operations to outcomes."""
    begin = time.perf_counter()
    kernel.run(ops)
    return time.perf_counter() - begin


def rates(
    found: dict[str, CompiledKernel],
    sequences: Sequence[Sequence[Op]],
    measure: Callable[[CompiledKernel, Sequence[Op]], float],
) -> dict[str, float]:
    """Return operations a second of each executor; they take turns at each sequence."""
    seconds = dict.fromkeys(found, 0.0)
    for ops in sequences:
        for name, kernel in found.items():
            seconds[name] += measure(kernel, ops)
    count = sum(map(len, sequences))
    return {name: count / spent for name, spent in seconds.items()}


def drawn(kernel: CompiledKernel, count: int, seed: int) -> list[list[Op]]:
    """Return sequences as the search draws them, without those that end early."""
    source, decoder = Random(seed), decoder_of(kernel.layout, kernel.capabilities.kinds)
    every = (decoder.decode(source.randbytes(HEADER + BLOCK * LENGTH)) for _ in range(count))
    return [ops for ops in every if not ops[0].oom and kernel.run(ops).stop is None]


def batches(sequences: Sequence[Sequence[Op]]) -> list[list[Op]]:
    """Return the sequences one behind the other, as many in each as a call is likely to take."""
    starts = range(0, len(sequences), AT_ONCE)
    return [[op for ops in sequences[at : at + AT_ONCE] for op in ops] for at in starts]


def main() -> None:
    """Print both rates and their ratio, several times."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kernel", type=Path, default=Path(".cache/kernels/linux-source-6.12"))
    parser.add_argument("--layout", default="mips64-4k")
    parser.add_argument("--sequences", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    found = kernels(given.kernel.resolve(), layout(given.layout))
    for number in range(given.rounds):
        sequences = drawn(found["native"], given.sequences, number)
        ways = (
            ("whole", whole, sequences),
            ("raw", raw, sequences),
            (f"raw, {AT_ONCE} at once", raw, batches(sequences)),
        )
        for name, measure, given_to in ways:
            told = rates(found, given_to, measure)
            ratio = told["native"] / told["emulated"]
            said = ", ".join(f"{what} {rate:,.0f}/s" for what, rate in told.items())
            print(f"{given.layout} {name}: {said}, {ratio:.1f} times")


if __name__ == "__main__":
    main()
