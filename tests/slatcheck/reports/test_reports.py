# SPDX-License-Identifier: GPL-2.0-only
"""The reports: a golden text, the schema, and what must never be printed."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from typing import Any

import jsonschema
import pytest

from model.operations import Answer, Kind, Op, operand_names, to_json
from model.ports import layout, permitted_layouts
from model.rules import RULES, Severity
from slatcheck.display import words
from slatcheck.document import schema as schemas
from slatcheck.document.identity import Fingerprint
from slatcheck.document.result import Check, Document, Finding, Location, Verdict
from slatcheck.reports import comparison
from slatcheck.reports import json as json_report
from slatcheck.reports import layouts as layouts_report
from slatcheck.reports import rules as rules_report
from slatcheck.reports import text as text_report

NAMES = ("mips32-4k", "mips32-16k", "mips64-4k")
TRACE = [
    Op(Kind.CREATE),
    Op(Kind.FAULT, 0xFFFFF000, pfn=5, write=True, writable=True),
    Op(Kind.UNMAP, 0xFFFFF, 0x100000),
]


def finding(**changes: Any) -> Finding:
    base = Finding(
        fingerprint=str(Fingerprint("stale-mapping", "kvm_unmap_gfn_range", "ends-at-top")),
        rule="stale-mapping",
        severity="unsafe",
        layouts=["mips32-4k", "mips32-16k"],
        shown_on="mips32-4k",
        entry="kvm_unmap_gfn_range",
        trigger="ends-at-top",
        operands=to_json(TRACE[2]),
        summary="1 entry of the range as before",
        trace=[to_json(op) for op in TRACE],
        expected=["gfn 0xffffe: absent", "gfn 0xfffff: absent"],
        actual=["gfn 0xffffe: absent", "gfn 0xfffff: as before"],
        location=Location("kvm_unmap_gfn_range", "arch/mips/kvm/mmu.c", 441),
        seed=7,
        implementation="kernel",
        step=2,
        related=["collateral-change/kvm_unmap_gfn_range/next-page-mapped"],
    )
    return replace(base, **changes)


def check(where: str, verdict: Verdict, rule: str = "stale-mapping", **changes: Any) -> Check:
    function = "kvm_unmap_gfn_range"
    base = Check(f"kernel/{function}/{rule}", "differential", where, function, verdict, cases=1200)
    return replace(base, **changes)


def document(*checks: Check, findings: tuple[Finding, ...] = ()) -> Document:
    return Document(
        {"name": "slatcheck", "version": "0.1.0", "seed": 7},
        {"version": "6.12.1", "commit": "0123abcd"},
        [layout(name) for name in NAMES],
        list(checks),
        list(findings),
    )


def full() -> Document:
    minor = finding(
        fingerprint="accounting/kvm_mips_free_gpa_pt/table-destructor/out-of-contract",
        rule="accounting",
        severity="imprecise",
        layouts=["mips64-4k"],
        shown_on="mips64-4k",
        entry="kvm_mips_free_gpa_pt",
        trigger="table-destructor",
        summary="",
        trace=[to_json(Op(Kind.CREATE)), to_json(Op(Kind.DESTROY))],
        expected=[],
        actual=["table destructor"],
        location=Location(""),
        contract=False,
        step=1,
        related=[],
        known=True,
    )
    found = document(
        check("mips32-4k", Verdict.VIOLATED),
        check("mips32-4k", Verdict.HOLDS, "wrong-entry"),
        check("mips32-16k", Verdict.VIOLATED),
        check("mips64-4k", Verdict.UNSUPPORTED, cases=0, reason="the tree has no such function"),
        findings=(minor, finding()),
    )
    found.notes.append("one note")
    return found


GOLDEN = """\
slatcheck 0.1.0 · Linux 6.12.1 · commit 0123abcd · seed 7

causes
  - (unsafe) 1 entry of the range as before, in kvm_unmap_gfn_range(), for a half-open range or slot
    whose end is exactly the first frame beyond reach:
    stale-mapping.kvm_unmap_gfn_range.ends-at-top, findings 1
  - (imprecise) accounting is broken, in kvm_mips_free_gpa_pt():
    accounting.kvm_mips_free_gpa_pt.table-destructor.out-of-contract, findings 2

1. stale-mapping (unsafe) in kvm_unmap_gfn_range
    A range operation reaches every entry of its range.

    what       1 entry of the range as before
    layouts    all mips32 layouts (2)
    entry      kvm_unmap_gfn_range
    trigger    ends-at-top: a half-open range or slot whose end is exactly the first frame beyond
               reach
    where      kvm_unmap_gfn_range, arch/mips/kvm/mmu.c:441

    shortest trace found (3 operations, mips32-4k, seed 7):
      1. create
      2. fault GPA 0xfffff000 (frame 0xfffff), write, answered with pfn 0x5, writable
    > 3. unmap [0xfffff, 0x100000) — 1 page, 4 KiB at GPA 0xfffff000

    after step 3, expected (-) and actual (+):
        gfn 0xffffe: absent
      - gfn 0xfffff: absent
      + gfn 0xfffff: as before

    related    collateral-change/kvm_unmap_gfn_range/next-page-mapped
    name       stale-mapping/kvm_unmap_gfn_range/ends-at-top
    replay     slatcheck replay stale-mapping

findings
  1.  unsafe            stale-mapping  kvm_unmap_gfn_range   ends-at-top
  2.  imprecise, known  accounting     kvm_mips_free_gpa_pt  table-destructor

layouts
  layout      verdict      operations  findings  evidence
  mips32-4k   violated          1,200         1  differential: 1 of 2 checks hold
  mips32-16k  violated          1,200         1  differential: 0 of 1 check hold
  mips64-4k   unsupported           0         1  differential: 0 of 1 check hold

not decided
  - unsupported: the tree has no such function (1 check: kvm_unmap_gfn_range; mips64-4k)

notes
  - one note

3 layouts, 4 checks, 2,400 operations, 2 findings (1 unsafe)
verdict: violated
"""


BRIEF = """\
slatcheck 0.1.0 · Linux 6.12.1 · commit 0123abcd · seed 7

1. (unsafe) 1 entry of the range as before, in kvm_unmap_gfn_range(), for a half-open range or slot
   whose end is exactly the first frame beyond reach
   layouts   all mips32 layouts (2)
   where     kvm_unmap_gfn_range, arch/mips/kvm/mmu.c:441
   findings  stale-mapping/kvm_unmap_gfn_range/ends-at-top
   cause     stale-mapping.kvm_unmap_gfn_range.ends-at-top; the trace is on mips32-4k
     1. create
     2. fault GPA 0xfffff000 (frame 0xfffff), write, answered with pfn 0x5, writable
   > 3. unmap [0xfffff, 0x100000) — 1 page, 4 KiB at GPA 0xfffff000
     - gfn 0xfffff: absent
     + gfn 0xfffff: as before
   replay    slatcheck replay stale-mapping

2. (imprecise, known, out of contract) accounting is broken, in kvm_mips_free_gpa_pt()

violated: all mips32 layouts (2)
unsupported: mips64-4k
differential: 1 of 4 checks hold
not decided
  - unsupported: the tree has no such function (1 check: kvm_unmap_gfn_range; mips64-4k)
note: one note
3 layouts, 4 checks, 2,400 operations, 2 findings (1 unsafe)
verdict: violated
"""


def replay(one: Finding) -> str:
    return f"slatcheck replay {one.rule}"


def test_text_is_as_agreed() -> None:
    assert text_report.render(full(), replay, verbose=True) == GOLDEN
    assert text_report.render(full(), replay) == BRIEF


def test_document_fits_its_schema() -> None:
    assert json.loads(json_report.render(full()))["verdict"] == "violated"


@pytest.mark.parametrize(
    "change",
    [
        {"severity": "terrible"},
        {"rule": "no-such-rule"},
        {"fingerprint": "no slashes"},
        {"trace": [{"op": "unmap", "start": 5}]},
        {"trace": [{"op": "explode"}]},
        {"layouts": []},
        {"shown_on": "vax-4k"},
        {"step": -1},
    ],
)
def test_invalid_document_is_an_error_that_keeps_the_report(change: dict[str, Any]) -> None:
    bad = document(check("mips32-4k", Verdict.VIOLATED), findings=(finding(**change),))
    with pytest.raises(schemas.InvalidReportError) as caught:
        json_report.render(bad)
    # A cause has the layouts of its findings, and stands before them.
    assert ("causes/0" if "layouts" in change else "findings/0") in str(caught.value)
    assert json.loads(caught.value.text) == json.loads(json.dumps(bad.to_json()))


def test_unknown_keys_and_kinds_are_refused() -> None:
    for changes in ({"kind": "guess"}, {"layout": "x"}):
        bad = document(check("mips32-4k", Verdict.HOLDS, **changes))
        with pytest.raises(schemas.InvalidReportError):
            json_report.render(bad)
    extra = document(check("mips32-4k", Verdict.HOLDS))
    extra.tool["path"] = "/somewhere"
    with pytest.raises(schemas.InvalidReportError, match="tool"):
        json_report.render(extra)


@pytest.mark.parametrize(
    "name", [schemas.DOCUMENT, schemas.LAYOUTS, schemas.COMPARISON, schemas.RULES]
)
def test_schemas_are_sound_and_strict(name: str) -> None:
    schema = schemas.schema(name)
    jsonschema.Draft202012Validator.check_schema(schema)

    def objects(node: Any) -> Any:
        if isinstance(node, dict):
            if "properties" in node and node.get("type") == "object":
                yield node
            for child in node.values():
                yield from objects(child)
        elif isinstance(node, list):
            for child in node:
                yield from objects(child)

    assert all(one["additionalProperties"] is False for one in objects(schema))


def test_enums_of_the_schema_are_those_of_the_model() -> None:
    definitions = schemas.schema(schemas.DOCUMENT)["$defs"]
    finding_of = definitions["finding"]["properties"]
    assert set(finding_of["rule"]["enum"]) == {one.name for one in RULES}
    assert set(finding_of["severity"]["enum"]) == {one.value for one in Severity}
    assert set(definitions["check"]["properties"]["verdict"]["enum"]) == {v.value for v in Verdict}
    operation = definitions["operation"]["properties"]
    assert set(operation["op"]["enum"]) == {kind.name.lower() for kind in Kind}
    assert set(operation["answer"]["enum"]) == {one.name.lower() for one in Answer}
    for kind in Kind:
        assert {name for name in operand_names(kind) if name} <= operation.keys()


def test_schema_has_exactly_the_fields_of_the_document() -> None:
    definitions = schemas.schema(schemas.DOCUMENT)["$defs"]
    for name, kind in (("finding", Finding), ("check", Check)):
        assert definitions[name]["required"] == list(definitions[name]["properties"])
        assert set(definitions[name]["properties"]) == {one.name for one in fields(kind)}


def test_every_operation_fits_the_schema() -> None:
    trace = [
        to_json(Op(kind, 1, 2, mask=3, pfn=4, write=True, answer=answer, retries=1, oom=1))
        for kind in Kind
        for answer in Answer
    ]
    found = document(check("mips32-4k", Verdict.VIOLATED), findings=(finding(trace=trace),))
    json_report.render(found)


@pytest.mark.parametrize("verdict", [v for v in Verdict if v is not Verdict.HOLDS])
def test_nothing_found_is_not_printed_as_a_pass(verdict: Verdict) -> None:
    text = text_report.render(document(check("mips32-4k", verdict, reason="because")))
    assert "no findings" not in text
    assert text.endswith(f"verdict: {verdict.value}\n")


def test_nothing_checked_is_vacuous() -> None:
    text = text_report.render(document())
    assert "no findings" not in text
    assert "nothing was checked" in text
    assert text.endswith("verdict: vacuous\n")


def test_a_pass_says_so() -> None:
    text = text_report.render(document(*(check(name, Verdict.HOLDS) for name in NAMES)))
    assert "no findings\nverdict: holds\n" in text
    assert "3,600 operations" in text


def test_operations_of_both_byte_orders_count_and_rules_do_not_multiply_them() -> None:
    rules = ("stale-mapping", "wrong-entry", "leak")
    checks = [check("mips32-4k", Verdict.HOLDS, rule) for rule in rules] * 2
    assert "2,400 operations" in text_report.render(document(*checks))


def test_same_reasons_are_told_once() -> None:
    checks = [check(name, Verdict.UNKNOWN, reason="time is out") for name in NAMES]
    text = text_report.render(document(*checks))
    assert text.count("time is out") == 1
    assert "3 checks: kvm_unmap_gfn_range; all 3 layouts" in text


def test_terminal_control_characters_are_made_visible() -> None:
    evil = finding(summary="a\x1b[2Jb\nc", entry="f\x07", trace=[{"op": "\x1b[31m"}], step=9)
    text = text_report.render(document(check("mips32-4k", Verdict.VIOLATED), findings=(evil,)))
    assert "\x1b" not in text
    assert "\x07" not in text
    assert "a\\x1b[2Jb c" in text


def test_report_survives_what_it_does_not_know() -> None:
    odd = finding(rule="new-rule", trigger="new", shown_on="vax", layouts=["vax"], trace=[])
    strange = document(check("mips32-4k", Verdict.VIOLATED), findings=(odd,))
    assert "new-rule (unsafe)" in text_report.render(strange, verbose=True)
    assert "new-rule.kvm_unmap_gfn_range" not in text_report.render(strange)
    assert "stale-mapping/kvm_unmap_gfn_range/ends-at-top" in text_report.render(strange)


def test_without_a_replay_file_the_report_says_how_to_get_one() -> None:
    assert "--replay-dir" in text_report.render(full())


@pytest.mark.parametrize(
    ("op", "text"),
    [
        (Op(Kind.FLUSH_ALL), "flush_all"),
        (Op(Kind.CREATE, oom=1), "create, allocation 1 fails"),
        (Op(Kind.LOOKUP, 0x5123), "lookup GPA 0x5123 (frame 0x5)"),
        (Op(Kind.FAULT_FAST, 0, write=True), "fault_fast GPA 0x0 (frame 0x0), write"),
        (
            Op(Kind.FAULT, 0, answer=Answer.NO_SLOT, retries=2),
            "fault GPA 0x0 (frame 0x0), read, answered with no slot, invalidated 2 times meanwhile",
        ),
        (Op(Kind.FLUSH, 0, 0x3FF), "flush 0x0..0x3ff — 1,024 pages, 4 MiB at GPA 0x0"),
        (Op(Kind.FLUSH, 5, 4), "flush 0x5..0x4 — empty"),
        (Op(Kind.AGE, 4, 4), "age [0x4, 0x4) — empty"),
        (
            Op(Kind.FLUSH_SLOT, 2, 3),
            "flush_slot slot at frame 0x2 of 0x3 pages — 3 pages, 12 KiB at GPA 0x2000",
        ),
        (
            Op(Kind.LOG_DIRTY_MASKED, 0x10, 0x20, mask=0xA),
            "log_dirty_masked mask 0xa from frame 0x10 + 0x20 — 2 pages at GPA 0x31000",
        ),
    ],
)
def test_operations_in_words(op: Op, text: str) -> None:
    assert words.operation(op, 12) == text


def test_sizes_are_exact() -> None:
    assert [words.size(n) for n in (0, 1023, 1024, 3 << 19, 4 << 40)] == [
        "0 bytes",
        "1,023 bytes",
        "1 KiB",
        "1,536 KiB",
        "4 TiB",
    ]


def test_layout_names_are_compact() -> None:
    among = [one.name for one in permitted_layouts()]
    assert words.layout_names(among, among) == f"all {len(among)} layouts"
    narrow = [name for name in among if name.startswith("mips32")]
    assert words.layout_names(narrow, among) == f"all mips32 layouts ({len(narrow)})"
    assert words.layout_names(["mips64-4k", "mips32-16k", "mips32-4k"], among) == (
        "mips32-{4k,16k}, mips64-4k"
    )
    assert words.layout_names(["mips32-4k"], ["mips32-4k"]) == "mips32-4k"


def test_layouts_and_rules_fit_their_schemas() -> None:
    assert json.loads(layouts_report.render_json(permitted_layouts(), []))["layouts"]
    assert json.loads(rules_report.render_json(RULES))["rules"]


# Comparisons; slatcheck.judge.side_by_side.Comparison is only looked at by its fields.


def test_comparison_for_people_and_programs() -> None:
    from slatcheck.judge.side_by_side import Comparison, Parting

    trace = [to_json(op) for op in TRACE]
    parting = Parting(
        "mips32-4k", "mips32-16k", "model", "linear", trace, 2, ["absent"], [], "entries differ"
    )
    parted = Comparison(parting, 3, 40, "model@mips32-4k", "linear@mips32-16k", ["PFNs only"])
    text = comparison.render_text(parted)
    assert "they part at step 3: entries differ" in text
    assert "> 3. unmap [0xfffff, 0x100000)" in text
    assert "    - absent" in text
    assert text.endswith("verdict: violated\n")
    assert json.loads(comparison.render_json(parted))["parting"]["step"] == 2
    same = replace(parted, parting=None)
    assert json.loads(comparison.render_json(same))["verdict"] == "holds"
    assert comparison.render_text(replace(same, operations=0)).endswith("verdict: vacuous\n")
