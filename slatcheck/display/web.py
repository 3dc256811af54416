# SPDX-License-Identifier: GPL-2.0-only
"""What every HTML page of slatcheck has in common: escaping, the style, the script's hash."""

from __future__ import annotations

import base64
import hashlib
from importlib import resources
from typing import Any

from slatcheck.display.words import clean
from support.lazy import lazily

with lazily():
    import jinja2


def resource(package: str, name: str) -> str:
    """Return a text file that lies beside the modules of ``package``."""
    return resources.files(package).joinpath(name).read_text(encoding="utf-8")


def tame(text: str) -> str:
    """Return one line with its spaces, and without characters that a reader would act on."""
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)


def render(package: str, template: str, script: str, **values: Any) -> str:
    """Return a page from a template beside ``package``; all values are escaped.

    Only ``script`` may run in it, by its hash.
    """
    # jinja2: escapes what is put into a page unless it is told not to.

    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(lambda name: resource(package, name)),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["clean"] = lambda value: clean(str(value))
    environment.filters["tame"] = tame
    macros = environment.from_string(_LINES).module
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return environment.get_template(template).render(
        script=script,
        script_hash=f"sha256-{digest}",
        style=resource("slatcheck.display", "page.css"),
        lines=getattr(macros, "lines"),  # noqa: B009  # what a template defines has no type
        **values,
    )


_LINES = """{% macro lines(found) %}{% if found %}<ul class="lines">
{% for line in found %}<li>{{ line|clean }}</li>
{% endfor %}</ul>{% endif %}{% endmacro %}"""
