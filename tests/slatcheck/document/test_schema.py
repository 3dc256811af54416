# SPDX-License-Identifier: GPL-2.0-only
"""What is written for programs is validated as the reference implementation in Python does it."""

from __future__ import annotations

import copy
import json
from datetime import date
from typing import Any

import jsonschema
from hypothesis import given
from hypothesis import strategies as st

from slatcheck.document.result import Verdict
from slatcheck.document.schema import DOCUMENT, complaint, schema
from tests.slatcheck.reports.test_reports import check, document

SCHEMA = schema(DOCUMENT)
REFERENCE = jsonschema.Draft202012Validator(SCHEMA)
SOUND: dict[str, Any] = json.loads(
    json.dumps(
        document(
            check("mips32-4k", Verdict.HOLDS), check("mips64-4k", Verdict.UNKNOWN, reason="why")
        ).to_json()
    )
)
OTHER = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(0, 9), st.text(max_size=3),
    st.just([]), st.just({}), st.sampled_from(["holds", "mips32-4k", "", "error"]),
)  # fmt: skip


@st.composite
def damaged(draw: st.DrawFn) -> Any:
    """Return a sound report with one thing in it taken out, renamed or replaced."""
    data = copy.deepcopy(SOUND)
    here: Any = data
    while True:
        key = draw(st.sampled_from(sorted(here) if isinstance(here, dict) else range(len(here))))
        if here[key] and isinstance(here[key], (dict, list)) and draw(st.booleans()):
            here = here[key]
            continue
        break
    how = draw(st.sampled_from(["take out", "replace", "add"]))
    if how == "replace":
        here[key] = draw(OTHER)
    elif how == "add" and isinstance(here, dict):
        here[draw(st.text(max_size=3))] = draw(OTHER)
    else:
        del here[key]
    return data


def test_a_sound_report_has_nothing_to_complain_of() -> None:
    assert complaint(SOUND, SCHEMA) == ""


@given(damaged())
def test_what_the_reference_refuses_is_refused_and_nothing_else(data: Any) -> None:
    assert (complaint(data, SCHEMA) == "") == REFERENCE.is_valid(data)


def test_the_complaint_says_where() -> None:
    data = copy.deepcopy(SOUND)
    data["checks"][1]["verdict"] = "perhaps"
    assert complaint(data, SCHEMA).startswith('checks/1/verdict: "perhaps" is not one of')
    del data["notes"]
    assert complaint(data, SCHEMA) == 'the whole: "notes" is a required property'


def test_half_a_character_is_text_as_any_other() -> None:
    half = check("mips32-4k", Verdict.UNKNOWN, reason="\ud800")
    assert complaint(json.loads(json.dumps(document(half).to_json())), SCHEMA) == ""
    assert complaint({**SOUND, "\ud800": 1}, SCHEMA).startswith("the whole: Additional properties")


def test_a_date_is_no_json() -> None:
    assert complaint({**SOUND, "tool": date(2026, 11, 29)}, SCHEMA).startswith("the whole: ")
