# SPDX-License-Identifier: GPL-2.0-only
"""Records what kernel trees show, as the expectation that tests/kernels/test_findings.py holds."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from model.layout import Layout
from model.machines import BIG, ORDERS
from model.ports import layout
from slatcheck.document.result import Verdict
from slatcheck.errors import InputError
from slatcheck.judge.judging import Request, check
from slatcheck.search.campaign import DEFAULT_OPS

ROOT = Path(__file__).resolve().parent.parent
EXPECTED = ROOT / "tests/kernels/expected.json"
MARKER = ".slatcheck-package"

#: Layouts in which, together, every finding of the recorded trees shows.
LAYOUTS = (
    "mips32-4k",
    "mips32-16k-xpa",
    "mips32-64k",
    "mips32-4k-huge",
    "mips64-4k",
    "mips64-4k-va48",
    "mips64-16k-va48",
    "mips64-64k",
)

#: Seed and operations on each layout of every search that is recorded. Rare triggers need luck
#: with small budgets, so what is recorded is the union.
SEARCHES = ((0, 6_000), (1, 6_000), (2, 6_000), (3, 6_000), (0, DEFAULT_OPS), (1, DEFAULT_OPS))

Pair = tuple[str, str]
"""A fingerprint and a layout in which it shows."""


class NotJudged(Exception):
    """A tree could not be judged in every layout; the message says why."""


def search(
    tree: Path, layouts: Sequence[str], seed: int, max_ops: int, jobs: int = 1
) -> frozenset[Pair]:
    """Return what a tree shows in ``layouts``. Raises NotJudged where one was not searched."""
    chosen = tuple(layout(name) for name in layouts)
    request = Request(chosen, tree, seed, max_ops, jobs, byte_orders=_orders(chosen))
    document = check(request, lambda _: None)
    if document.verdict not in (Verdict.HOLDS, Verdict.VIOLATED, Verdict.VACUOUS):
        failed = [judged for judged in document.checks if judged.verdict is document.verdict]
        raise NotJudged(f"{failed[0].layout}: {failed[0].verdict.value}: {failed[0].reason}")
    return frozenset(
        (finding.fingerprint, name) for finding in document.findings for name in finding.layouts
    )


def _orders(chosen: Sequence[Layout]) -> dict[str, tuple[str, ...]]:
    """Return the byte orders to search: both of the first layout of each width, else one."""
    first = {configuration.bits: configuration.name for configuration in reversed(chosen)}
    return {
        configuration.name: ORDERS if first[configuration.bits] == configuration.name else (BIG,)
        for configuration in chosen
    }


def table(pairs: Iterable[Pair]) -> dict[str, list[str]]:
    """Return the layouts of each fingerprint, in the order of LAYOUTS."""
    found: dict[str, list[str]] = {}
    for mark, name in sorted(pairs, key=lambda pair: (pair[0], LAYOUTS.index(pair[1]))):
        found.setdefault(mark, []).append(name)
    return found


def pairs_of(findings: dict[str, list[str]]) -> frozenset[Pair]:
    """Return the pairs of what ``table`` made."""
    return frozenset((mark, name) for mark, names in findings.items() for name in names)


def record(tree: Path) -> tuple[str, dict[str, Any]]:
    """Return the digest of a tree and what is to be expected of it."""
    from impl.kernel.ports import open_tree

    opened = open_tree(tree)
    pairs: set[Pair] = set()
    for seed, max_ops in SEARCHES:
        pairs |= search(tree, LAYOUTS, seed, max_ops, jobs=0)
        print(f"{tree.name}: seed {seed}, {max_ops} operations: {len(pairs)} so far", flush=True)
    marker = tree / MARKER
    package = marker.read_text().strip() if marker.is_file() else ""
    return opened.digest(), {
        "version": opened.version,
        "package": package,
        "findings": table(pairs),
    }


def main() -> int:
    """Record the trees that are named, beside those recorded before."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tree", type=Path, nargs="+", help="the top folder of a Linux source tree")
    parser.add_argument("--output", type=Path, default=EXPECTED)
    arguments = parser.parse_args()
    known = json.loads(arguments.output.read_text()) if arguments.output.exists() else {}
    from impl.kernel.errors import TreeError

    for tree in arguments.tree:
        try:
            digest, expected = record(tree)
        except (InputError, NotJudged, TreeError) as problem:
            print(f"record_findings: {problem}", file=sys.stderr)
            return 2
        known[digest] = expected
    ordered = dict(sorted(known.items(), key=lambda item: item[1]["version"]))
    arguments.output.write_text(json.dumps(ordered, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
