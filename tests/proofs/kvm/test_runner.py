# SPDX-License-Identifier: GPL-2.0-only
"""What is proved again after a tree has changed, what is kept, and what is said of a lemma."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from impl.kernel.ports.mips.files import MMU
from proofs import engine
from proofs import kernel_runner as runner
from proofs.engine import HOLDS, OPEN, REFUTED, VACUOUS, ClauseResult, Proof
from proofs.kernel_runner import INTERNAL, KEPT, NOT_REACHED, LayoutProof, LemmaStore
from support import cache
from tests.kernels.copies import share
from tests.proofs.c.edits import DROP, NARROW, PGD, PMD, PTE, WALK, Edit
from tests.proofs.c.mutation import verdicts
from tests.proofs.kvm.test_repaired import changed, session

CHEAP = (
    "kvm_pgd_alloc", "kvm_mmu_free_memory_caches", "kvm_mips_pte_for_gpa", PTE, PGD,
    "kvm_mips_flush_gpa_pt", "kvm_test_age_gfn", "kvm_mips_free_gpa_pt",
)  # fmt: skip


@dataclass
class Bench:
    """Linux 6.12, a copy in which edits are made, and the folder of what was proved of it."""

    tree: Path
    copy: Path
    folder: Path

    def prove(self, *edits: Edit) -> LayoutProof:
        """Return what is proved of the tree with edits."""
        with changed(self.copy, self.tree, edits) as where:
            return session(where, NARROW, LemmaStore(self.folder)).run(CHEAP)


@pytest.fixture(scope="session")
def bench(kernel_trees: Mapping[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """Give a tree of which the cheap proofs are kept."""
    folder = tmp_path_factory.mktemp("runner")
    share(kernel_trees["6.12"], folder / "linux")
    found = Bench(kernel_trees["6.12"], folder / "linux", folder / "proofs")
    assert fresh(found.prove()) == set(CHEAP)
    return found


def fresh(proof: LayoutProof) -> set[str]:
    """Return the functions that were proved again."""
    return {one.title for one in proof.proved if one.fresh}


def entering(proof: LayoutProof, name: str) -> set[str]:
    """Return the functions whose proofs entered another one."""
    return {one.title for one in proof.proved if name in one.entered}


@pytest.mark.parametrize(
    "edits",
    [
        (),
        (Edit("comment", PTE, DROP, f"/* gone */\n{DROP} // now"),),
        (Edit("blank lines", PTE, "int i;", "int i;\n\n\n"),),
        (Edit("lines before", MMU, "#include", "\n\n\n\n#include"),),
        (Edit("spaces", PMD, "pmd_clear(pmd + i)", "pmd_clear( pmd  +  i )"),),
    ],
    ids=lambda edits: edits[0].name if edits else "nothing",
)
def test_what_reads_the_same_is_not_proved_again(bench: Bench, edits: tuple[Edit, ...]) -> None:
    found = bench.prove(*edits)
    assert fresh(found) == set()
    assert verdicts(found) == verdicts(bench.prove())


@pytest.mark.parametrize(
    ("name", "edit"),
    [
        (PTE, Edit("again", PTE, DROP, f"{DROP}\n\t\t{DROP}")),
        (PGD, Edit("type", PGD, "int i;", "long i;")),
        (WALK, Edit("order", WALK, "p4d_t *p4d;\n\tpud_t *pud;", "pud_t *pud;\n\tp4d_t *p4d;")),
        ("kvm_pgd_init", Edit("name", "kvm_pgd_init", "p[3] = entry;", "*(p + 3) = entry;")),
    ],
)
def test_only_what_came_to_a_changed_function_is_proved_again(
    bench: Bench, name: str, edit: Edit
) -> None:
    before = bench.prove()
    found = bench.prove(edit)
    assert fresh(found) == entering(before, name) != set()
    assert verdicts(found) == verdicts(before)
    assert fresh(bench.prove(edit)) == set(), "the other text is kept beside the first"
    assert fresh(bench.prove()) == set()


def test_where_a_type_has_changed_all_is_proved_again(bench: Bench) -> None:
    header = "arch/mips/include/asm/page.h"
    member = "unsigned long pgprot;"
    edit = Edit("member", header, member, f"{member} int more;", file=header)
    assert fresh(bench.prove(edit)) == set(CHEAP)


@pytest.mark.parametrize(
    "damage",
    [
        *("", "{", "[]", "{}", "[{}]", "[null]", "\0"),
        '[{"entered": [], "proof": 1, "uses": []}]',
    ],
)
def test_a_damaged_file_is_as_good_as_none(bench: Bench, tmp_path: Path, damage: str) -> None:
    where = Bench(bench.tree, bench.copy, tmp_path)
    titles = ["kvm_mmu_free_memory_caches"]
    with changed(bench.copy, bench.tree, ()) as tree:
        first = session(tree, NARROW, LemmaStore(where.folder)).run(titles)
        (file,) = tmp_path.glob("c-*.json")
        cache.write(file, damage)
        again = session(tree, NARROW, LemmaStore(where.folder)).run(titles)
        third = session(tree, NARROW, LemmaStore(where.folder)).run(titles)
    assert fresh(again) == set(titles)
    assert fresh(third) == set()
    assert verdicts(first) == verdicts(again) == verdicts(third)


# --- the store -------------------------------------------------------------------------------


def proof_with(**found: str) -> Proof:
    """Return a proof whose clauses have these verdicts."""
    clauses = {}
    for name, verdict in found.items():
        clauses[name] = ClauseResult(name)
        if verdict != HOLDS:
            clauses[name].becomes(verdict, f"{name} told so")
    return Proof("lemma", clauses)


@pytest.mark.parametrize(
    "verdict", [engine.OPEN, engine.VACUOUS, engine.UNSUPPORTED, engine.FAILED]
)
def test_what_was_not_decided_is_not_kept(tmp_path: Path, verdict: str) -> None:
    store = LemmaStore(tmp_path)
    store.save("key", proof_with(exact=HOLDS, memory=verdict), (), {"f": "text"})
    assert store.load("key", lambda name: "text") is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("reason", [NOT_REACHED, engine.NOT_REACHED])
def test_what_is_cut_off_is_kept(tmp_path: Path, reason: str) -> None:
    """No solver was asked for it: it comes out alike each time."""
    proof = proof_with(exact=REFUTED, memory=OPEN)
    proof.clauses["memory"].reason = reason
    LemmaStore(tmp_path).save("key", proof, (), {})
    kept = LemmaStore(tmp_path).load("key", lambda name: "")
    assert kept is not None and kept[0] == proof
    proof.clauses["memory"].reason = "the solver gave up"
    LemmaStore(tmp_path).save("other", proof, (), {})
    assert LemmaStore(tmp_path).load("other", lambda name: "") is None


def test_what_has_no_clauses_for_a_reason_is_not_kept(tmp_path: Path) -> None:
    proof = Proof("lemma", {}, reason="not understood")
    LemmaStore(tmp_path).save("key", proof, (), {})
    assert list(tmp_path.iterdir()) == []


def test_what_was_decided_is_kept_as_it_was(tmp_path: Path) -> None:
    store, proof = LemmaStore(tmp_path), proof_with(exact=REFUTED, memory=HOLDS)
    proof.clauses["exact"].values["at frame"] = 5
    store.save("key", proof, ("g",), {"f": "text"})
    assert LemmaStore(tmp_path).load("key", lambda name: "text") == (proof, ("g",), {"f": "text"})
    assert LemmaStore(tmp_path).load("key", lambda name: "another text") is None
    assert LemmaStore(tmp_path).load("other key", lambda name: "text") is None
    assert LemmaStore(None).load("key", lambda name: "text") is None


def test_the_latest_proofs_are_kept(tmp_path: Path) -> None:
    store = LemmaStore(tmp_path)
    for number in range(KEPT + 3):
        store.save("key", proof_with(exact=HOLDS), (), {"f": str(number)})
    (file,) = tmp_path.iterdir()
    assert len(json.loads(cache.read(file))) == KEPT
    found = [store.load("key", {"f": str(number)}.__getitem__) for number in range(KEPT + 3)]
    assert [one is not None for one in found] == [False] * 3 + [True] * KEPT


def test_a_folder_that_cannot_be_written_does_no_harm() -> None:
    LemmaStore(Path("/proc/nowhere")).save("key", proof_with(exact=HOLDS), (), {})
    assert LemmaStore(Path("/proc/nowhere")).load("key", lambda name: "") is None


# --- internal clauses ------------------------------------------------------------------------


@pytest.mark.parametrize("name", INTERNAL)
@pytest.mark.parametrize("verdict", [REFUTED, OPEN])
def test_where_an_invariant_fails_nothing_is_known(name: str, verdict: str) -> None:
    proof = proof_with(exact=HOLDS, memory=HOLDS, **{name: verdict})
    told = runner._without_internal(proof)
    assert set(told.clauses) == {"exact", "memory"}
    for clause in told.clauses.values():
        assert clause.verdict == OPEN
        assert clause.reason == f"annotation mismatch: {name} told so"
        assert clause.mismatch


def test_what_is_refuted_stays_refuted_where_an_invariant_fails() -> None:
    told = runner._without_internal(proof_with(exact=REFUTED, memory=HOLDS, loop=REFUTED))
    assert told.clauses["exact"].verdict == REFUTED
    assert not told.clauses["exact"].mismatch
    assert told.clauses["memory"].verdict == OPEN


def test_invariants_that_hold_are_not_told() -> None:
    told = runner._without_internal(proof_with(exact=HOLDS, loop=HOLDS, entry=HOLDS))
    assert {name: one.verdict for name, one in told.clauses.items()} == {"exact": HOLDS}


def test_what_is_not_reached_is_open_where_a_promise_fails() -> None:
    told = runner._without_internal(proof_with(exact=REFUTED, init=VACUOUS))
    assert told.clauses["init"].verdict == OPEN
    assert (
        runner._without_internal(proof_with(exact=HOLDS, init=VACUOUS)).clauses["init"].verdict
        == VACUOUS
    )
