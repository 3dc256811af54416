# SPDX-License-Identifier: GPL-2.0-only
"""Reports for programs: the whole document as JSON, validated against its schema."""

from __future__ import annotations

from slatcheck.document.result import Document
from slatcheck.document.schema import DOCUMENT, validated
from slatcheck.reports.forms import Replay


def render(document: Document, replay: Replay | None = None) -> str:
    """Return the document as JSON text that fits ``schema.json``; it has no use for ``replay``."""
    return validated(document.to_json(), DOCUMENT)
