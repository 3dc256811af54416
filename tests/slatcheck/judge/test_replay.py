# SPDX-License-Identifier: GPL-2.0-only
"""Replay files: what was found shows again, what is damaged is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from model.operations import Kind
from model.ports import layout
from model.ports.mips.functions import FUNCTIONS
from slatcheck.document.result import EXIT, Finding, Verdict
from slatcheck.errors import InputError
from slatcheck.judge.judging import Request, check
from slatcheck.judge.replay import replay, replay_file
from slatcheck.judge.traces import REPLAY_SCHEMA

QUIRKY = [
    ("dirty-mask-hull", "mips64-4k"),
    ("notifier-end-inclusive", "mips32-4k"),
    ("pgd-freed-as-one-page", "mips64-4k"),
    ("pfn-truncated", "mips32-16k-xpa"),
    ("flush-all-unlocked", "mips32-64k"),
]


def findings(name: str, on: str) -> list[Finding]:
    request = Request((layout(on),), max_ops=2_000, jobs=1, quirks=(name,))
    return check(request, lambda progress: None).findings


def write(path: Path, data: object) -> Path:
    path.write_text(json.dumps(data), encoding="utf-8")
    return path


@pytest.mark.parametrize(("name", "on"), QUIRKY)
def test_every_finding_of_a_quirk_shows_again_with_it_and_not_without(
    name: str, on: str, tmp_path: Path
) -> None:
    found = findings(name, on)
    assert found
    for one in found:
        data = replay_file(one, on)
        assert data["quirks"] == [name] and data["schema"] == REPLAY_SCHEMA
        again = replay(write(tmp_path / "one.json", data), None, None)
        assert again.verdict is Verdict.VIOLATED and EXIT[again.verdict] == 1
        assert one.fingerprint in {other.fingerprint for other in again.findings}
        same = next(x for x in again.findings if x.fingerprint == one.fingerprint)
        assert (same.trace, same.actual, same.step) == (one.trace, one.actual, one.step)
        repaired = replay(write(tmp_path / "two.json", data | {"quirks": []}), None, None)
        assert repaired.verdict is Verdict.HOLDS and EXIT[repaired.verdict] == 0
        assert repaired.findings == []


def test_a_finding_of_a_report_is_run_again(tmp_path: Path) -> None:
    request = Request((layout("mips64-4k"),), max_ops=2_000, jobs=1, quirks=("dirty-mask-hull",))
    document = check(request, lambda progress: None)
    report = write(tmp_path / "report.json", document.to_json())
    for one in document.findings:
        again = replay(report, None, None, one.fingerprint)
        assert one.fingerprint in {other.fingerprint for other in again.findings}
    with pytest.raises(InputError, match="has no finding leak/x/any; it has "):
        replay(report, None, None, "leak/x/any")


GOOD: dict[str, Any] = {
    "schema": REPLAY_SCHEMA,
    "fingerprint": "stale-mapping/kvm_unmap_gfn_range/any",
    "implementation": "multilevel",
    "layout": "mips64-4k",
    "quirks": [],
    "seed": 0,
    "trace": [
        {"op": "create"},
        {"op": "fault", "gpa": "0x1000", "write": False, "answer": "page", "pfn": "0x5"},
        {"op": "unmap", "start": "0x0", "end": "0x4"},
    ],
}


def test_of_what_a_trace_does_not_do_nothing_is_asked(tmp_path: Path) -> None:
    document = replay(write(tmp_path / "good.json", GOOD), None, None)
    assert document.verdict is Verdict.HOLDS
    assert {one.function for one in document.checks} == {
        FUNCTIONS[kind] for kind in (Kind.CREATE, Kind.FAULT, Kind.UNMAP)
    }
    assert {one.cases for one in document.checks} == {1}


@pytest.mark.parametrize("field", sorted(GOOD))
def test_a_missing_field_is_an_input_error(field: str, tmp_path: Path) -> None:
    data = {name: value for name, value in GOOD.items() if name != field}
    with pytest.raises(InputError):
        replay(write(tmp_path / "damaged.json", data), None, None)


CREATE = {"op": "create"}
DAMAGES: dict[str, dict[str, Any]] = {
    "schema": {"schema": "slatcheck-replay/0"},
    "rule": {"fingerprint": "no-such-rule/x/any"},
    "layout": {"layout": "mips99-4k"},
    "layout of another type": {"layout": 3},
    "implementation": {"implementation": "linear"},
    "kernel without a tree": {"implementation": "kernel"},
    "quirks of another type": {"quirks": "dirty-mask-hull"},
    "unknown quirk": {"quirks": ["no-such-quirk"]},
    "quirk of another type": {"quirks": [3]},
    "seed of another type": {"seed": "0"},
    "no seed": {"seed": None},
    "trace of another type": {"trace": {"op": "create"}},
    "step of another type": {"trace": [CREATE, "flush"]},
    "empty trace": {"trace": []},
    "operation": {"trace": [CREATE, {"op": "bogus"}]},
    "no operation": {"trace": [CREATE, {"gpa": "0x0"}]},
    "operand": {"trace": [CREATE, {"op": "flush", "first": "zz", "last": 1}]},
    "operand of another type": {"trace": [CREATE, {"op": "flush", "first": None, "last": 1}]},
    "operand too wide": {"trace": [CREATE, {"op": "flush", "first": 1 << 64, "last": 1}]},
    "negative operand": {"trace": [CREATE, {"op": "flush", "first": -1, "last": 1}]},
    "unknown operand": {"trace": [CREATE, {"op": "flush", "start": 0, "last": 1}]},
    "no create": {"trace": [{"op": "flush_all"}]},
    "two creates": {"trace": [CREATE, CREATE]},
    "destroy before the end": {"trace": [CREATE, {"op": "destroy"}, {"op": "flush_all"}]},
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_field_is_an_input_error(damage: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as told:
        replay(write(tmp_path / "damaged.json", GOOD | DAMAGES[damage]), None, None)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("text", [b"", b"{", b"not json", b"[]", b"3", b"null", b"\xff\xfe{}"])
def test_what_is_no_replay_file_is_an_input_error(text: bytes, tmp_path: Path) -> None:
    path = tmp_path / "damaged.json"
    path.write_bytes(text)
    with pytest.raises(InputError, match=r"damaged\.json"):
        replay(path, None, None)


@pytest.mark.parametrize("place", [lambda p: p / "absent.json", lambda p: p])
def test_a_file_that_cannot_be_read_is_an_input_error(
    place: Callable[[Path], Path], tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="cannot read"):
        replay(place(tmp_path), None, None)
