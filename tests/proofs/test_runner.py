# SPDX-License-Identifier: GPL-2.0-only
"""A table's lemmas are proved apart from each other, and kept and reported together."""

from __future__ import annotations

from pathlib import Path

import pytest

from model.ports import layout
from proofs import runner
from proofs.desk import Options
from proofs.engine import OPEN, ClauseResult, Proof
from proofs.runner import MAP, ProofStore, ProofTask, carry_out, key_of, tasks_of, verdicts

NARROW = layout("mips32-64k")
TABLE, _ = tasks_of(NARROW)
SWIFT = ("kvm_pgd_alloc", "slot_index", "kvm_mips_free_gpa_pt")


def test_lemmas_done_apart_are_the_task_done_at_once(tmp_path: Path) -> None:
    task = ProofTask(TABLE.scope, TABLE.layout, only=SWIFT)
    store = ProofStore(tmp_path)
    told: list[tuple[ProofTask, int, int]] = []
    found = runner.run([task], Options(), 2, store, lambda *news: told.append(news))
    assert verdicts(found[task]) == verdicts(carry_out(task, Options()))
    assert {proof.name for proof in found[task]} == set(SWIFT)
    assert told == [(task, 1, 1)]
    assert [path.name for path in tmp_path.glob("*.json")] == [f"{key_of(task, Options())}.json"]
    kept = store.load(key_of(task, Options()))
    assert kept is not None
    assert verdicts(kept) == verdicts(found[task])


def test_the_order_of_clauses_makes_no_difference() -> None:
    one = Proof("lemma", {name: ClauseResult(name) for name in ("leak", "init")})
    other = Proof("lemma", {name: ClauseResult(name) for name in ("init", "leak")})
    assert verdicts([one]) == verdicts([other])
    other.clauses["leak"].becomes(OPEN, "not known")
    assert verdicts([one]) != verdicts([other])


def test_nothing_is_kept_of_a_task_before_its_last_lemma(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []

    def until_the_second(task: ProofTask, options: Options) -> list[Proof]:
        if done:
            raise KeyboardInterrupt
        done.extend(task.only)
        return [Proof(name, {}) for name in task.only]

    monkeypatch.setattr(runner, "carry_out", until_the_second)
    task = ProofTask(TABLE.scope, TABLE.layout, only=SWIFT)
    with pytest.raises(KeyboardInterrupt):
        runner.run([task], Options(), 1, ProofStore(tmp_path), lambda *_: None)
    assert len(done) == 1
    assert list(tmp_path.iterdir()) == []


def test_long_lemmas_of_deep_tables_begin_first(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[ProofTask] = []

    def note(task: ProofTask, options: Options) -> list[Proof]:
        begun.append(task)
        return [Proof(name, {}) for name in task.only]

    monkeypatch.setattr(runner, "carry_out", note)
    deep = ProofTask("table", "riscv64-sv39x4")
    wanted = [ProofTask(MAP), TABLE, deep]
    runner.run(wanted, Options(), 1, ProofStore(None), lambda *_: None)
    assert begun[-1] == ProofTask(MAP)
    depths = [layout(part.layout).levels for part in begun[:-1]]
    assert depths == sorted(depths, reverse=True)
    assert {name.partition("@")[0] for part in begun[:7] for name in part.only} == {
        "gstage_map_page", "gstage_unmap_range", "gstage_wp_range", "gstage_mkold_range",
        "gstage_test_young_range",
    }  # fmt: skip
