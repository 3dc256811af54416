# SPDX-License-Identifier: GPL-2.0-only
"""Traces that showed something before: short already, and the first to be tried the next time."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from model.operations import Op, from_json, to_json
from support import cache as keeping


class Traces:
    """The traces kept under a name, each under what it showed; without ``folder`` none is kept.

    They are only where to look first: what they show on the code as it is decides.
    """

    def __init__(self, folder: Path | None, name: str) -> None:
        short = hashlib.sha256(name.encode()).hexdigest()[:32]
        self._file = folder / f"trace-{short}.json" if folder is not None else None

    def load(self) -> dict[str, list[Op]]:
        """Return the traces, none where they cannot be read."""
        if self._file is None:
            return {}
        try:
            data = json.loads(keeping.read(self._file))
            return {mark: [from_json(op) for op in trace] for mark, trace in data.items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return {}

    def save(self, traces: Mapping[str, list[Op]]) -> None:
        """Keep these traces in the place of all others."""
        if self._file is not None:
            data = {mark: [to_json(op) for op in trace] for mark, trace in traces.items()}
            keeping.write(self._file, json.dumps(data))
