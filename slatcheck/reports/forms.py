# SPDX-License-Identifier: GPL-2.0-only
"""The forms a report can have: what '--format' of check, prove and replay chooses from."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from slatcheck.result import Document, Finding

NAMES = ("text", "html", "json", "ktap", "junit", "sarif", "github", "sparse")
"""The forms, each a module of this package with a function 'render'."""

Replay = Callable[["Finding"], str]
"""Gives the command that runs a finding again."""


def render(name: str, document: Document, replay: Replay | None, verbose: bool = False) -> str:
    """Return the report of ``document`` in the form ``name``.

    Only text, which people read from top to end, leaves out what ``verbose`` asks for.
    """
    module = import_module(f"slatcheck.reports.{name}")
    more = {"verbose": True} if verbose and name == "text" else {}
    text: str = module.render(document, replay, **more)
    return text
