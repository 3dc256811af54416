# SPDX-License-Identifier: GPL-2.0-only
"""The forms a report can have: what '--format' of check, prove and replay chooses from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from impl.kernel.errors import TreeError
from support.lazy import lazily

with lazily():
    from impl.kernel import ports as trees
    from slatcheck.document import result


NAMES = ("text", "html", "json", "ktap", "junit", "sarif", "github", "sparse", "kcidb", "mail")
"""The forms, each a module of this package with a function 'render'."""

ORIGIN = "slatcheck"
"""What KCIDB calls a system that submits, where no name is given."""

Replay = Callable[["result.Finding"], str]
"""Gives the command that runs a finding again."""


@dataclass(frozen=True)
class Asked:
    """What a form may be told besides the document.

    ``kernel`` is the tree that was judged, for what git says of it. ``subject`` names the cause, or
    a finding of it, that a mail is about. ``origin`` is what KCIDB calls the system that submits.
    ``verbose`` asks the text, which people read from top to end, for what it leaves out.
    """

    kernel: Path | None = None
    subject: str = ""
    origin: str = ORIGIN
    verbose: bool = False


NOTHING_ASKED = Asked()
_ASKING = ("kcidb", "mail")
"""The forms of which 'render' takes an Asked as well."""


def judged_tree(document: result.Document, kernel: Path | None) -> Path | None:
    """Return the tree where it is still the one that was judged, else None."""
    if kernel is None or document.kernel is None:
        return None

    try:
        now = trees.digest_of(trees.read_as(kernel, document.layouts))
    except TreeError:
        return None
    return kernel if now == document.kernel.get("digest") else None


def render(
    name: str, document: result.Document, replay: Replay | None, asked: Asked = NOTHING_ASKED
) -> str:
    """Return the report of ``document`` in the form ``name``; ``replay`` may be left out.

    Raises InputError where a form cannot do what it is asked for.
    """
    module = import_module(f"slatcheck.reports.{name}")
    more: tuple[object, ...] = (asked,) if name in _ASKING else ()
    if name == "text":
        more = (asked.verbose,)
    text: str = module.render(document, replay, *more)
    return text
