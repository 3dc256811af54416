# SPDX-License-Identifier: GPL-2.0-only
"""One answer for each cause: the pages on real kernels, and pairs of bugs that stay two."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from impl.kernel.ports import open_tree
from model.ports import layout
from slatcheck.display import words
from slatcheck.document.result import Finding
from slatcheck.judge.judging import Request, check
from slatcheck.reports import text
from tests.kernels.pairs import FEW, MORE, causes, plant, searched
from tests.kernels.test_planted import Bug
from tests.slatcheck.test_docs import table
from tools.record_findings import LAYOUTS

PAGES = Path(__file__).resolve().parents[2] / "docs/findings"
BACKGROUND = {"README.md", "xpa-on-32-bit-hosts.md"}
SCREENS = 3 * 50
BUDGET = 6_000


# The real kernels


def pages() -> dict[str, frozenset[str]]:
    """Return the fingerprints that the table of each page on a cause of MIPS names."""
    return {
        page.name: frozenset(re.findall(r"^\| `([^`]+/[^`]+)`", page.read_text(), re.MULTILINE))
        for page in sorted(PAGES.glob("*.md"))
        if page.name not in BACKGROUND and not page.name.startswith("riscv")
    }


def pages_about(tree: Path) -> set[str]:
    """Return the pages that the index says are about the version of a tree."""
    version = numbers(open_tree(tree).version)
    rows = table(PAGES / "README.md", "page")
    return {f"{row[0].partition(']')[0][1:]}.md" for row in rows if is_among(version, row[3])}


def numbers(version: str) -> tuple[int, ...]:
    """Return the first two numbers of a version."""
    return tuple(map(int, version.split(".")[:2]))


def is_among(version: tuple[int, ...], listed: str) -> bool:
    """Return whether a version is among those listed, such as '5.16, 6.6 to 7.1'."""
    ranges = [part.split(" to ") for part in listed.split(", ")]
    return any(numbers(ends[0]) <= version <= numbers(ends[-1]) for ends in ranges)


def test_versions_are_read() -> None:
    listed = "5.16, 6.6 to 7.1"
    among = ["5.16", "6.6.17", "6.12", "7.1.5"]
    assert [v for v in ["5.15", *among, "6.1", "7.2"] if is_among(numbers(v), listed)] == among


@pytest.mark.slow
def test_the_causes_of_a_real_kernel_are_the_pages_on_it(kernel_tree: Path) -> None:
    told, about = pages(), pages_about(kernel_tree)
    assert len(told) == 11 and all(told.values()) and about <= set(told)
    request = Request(tuple(map(layout, LAYOUTS)), kernel_tree, 0, BUDGET)
    document = check(request, lambda _: None)
    shown = {finding.fingerprint for finding in document.findings}
    wanted = [told[name] & shown for name in about]
    assert all(wanted), "a page of which nothing shows"
    assert sorted(map(sorted, wanted)) == sorted(
        sorted(cause.findings) for cause in document.causes
    )
    assert len(document.causes) == len(about)
    lines = text.render(document).splitlines()
    assert len(lines) <= SCREENS, "the causes fit on three screens"
    assert max(map(len, lines)) <= words.WIDTH


# Planted pairs


def marks(found: tuple[Finding, ...]) -> set[str]:
    return {finding.fingerprint for finding in found}


def evidence(finding: Finding) -> tuple[object, ...]:
    return (
        finding.fingerprint, finding.handed_on, finding.as_if, finding.location.function,
        repr(finding.trace),
    )  # fmt: skip


def apart(root: Path, first: Bug, second: Bug, folder: Path) -> set[str]:
    """Check that two planted bugs stay apart; return what of them shows where both are planted."""
    before = searched(root)
    one, two = (searched(alone(root, bug, folder)) for bug in (first, second))
    both = searched(plant(root, (first, second), folder / "both"))
    known = marks(before)
    of_first = marks(one) - marks(two) - known
    of_second = marks(two) - marks(one) - known
    # Of what the tree shows by itself, only what a bug has left alone is the tree's own.
    untouched = {evidence(finding) for finding in before} & {evidence(x) for x in both}
    alone_known = {str(told[0]) for told in untouched}
    for cause in causes(both):
        mine, yours = of_first & set(cause.findings), of_second & set(cause.findings)
        assert not (mine and yours), f"{cause.id} is two bugs: {mine} and {yours}"
        assert not (mine | yours and alone_known & set(cause.findings)), cause
    return (of_first | of_second) & marks(both)


_PLANTED: dict[tuple[Path, str], Path] = {}


def alone(root: Path, bug: Bug, folder: Path) -> Path:
    """Return the tree with one bug in it, planted once for all pairs."""
    key = root, bug.name
    if key not in _PLANTED:
        _PLANTED[key] = plant(root, (bug,), folder / bug.name.replace(" ", "-"))
    return _PLANTED[key]


@pytest.fixture(scope="session")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("planted")


def _named(pair: tuple[Bug, Bug]) -> str:
    return " and ".join(bug.name for bug in pair)


@pytest.mark.parametrize("pair", FEW, ids=_named)
def test_two_bugs_are_two_causes(
    pair: tuple[Bug, Bug], kernel_trees: dict[str, Path], planted: Path
) -> None:
    folder = planted / _named(pair).replace(" ", "-")
    assert apart(kernel_trees["6.12"], *pair, folder), "neither shows: the pair proves nothing"


@pytest.mark.thorough
@pytest.mark.parametrize("pair", MORE, ids=_named)
def test_more_pairs_are_two_causes(
    pair: tuple[Bug, Bug], kernel_trees: dict[str, Path], planted: Path
) -> None:
    folder = planted / _named(pair).replace(" ", "-")
    assert apart(kernel_trees["6.12"], *pair, folder), "neither shows: the pair proves nothing"


def test_there_are_pairs_enough() -> None:
    assert len(FEW) >= 20
    assert sum(first.rule == second.rule for first, second in FEW) >= 5
    assert sum(first.where == second.where for first, second in FEW) >= 3
