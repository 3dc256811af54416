# SPDX-License-Identifier: GPL-2.0-only
"""The interface of other ages: 6.12 in their shapes shows and proves what it does as it is."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from impl.kernel.ports import features, open_tree
from slatcheck.search.differential import Symptom
from slatcheck.search.unit import Unit, search
from tests.kernels.ages import SHAPES, Shape, Twin, built
from tests.kernels.test_planted import baseline, found
from tests.proofs.c.mutation import verdicts
from tests.proofs.kvm.test_repaired import session

SMALL = "mips32-4k"
JUDGED = ((SMALL, True), (SMALL, False), ("mips64-4k", True))
"""Layouts, and whether in big-endian; of 32-bit ones both, as pairs of words are where it shows."""
BUDGET = 3_000
TWINS = [(shape, twin) for shape in SHAPES for twin in shape.twins]

Marks = frozenset[tuple[str, str, bool]]


def shown(tree: Path) -> Marks:
    """Return the fingerprints of each layout and byte order."""
    marks = set()
    for name, big in JUDGED:
        report = search(Unit(name, big, tree, None, (), 0, BUDGET))
        assert report.failure is None
        assert not report.campaign.limits
        assert not report.missing
        marks |= {(mark, name, big) for mark in report.campaign.hits}
    return frozenset(marks)


@cache
def shown_unchanged(tree: Path) -> Marks:
    return shown(tree)


@pytest.mark.slow
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_shape_shows_what_the_tree_does(
    shape: Shape, kernel_trees: dict[str, Path], tmp_path: Path
) -> None:
    tree = kernel_trees["6.12"]
    assert len({(name, big) for _, name, big in shown_unchanged(tree)}) == len(JUDGED)
    assert shown(built(tree, shape, tmp_path / "linux")) == shown_unchanged(tree)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_shape_is_known_by_what_it_has(
    shape: Shape, kernel_trees: dict[str, Path], tmp_path: Path
) -> None:
    tree = kernel_trees["6.12"]
    before = {row.name for row in features(open_tree(tree))}
    after = {row.name for row in features(open_tree(built(tree, shape, tmp_path / "linux")))}
    assert after - before == set(shape.features)
    assert before - after == set(shape.replaces)


@pytest.mark.slow
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_shape_is_proved_as_the_tree_is(
    shape: Shape, kernel_trees: dict[str, Path], tmp_path: Path
) -> None:
    tree = kernel_trees["6.12"]
    expected = verdicts(session(tree, SMALL).run(shape.touched))
    assert {title for title, _ in expected} == set(shape.touched)
    proof = session(built(tree, shape, tmp_path / "linux"), SMALL).run(shape.touched)
    assert verdicts(proof) == expected


@pytest.mark.slow
@pytest.mark.parametrize(("shape", "twin"), TWINS, ids=lambda one: str(one).replace(" ", "-"))
def test_a_bug_in_what_a_shape_brought_is_found(
    shape: Shape, twin: Twin, kernel_trees: dict[str, Path], tmp_path: Path
) -> None:
    tree = built(kernel_trees["6.12"], shape, tmp_path / "linux", twin)
    known = baseline(kernel_trees["6.12"], SMALL)

    def wanted(symptom: Symptom) -> bool:
        at = f"{symptom.rule}/{symptom.entry}"
        return symptom.contract and at == twin.mark and symptom.fingerprint not in known

    new = found(open_tree(tree), SMALL, wanted) - known
    assert any(mark.startswith(f"{twin.mark}/") for mark in new), sorted(new)
