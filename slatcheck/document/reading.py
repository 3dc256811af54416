# SPDX-License-Identifier: GPL-2.0-only
"""Reads a JSON report back as a result document, so that it can be given any other form."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from model.ports import layout as layout_named
from slatcheck.document.result import (
    SCHEMA,
    Check,
    Document,
    Finding,
    Gate,
    Location,
    Verdict,
    layout_json,
)
from slatcheck.document.schema import DOCUMENT, complaint, schema
from slatcheck.errors import InputError

_AGAIN = "write it again with check --format json"


def read(path: Path) -> Document:
    """Return the document that ``path`` holds. Raises InputError for anything else."""
    return document_of(path, read_json(path, _AGAIN))


def document_of(path: Path, data: Any) -> Document:
    """Return the document that a report's JSON is; ``path`` is what messages call it.

    Raises InputError for anything else.
    """
    if not isinstance(data, dict) or data.get("schema") != SCHEMA:
        raise InputError(f"{path} is no JSON report of this version ({SCHEMA}); {_AGAIN}")
    wrong = complaint(data, schema(DOCUMENT))
    if wrong:
        raise InputError(f"{path} is damaged at {wrong}; {_AGAIN}")
    document = _document(path, data)
    if document.verdict.value != data["verdict"]:
        raise InputError(
            f"{path} is damaged: it says {data['verdict']}, its checks say "
            f"{document.verdict.value}; {_AGAIN}"
        )
    if json.loads(json.dumps(document.to_json()["causes"])) != data["causes"]:
        raise InputError(f"{path} is damaged: its causes are not those of its findings; {_AGAIN}")
    return document


def read_json(path: Path, remedy: str) -> Any:
    """Return what a JSON file holds. Raises InputError, with the ``remedy``, where it is none."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as problem:
        raise InputError(f"cannot read {path}: {problem.strerror}") from None
    except (ValueError, RecursionError):
        raise InputError(f"{path} is damaged: it is no JSON; {remedy}") from None


def _document(path: Path, data: dict[str, Any]) -> Document:
    layouts = []
    for facts in data["layouts"]:
        try:
            layout = layout_named(facts["name"])
        except KeyError:
            raise InputError(f"{path} names the layout {facts['name']}, which is unknown") from None
        if layout_json(layout) != facts:
            raise InputError(f"{path} has another geometry of {layout.name}; {_AGAIN}")
        layouts.append(layout)
    checks = [Check(**check | {"verdict": Verdict(check["verdict"])}) for check in data["checks"]]
    findings = [
        Finding(**finding | {"location": Location(**finding["location"])})
        for finding in data["findings"]
    ]
    gate = data.get("gate")
    if gate is not None:
        gate = Gate(**gate | {"verdict": Verdict(gate["verdict"])})
    return Document(data["tool"], data["kernel"], layouts, checks, findings, data["notes"], gate)
