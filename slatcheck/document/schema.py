# SPDX-License-Identifier: GPL-2.0-only
"""The schemas of what is written for programs: every document is validated before it is shown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from model.ports import layouts
from support.lazy import lazily

with lazily():
    import jsonschema

_FOLDER = Path(__file__).resolve().parent
DOCUMENT = "schema.json"
LAYOUTS = "schema-layouts.json"
COMPARISON = "schema-diff.json"
RULES = "schema-rules.json"
CACHE = "schema-cache.json"
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


def validated(data: Any, schema_name: str) -> str:
    """Return ``data`` as JSON text. Raises InvalidReportError where it does not fit the schema."""
    # jsonschema: the reference implementation of JSON Schema in Python.

    text = json.dumps(data, indent=1, default=str) + "\n"
    # What is validated is what a reader gets, not Python's tuples.
    validator = jsonschema.Draft202012Validator(_with_known_layouts(schema(schema_name)))
    error = jsonschema.exceptions.best_match(validator.iter_errors(json.loads(text)))
    if error is not None:
        place = "/".join(map(str, error.absolute_path)) or "the whole"
        raise InvalidReportError(
            f"the report breaks {schema_name} at {place}: {error.message}", text
        )
    return text
