# SPDX-License-Identifier: GPL-2.0-only
"""The inputs that campaigns have kept, by layout, for people and for programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from slatcheck.display.words import clean, columns
from slatcheck.document.schema import CORPUS, validated
from slatcheck.judge.corpora import Stored
from slatcheck.reports.cache import size


def render_json(
    folder: Path, stored: Sequence[Stored], merged: Mapping[str, int], removed: Mapping[str, int]
) -> str:
    """Return all of it as JSON for ``schema-corpus.json``."""
    data = {
        "schema": "slatcheck-corpus/1",
        "folder": str(folder),
        "layouts": [asdict(part) for part in stored],
        "merged": dict(merged),
        "removed": dict(removed),
    }
    return validated(data, CORPUS)


def render_text(
    folder: Path, stored: Sequence[Stored], merged: Mapping[str, int], removed: Mapping[str, int]
) -> str:
    """Return a line for each layout, with what came and went."""
    lines = [clean(str(folder)), ""]
    rows = [["layout", "inputs", "size", "new", "removed"]]
    rows += [
        [
            clean(part.layout),
            f"{part.inputs:,}",
            size(part.size),
            f"{merged.get(part.layout, 0):,}",
            f"{removed.get(part.layout, 0):,}",
        ]
        for part in stored
    ]
    if not stored:
        return "\n".join([*lines, "no inputs are kept"]) + "\n"
    return "\n".join([*lines, *columns(rows, right=(1, 2, 3, 4))]) + "\n"
