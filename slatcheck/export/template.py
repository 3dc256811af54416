# SPDX-License-Identifier: GPL-2.0-only
"""Templates of generated files, and what makes text from a trace or a tree harmless in them."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from importlib import resources
from typing import Any

from model.layout import Layout
from model.ports import port_of
from slatcheck.display.web import resource
from slatcheck.display.words import clean
from slatcheck.errors import InputError
from support.lazy import lazily

with lazily():
    import jinja2

WIDTH = 92


def plain(text: str) -> str:
    """Return one line of printable ASCII that neither ends a comment nor goes on to the next.

    A backslash would join a line comment with the next line; ``?`` begins trigraphs only in pairs.
    """
    line = (
        clean(text)
        .replace("\N{EM DASH}", "-")
        .encode("ascii", "backslashreplace")
        .decode()
        .replace("\\", "/")
    )
    while "*/" in line or "/*" in line or "??" in line:
        line = line.replace("*/", "* /").replace("/*", "/ *").replace("??", "? ?")
    return line


def quoted(text: str) -> str:
    """Return a string literal of C and of Python for ``text``; also safe as a format of C."""
    return '"' + plain(text).replace('"', "'").replace("%", "%%") + '"'


def make(text: str) -> str:
    """Return text as the value of a variable of make. Raises InputError for what none can hold."""
    if any(not c.isprintable() for c in text) or text != text.strip():
        raise InputError(f"no Makefile can name {clean(text)}: move it, or link to it")
    return text.replace("$", "$$").replace("#", "\\#")


def comment(lines: Iterable[tuple[str, list[str]]], start: str) -> str:
    """Return titled paragraphs as comment lines that begin with ``start``, a title on each first.

    Titles stand in a column of their own; a paragraph without a title takes the whole width.
    """
    out: list[str] = []
    for title, paragraphs in lines:
        head = f"{plain(title)}:".ljust(14) if title else ""
        for paragraph in paragraphs:
            wrapped = textwrap.wrap(
                plain(paragraph),
                WIDTH,
                initial_indent=head,
                subsequent_indent=" " * len(head),
                break_long_words=False,
                break_on_hyphens=False,
            )
            out += wrapped or [""]
            head = " " * len(head)
        if not paragraphs:
            out.append("")
    return "\n".join(f"{start} {line}".rstrip() for line in out)


def wrapped(text: str, first: str = "", others: str = "") -> str:
    """Return a paragraph of plain text in lines; the first begins with ``first``."""
    return textwrap.fill(
        plain(text),
        WIDTH,
        initial_indent=first,
        subsequent_indent=others,
        break_long_words=False,
        break_on_hyphens=False,
    )


FORMS = {"kunit.c.j2": "KUnit", "c.c.j2": "C", "steps.c.j2": "tools-testing"}
"""What a port may have a template of, and what the form is called."""


def of_port(layout: Layout, template: str) -> str:
    """Return the name of a port's template. Raises InputError where the port has none."""
    if not _has(layout, template):
        instead = ["--as c"] if _has(layout, "c.c.j2") else []
        raise InputError(
            f"no {FORMS[template]} form for {port_of(layout).title} yet: "
            f"use {' or '.join([*instead, '--as pytest'])}"
        )
    return f"ports/{layout.port}/{template}"


def _has(layout: Layout, template: str) -> bool:
    folder = resources.files("slatcheck.export")
    return folder.joinpath(f"ports/{layout.port}/{template}").is_file()


def render(template: str, /, **values: Any) -> str:
    """Return what ``template`` beside this module makes of ``values``."""
    # jinja2: the form of a file in one piece, apart from what goes into it.

    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(lambda name: resource("slatcheck.export", name)),
        autoescape=False,  # it is no HTML; plain() and quoted() escape
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"plain": plain, "quoted": quoted, "hex": hex, "make": make}
    environment.filters["wrapped"] = wrapped
    return environment.get_template(template).render(**values)
