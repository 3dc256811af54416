# SPDX-License-Identifier: GPL-2.0-only
"""Files of the documentation that are made from the program, and compared with it."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
AGAIN = "SLATCHECK_WRITE_EXAMPLES=1 .venv/bin/python -m pytest tests/docs writes it again"


def writing() -> bool:
    """Whether what the documentation shows is to be written again."""
    return os.environ.get("SLATCHECK_WRITE_EXAMPLES", "0") not in ("", "0")


def same(path: Path, text: str) -> None:
    """Check that a file is just ``text``; write it where that is asked for."""
    if writing():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert path.is_file(), f"{path.name} is missing: {AGAIN}"
    assert path.read_text(encoding="utf-8") == text, f"{path.name} is out of date: {AGAIN}"
