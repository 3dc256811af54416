# SPDX-License-Identifier: GPL-2.0-only
"""A layout of a real tree in bulk: what is found, what is judged, and what disagrees is said."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from pathlib import Path

import pytest

from impl.interface import Run
from impl.kernel.native.kernel import NativeKernel
from impl.kernel.ports.riscv.files import MMU
from model.operations import Kind, Op
from model.ports import layout
from slatcheck.fuzz import engine as engines
from slatcheck.fuzz.checker import Filter
from slatcheck.fuzz.corpus import EMPTY, Corpus, Input
from slatcheck.fuzz.coverage import NOTHING, united
from slatcheck.fuzz.engine import SAMPLED, Engine, Slice
from slatcheck.fuzz.wire import OpBuffer, Rings
from slatcheck.search.campaign import Hit, Search
from slatcheck.search.drawing import LENGTH
from tests.impl.kernel.native.builds import emulated, native, needs_host
from tests.kernels.gstage_repairs import tree_with
from tests.proofs.c.edits import REPAIRS, Edit, edited

ONE = layout("mips64-4k")
LARGE = layout("riscv64-sv39x4")
SEED = 3
FEW = 100

pytestmark = [pytest.mark.kernel, needs_host]


def engine(root: Path, known: Sequence[Hit] = (), seed: int = SEED) -> Engine:
    return Engine(native(root, ONE), emulated(root, ONE), seed, known)


def found_by_search(root: Path) -> dict[str, Hit]:
    return Search(emulated(root, ONE), SEED, ONE.name).run(30_000).hits


@pytest.fixture(scope="module")
def root(kernel_trees: dict[str, Path]) -> Path:
    return kernel_trees["6.12"]


@pytest.fixture(scope="module")
def known(root: Path) -> tuple[Hit, ...]:
    return tuple(found_by_search(root).values())


@pytest.fixture(scope="module")
def repaired(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return edited(root, REPAIRS, tmp_path_factory.mktemp("repaired") / "linux")


def counts(part: Slice) -> dict[str, object]:
    return {name: value for name, value in vars(part).items() if name != "seconds"}


def test_of_a_real_tree_nothing_but_what_is_known_is_found(
    root: Path, known: tuple[Hit, ...]
) -> None:
    part = engine(root, known).run(0, 600)
    assert part.disagreement == ""
    assert part.hits == {}
    assert part.sequences == 600
    assert part.judged <= 6
    assert part.sampled == 600 // SAMPLED + 1
    assert sum(part.compared.values()) > 50_000
    assert len(part.blocks) > 100
    kinds = engine(root).native.capabilities.kinds
    assert part.compared.keys() == kinds


def test_the_same_numbers_give_the_same(root: Path, known: tuple[Hit, ...]) -> None:
    one = engine(root, known)
    first, other = one.run(0, FEW), one.run(FEW, FEW)
    assert counts(one.run(0, FEW)) == counts(first)
    assert counts(engine(root, known).run(FEW, FEW)) == counts(other)
    assert counts(first) != counts(other)


def test_without_knowing_anything_it_finds_what_the_search_finds(
    root: Path, known: tuple[Hit, ...]
) -> None:
    part = engine(root).run(0, FEW)
    assert part.disagreement == ""
    assert {hit.symptom.fingerprint for hit in known} <= part.hits.keys()
    for mark, hit in part.hits.items():
        again = engine(root).judge.examine(emulated(root, ONE), hit.ops)
        assert mark in {symptom.fingerprint for symptom in again.symptoms}


def test_what_is_found_is_told_before_more_is_run(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = engine(root)
    order: list[int | str] = []
    batch = one.native.executor.batch

    def noted(operations: int) -> tuple[int, str] | None:
        order.append(operations)
        return batch(operations)

    monkeypatch.setattr(one.native.executor, "batch", noted)
    monkeypatch.setattr(one, "tell", order.append)
    part = one.run(0, 40)
    sizes = [size for size in order if isinstance(size, int)]
    marks = [mark for mark in order if isinstance(mark, str)]
    assert order[1] == marks[0]
    assert sizes[0] < sizes[1] < sizes[2] < sizes[3]
    assert sizes[0] <= LENGTH + 6
    assert max(sizes) > 10 * LENGTH
    assert sorted(marks) == sorted(part.hits)


def test_of_a_repaired_tree_nothing_is_found(repaired: Path) -> None:
    part = engine(repaired).run(0, 400)
    assert (part.disagreement, part.hits, part.judged) == ("", {}, 0)


RARE = Edit(
    "one frame of four is left",
    "kvm_mips_flush_gpa_pte",
    "if (!pte_present(pte[i]))",
    "if (!pte_present(pte[i]) || (i_max - i_min == 3 && i == 2 && pte_dirty(pte[2]) &&"
    " !pte_young(pte[2]) && pte_present(pte[1]) && pte_present(pte[3])))",
)


def test_what_is_too_rare_for_the_search_is_found(root: Path, tmp_path: Path) -> None:
    tree = edited(root, (*REPAIRS, RARE), tmp_path / "linux")
    assert found_by_search(tree) == {}
    part = engine(tree).run(0, 6000)
    assert part.disagreement == ""
    (mark,) = part.hits
    assert mark.startswith("stale-mapping/")
    short = Search(emulated(tree, ONE), SEED, "").run_these([part.hits[mark].ops]).hits[mark]
    assert [op.kind for op in short.ops].count(Kind.FAULT) == 3


TRAP = Edit(
    "a trap",
    "kvm_mips_flush_gpa_pte",
    "if (!pte_present(pte[i]))",
    "if (i_max - i_min == 3 && pte_dirty(pte[i]))\n\t\t\t__builtin_trap();\n"
    "\t\tif (!pte_present(pte[i]))",
)


def test_a_trap_costs_a_batch_and_is_judged_in_the_emulator(root: Path, tmp_path: Path) -> None:
    tree = edited(root, (*REPAIRS, TRAP), tmp_path / "linux")
    part = engine(tree).run(0, FEW)
    assert part.disagreement == ""
    assert part.sequences == FEW
    assert part.lost
    assert {mark.partition("/")[0] for mark in part.hits} == {"bad-access"}


UNLOCKED = Edit(
    "a lock that is not taken",
    "kvm_arch_flush_shadow_memslot",
    "spin_lock(&kvm->mmu_lock);",
    "",
    file="arch/mips/kvm/mips.c",
)


def test_an_event_that_compilers_place_otherwise_is_a_finding(root: Path, tmp_path: Path) -> None:
    part = engine(edited(root, (*REPAIRS, UNLOCKED), tmp_path / "linux")).run(0, FEW)
    assert part.disagreement == ""
    assert "unlocked-access" in {mark.partition("/")[0] for mark in part.hits}


# Where two do not agree, nothing else counts


def test_what_the_filter_lets_pass_is_judged_now_and_then(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Filter, "suspects", lambda *_: {})
    part = engine(root).run(SAMPLED, 1)
    assert f"sequence {SAMPLED} of seed {SEED} passed, and the judge finds " in part.disagreement


def test_what_is_sampled_is_held_against_what_was_known_when_it_ran(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual, calls = Filter.suspects, count()

    def blind_once(self: Filter, ops: OpBuffer, rings: Rings, end: int) -> dict[int, str]:
        return usual(self, ops, rings, end) if next(calls) else {}

    monkeypatch.setattr(Filter, "suspects", blind_once)
    part = engine(root).run(SAMPLED, FEW)
    assert f"sequence {SAMPLED} of seed {SEED} passed, and the judge finds " in part.disagreement
    assert any(part.disagreement.endswith(mark) for mark in part.hits)


def test_native_code_that_does_otherwise_is_noticed(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = engine(root)
    assert one.disagreement(range(4)) == ""
    run = NativeKernel.run

    def wrong(self: NativeKernel, ops: Sequence[Op]) -> Run:
        right = run(self, ops)
        last = right.outcomes[-1]
        return Run([*right.outcomes[:-1], last._replace(freed=last.freed + 1)], right.stop)

    monkeypatch.setattr(NativeKernel, "run", wrong)
    assert "freed is" in one.disagreement(range(4))
    assert "freed is" in one.run(SAMPLED, 1).disagreement


def test_a_tree_that_knows_where_it_runs_is_noticed(root: Path, tmp_path: Path) -> None:
    only_here = Edit(
        "a mistake of native code",
        "kvm_mips_flush_gpa_pte",
        "if (!pte_present(pte[i]))",
        "if (!pte_present(pte[i])\n#ifdef SLAT_NATIVE\n || i == 3\n#endif\n)",
    )
    tree = edited(root, (*REPAIRS, only_here), tmp_path / "linux")
    one = engine(tree)
    assert "in the emulator" in one.run(0, FEW).disagreement
    assert "in the emulator" in one.disagreement(range(24))


@pytest.mark.parametrize("done", [0, 7, 1 << 31])
def test_a_runner_that_says_what_cannot_be_is_not_believed(
    root: Path, monkeypatch: pytest.MonkeyPatch, done: int
) -> None:
    one = engine(root)
    batch = one.native.executor.batch

    def forged(operations: int) -> tuple[int, str] | None:
        fault = batch(operations)
        one.buffers["slat_control"].view[12:16] = done.to_bytes(4, "little")
        return fault

    monkeypatch.setattr(one.native.executor, "batch", forged)
    part = one.run(1, 3)
    assert bool(part.disagreement) == (done < 1 << 31)


# What is reached


def size_class(number: int) -> int:
    """Return the class of a number of tables or leaves, as the filter has them."""
    if number < 6:
        return number
    bits = number.bit_length() - 1
    return min(2 * bits + (number >> (bits - 1) & 1) + 1, 15)


def steps(root: Path, ops: Sequence[Op]) -> set[int]:
    """Return the steps of the table that a sequence takes in the emulator."""
    tables = 0
    mapped: set[int] = set()
    found: set[int] = set()
    for op, outcome in zip(ops, emulated(root, ONE).run(ops).outcomes, strict=False):
        before = 0 if op.kind is Kind.CREATE else tables
        tables = outcome.tables
        mapped -= {gfn for gfn, raw in outcome.changes.items() if not raw}
        mapped |= {gfn for gfn, raw in outcome.changes.items() if raw}
        sizes = size_class(before) * 16 + size_class(tables)
        found.add((op.kind * 256 + sizes) * 16 + size_class(len(mapped)))
        if op.kind is Kind.CREATE:
            mapped = set()
    return found


def test_steps_of_the_table_are_those_of_the_emulator(repaired: Path) -> None:
    one = engine(repaired)
    for number in range(6):
        part = one.run(number, 1)
        ops = one.sequence(number)
        wanted = steps(repaired, ops[:-1])
        assert wanted <= part.reached.states
        # What a destroy leaves mapped is nothing that the map follows.
        assert {state // 4096 for state in part.reached.states - wanted} <= {int(Kind.DESTROY)}


def test_code_is_attributed_to_the_first_that_runs_it(repaired: Path) -> None:
    one = engine(repaired)
    part = one.run(0, FEW)
    assert united(input_.new for input_ in part.inputs).edges == part.blocks == part.reached.edges
    first = part.inputs[0]
    one.run(0, 1)
    assert first.new.edges == one.run(0, 1).blocks
    assert len(part.blocks) > len(first.new.edges)


def test_what_is_known_is_not_reached_again(repaired: Path) -> None:
    one = engine(repaired)
    part = one.run(0, FEW)
    corpus = EMPTY.joined(part.inputs, part.reached)
    fresh = Corpus((), corpus.reached)
    assert counts(one.run(0, FEW, fresh))["inputs"] == []
    assert one.run(0, FEW, fresh).blocks == part.blocks


def test_inputs_that_are_run_again_reach_what_they_did(repaired: Path) -> None:
    one = engine(repaired)
    part = one.run(0, FEW)
    corpus = EMPTY.joined(part.inputs, part.reached)
    again = one.run(0, len(corpus.inputs), corpus_of_nothing(corpus), again=True)
    assert again.sequences == len(corpus.inputs)
    assert again.reached.edges == part.reached.edges
    assert again.reached.states == part.reached.states
    assert again.reached.pairs == part.reached.pairs


def corpus_of_nothing(corpus: Corpus) -> Corpus:
    """Return the same inputs, of which nothing is known."""
    return Corpus(tuple(Input(input_.data, NOTHING) for input_ in corpus.inputs))


def test_what_is_bred_is_judged_as_any_other(repaired: Path) -> None:
    one = engine(repaired)
    part = one.run(0, FEW)
    corpus = EMPTY.joined(part.inputs, part.reached)
    bred = one.run(FEW, 400, corpus)
    assert (bred.disagreement, bred.hits, bred.judged) == ("", {}, 0)
    assert counts(bred) == counts(one.run(FEW, 400, corpus))
    assert counts(bred) != counts(one.run(FEW, 400))
    assert not {input_.data for input_ in bred.inputs} & {input_.data for input_ in corpus.inputs}


def test_a_trap_does_not_hide_the_code_that_ran(root: Path, tmp_path: Path) -> None:
    one = engine(edited(root, (*REPAIRS, TRAP), tmp_path / "linux"))
    traps = [bool(one.run(n, 1).hits) for n in range(FEW)]
    clean = next(n for n in range(FEW) if (traps[n], traps[n + 1]) == (False, True))
    before = one.run(clean, 1)
    assert before.blocks - one.run(clean + 1, 1).blocks, "else nothing could be hidden"
    assert one.run(clean, 2).blocks >= before.blocks


@pytest.fixture(scope="module")
def known_of_large(root: Path) -> list[Hit]:
    return [*Search(emulated(root, LARGE), SEED, LARGE.name).run(30_000).hits.values()]


def test_what_is_left_out_where_it_is_foreseen_is_seldom_judged(
    root: Path, known_of_large: list[Hit], monkeypatch: pytest.MonkeyPatch
) -> None:
    one = Engine(native(root, LARGE), emulated(root, LARGE), SEED, known_of_large)
    early = one.run(0, 2000)
    assert (early.disagreement, early.hits) == ("", {})
    # As long as many are run before one is judged, nobody knows what the table does.
    monkeypatch.setattr(engines, "FIRST_BATCH", 32)
    part = one.run(0, 2000)
    assert (part.disagreement, part.hits) == ("", {})
    assert part.known > part.judged > 0
    assert part.known > early.known > 0
    taught = one.run(0, 2000, EMPTY.joined([], NOTHING, part.habits))
    assert taught.judged < part.judged
    assert 0 < taught.known < 100
    untaught = one.run(0, 2000, EMPTY.joined([], NOTHING))
    assert untaught.known > 3 * taught.known
    monkeypatch.setattr(engines, "JUDGED", 1)
    each = one.run(0, 2000)
    assert each.judged == each.spared >= each.known > 0
    assert (each.disagreement, each.hits) == ("", {})


def test_what_is_new_is_judged_where_much_is_known(
    root: Path, known_of_large: list[Hit], tmp_path: Path
) -> None:
    main = (root / MMU).read_text().replace("return pte_young(", "return !pte_young(")
    tree = tree_with(root, main, tmp_path / "linux")
    one = Engine(native(tree, LARGE), emulated(tree, LARGE), SEED, known_of_large)
    part = one.run(0, 400)
    assert part.disagreement == ""
    assert {mark.split("/")[1] for mark in part.hits} == {"kvm_test_age_gfn"}
