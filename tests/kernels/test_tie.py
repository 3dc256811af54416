# SPDX-License-Identifier: GPL-2.0-only
"""The tie between proof and C on the real trees, and on copies that do something else."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

import slatcheck
from impl.kernel.ports import bind, open_tree
from impl.kernel.ports.mips.files import MMU
from impl.kernel.slices import functions
from impl.multilevel.quirks import PGD_FREED_AS_ONE_PAGE, YOUNG_READS_PFN_WORD
from impl.quirk import Quirk
from model.ports import layout
from model.ports.mips.functions import FUNCTIONS
from slatcheck.judge.judging import Request, check
from slatcheck.judge.tie import BUDGET, Tie, ties
from slatcheck.reports import text
from tests.kernels.copies import edit, share

EVERYWHERE = ("notifier-end-inclusive", "dirty-mask-hull", "no-reach-check")
LEAF = "kvm_mips_flush_gpa_pte"
BOTH = frozenset({"differential", "proof"})


def tied(tree: Path, name: str) -> Tie:
    (found,) = ties(tree, [layout(name)], seed=1)
    return found


def bound(tree: Path) -> set[str]:
    missing = bind(open_tree(tree)).missing
    return {function for kind, function in FUNCTIONS.items() if kind not in missing}


@pytest.mark.parametrize("name", ["mips32-4k", "mips64-4k", "mips64-4k-va48"])
def test_the_quirks_explain_the_real_trees(kernel_tree: Path, name: str) -> None:
    found = tied(kernel_tree, name)
    assert found.parting == ""
    assert set(EVERYWHERE) <= set(found.quirks)
    assert set(found.operations) == bound(kernel_tree)
    assert min(found.operations.values()) > 0
    for reached, every in found.coverage.values():
        assert 0 <= reached <= every
    assert not any(name.startswith("slat_") for name in found.coverage)
    assert sum(every for _, every in found.coverage.values()) > 100
    assert LEAF in found.coverage


@pytest.mark.parametrize("name", ["mips32-4k", "mips64-4k"])
def test_what_runs_at_all_runs_through(kernel_tree: Path, name: str) -> None:
    found = tied(kernel_tree, name)
    assert sum(found.operations.values()) >= BUDGET
    assert found.coverage[LEAF][0] > 0
    reached = sum(hit for hit, _ in found.coverage.values())
    assert reached > 0.6 * sum(every for _, every in found.coverage.values())


def test_a_quirk_of_one_version_is_told(kernel_trees: dict[str, Path]) -> None:
    found = {version: set(tied(tree, "mips64-4k").quirks) for version, tree in kernel_trees.items()}
    assert found["6.12"] - found["6.1"] == {PGD_FREED_AS_ONE_PAGE.name}
    assert found["6.1"] <= found["6.12"]


def test_a_quirk_of_one_layout_is_told(kernel_trees: dict[str, Path]) -> None:
    quirk: Quirk = YOUNG_READS_PFN_WORD
    found = tied(kernel_trees["6.12"], "mips32-16k-xpa")
    assert (quirk.name in found.quirks, found.parting) == (True, "")


def changed(tree: Path, folder: Path, function: str, old: str, new: str) -> Path:
    """Return a copy of a tree in which a function of mmu.c says ``new`` for ``old``."""

    def change(whole: str) -> str:
        body = functions(whole.encode())[function].text
        assert old in body
        return whole.replace(body, body.replace(old, new))

    share(tree, folder)
    edit(folder, MMU, change)
    return folder


def test_a_repair_is_a_quirk_less(kernel_trees: dict[str, Path], tmp_path: Path) -> None:
    tree = kernel_trees["6.12"]
    old, new = "range->end", "range->end - 1"
    repaired = changed(tree, tmp_path / "linux", "kvm_unmap_gfn_range", old, new)
    edit(
        repaired,
        MMU,
        lambda whole: whole.replace(
            "kvm_mips_mkold_gpa_pt(kvm, range->start, range->end)",
            "kvm_mips_mkold_gpa_pt(kvm, range->start, range->end - 1)",
        ),
    )
    before, after = tied(tree, "mips32-4k"), tied(repaired, "mips32-4k")
    assert (before.parting, after.parting) == ("", "")
    assert set(before.quirks) - set(after.quirks) == {"notifier-end-inclusive"}


def test_the_tie_ends_where_the_c_does_something_else(
    kernel_trees: dict[str, Path], tmp_path: Path
) -> None:
    tree = changed(kernel_trees["6.12"], tmp_path / "linux", LEAF, "i <= i_max", "i < i_max")
    request = Request(
        (layout("mips32-4k"),), tree, max_ops=200, jobs=1, evidence=frozenset({"differential"})
    )
    assert "tie" not in (check(request, lambda _: None).kernel or {})
    both = Request(request.layouts, tree, max_ops=200, jobs=1, evidence=BOTH)
    document = check(both, lambda _: None)
    schema = json.loads((Path(slatcheck.__file__).parent / "document/schema.json").read_text())
    jsonschema.validate(json.loads(json.dumps(document.to_json())), schema)
    assert document.kernel is not None
    (one,) = document.kernel["tie"]
    assert "the mapping of gfn " in one["parting"]
    assert sum(one["operations"].values()) < BUDGET
    said = " ".join(text.render(document).split())
    assert "how the proof and this tree are tied" in said
    assert "the tie ends on mips32-4k: sequence " in said
