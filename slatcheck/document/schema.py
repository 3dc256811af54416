# SPDX-License-Identifier: GPL-2.0-only
"""The schemas of what is written for programs: every document is validated before it is shown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from model.ports import layouts
from support.lazy import lazily

with lazily():
    import jsonschema_rs

_FOLDER = Path(__file__).resolve().parent
DOCUMENT = "schema.json"
LAYOUTS = "schema-layouts.json"
COMPARISON = "schema-diff.json"
RULES = "schema-rules.json"
CACHE = "schema-cache.json"
CORPUS = "schema-corpus.json"
CHANGES = "schema-changes.json"


class InvalidReportError(Exception):
    """A report that does not fit its schema: the tool's own mistake. ``text`` is the report."""

    def __init__(self, message: str, text: str) -> None:
        super().__init__(message)
        self.text = text


def schema(name: str) -> dict[str, Any]:
    """Return one of the schemas that lie beside the package's modules."""
    found: dict[str, Any] = json.loads((_FOLDER / name).read_text(encoding="utf-8"))
    return found


def _with_known_layouts(found: dict[str, Any]) -> dict[str, Any]:
    """Return a schema that takes the names of layouts that there are, and no others."""
    named = found.get("$defs", {}).get("layout_name")
    if named is not None:
        named["enum"] = [layout.name for layout in layouts()]
    return found


def complaint(data: Any, found: dict[str, Any]) -> str:
    """Return where and how ``data``, as JSON has it, breaks a schema; '' where it does not."""
    # jsonschema-rs: a report has tens of thousands of checks; in Python they take many seconds.
    validator = jsonschema_rs.validator_for(found)
    try:
        errors = list(validator.iter_errors(data))
    except UnicodeEncodeError:  # half a character, which JSON can have and Rust cannot
        whole = json.dumps(data, ensure_ascii=False).encode(errors="replace")
        return complaint(json.loads(whole), found)
    except (ValueError, RecursionError) as problem:  # a date, say, where TOML was read
        return f"the whole: {problem}"
    if not errors:
        return ""
    # What is wrong with the whole says more than what is wrong with a part of it.
    error = min(errors, key=lambda error: len(error.instance_path))
    place = "/".join(map(str, error.instance_path)) or "the whole"
    return f"{place}: {error.message[:200]}"


def validated(data: Any, schema_name: str) -> str:
    """Return ``data`` as JSON text. Raises InvalidReportError where it does not fit the schema."""
    text = json.dumps(data, indent=1, default=str) + "\n"
    # What is validated is what a reader gets, not Python's tuples.
    wrong = complaint(json.loads(text), _with_known_layouts(schema(schema_name)))
    if wrong:
        raise InvalidReportError(f"the report breaks {schema_name} at {wrong}", text)
    return text
