# SPDX-License-Identifier: GPL-2.0-only
"""Parts of pages that are made from the program, between two comments that say so."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def replaced(page: str, name: str, content: str) -> str:
    """Return a page with new content between ``<!-- NAME: made by make docs -->`` and the end.

    Raises ValueError where the page has not exactly one such part.
    """
    begin, end = f"<!-- {name}: made by make docs -->", f"<!-- end of {name} -->"
    pattern = re.compile(rf"({re.escape(begin)}\n).*?({re.escape(end)}\n)", re.DOTALL)
    made, count = pattern.subn(lambda part: f"{part[1]}\n{content}\n\n{part[2]}", page)
    if count != 1:
        raise ValueError(f"{count} parts called '{name}' in the page, where there should be one")
    return made
