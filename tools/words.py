# SPDX-License-Identifier: GPL-2.0-only
"""Refuses words that are not written here, in pages and in the comments and docstrings of code.

The rules are in ``words.toml`` beside this file. Fenced blocks and code in backquotes are left
alone: they show what a program prints. Usage: ``python -m tools.words``.
"""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
RULES = Path(__file__).with_name("words.toml")


@dataclass(frozen=True)
class Rule:
    """Words that are refused, what to write in their place, and why."""

    pattern: re.Pattern[str]
    write: str
    why: str


@dataclass(frozen=True)
class Remark:
    """A refused word: where it is, and the rule that refuses it."""

    line: int
    word: str
    rule: Rule


def settings() -> dict[str, Any]:
    """Return the rules and the places as the file has them."""
    return tomllib.loads(RULES.read_text(encoding="utf-8"))


def rules() -> list[Rule]:
    """Return the rules in the order of the file."""
    return [
        # A line break may stand in the middle of what is refused.
        Rule(
            re.compile(
                rf"(?<![\w-])(?:{'|'.join(given['refuse'])})(?![\w-])".replace(" ", r"\s+"),
                re.IGNORECASE,
            ),
            given["write"],
            given["why"],
        )
        for given in settings()["rule"]
    ]


def _blank(match: re.Match[str]) -> str:
    """Return as much white space as there was text, with its line breaks."""
    return re.sub(r"\S", " ", match[0])


def prose_of_page(text: str) -> str:
    """Return a page in which all that is not prose is white space; lines keep their numbers.

    Nor is what was made from the program: it is to be changed there.
    """
    made = r"<!-- ([^\n]*): made by make docs -->.*?<!-- end of \1 -->"
    for shown in (made, r"^```.*?^```$", r"<!--.*?-->", r"`[^`]+`", r"\]\([^)]*\)"):
        text = re.sub(shown, _blank, text, flags=re.DOTALL | re.MULTILINE)
    return text


def prose_of_code(text: str) -> str:
    """Return the comments and docstrings of a module at their lines, and nothing else."""
    source = text.splitlines()
    lines = [""] * (len(source) + 2)
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            lines[token.start[0]] = token.string.lstrip("#: ")
    kinds = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, kinds) and ast.get_docstring(node) is not None:
            docstring = node.body[0]
            for number in range(docstring.lineno, (docstring.end_lineno or 0) + 1):
                lines[number] = source[number - 1].strip("\"' ")
    return prose_of_page("\n".join(lines[1:]).replace("``", "`"))


def remarks(prose: str, known: list[Rule]) -> Iterator[Remark]:
    """Yield what is refused in a text of nothing but prose."""
    for rule in known:
        for match in rule.pattern.finditer(prose):
            word = " ".join(match[0].split())
            yield Remark(prose.count("\n", 0, match.start()) + 1, word, rule)


def places() -> Iterator[tuple[Path, str]]:
    """Yield every file that is looked at, with its prose."""
    given = settings()
    for names, ending, prose in (
        (given["pages"], "*.md", prose_of_page),
        (given["code"], "*.py", prose_of_code),
    ):
        for name in names:
            top = ROOT / name
            for path in [top] if top.is_file() else sorted(top.rglob(ending)):
                if str(path.relative_to(ROOT)) not in given["made"]:
                    yield path, prose(path.read_text(encoding="utf-8"))


def main() -> int:
    """Print what is refused; return 1 where anything is."""
    known, count = rules(), 0
    for path, prose in places():
        for remark in sorted(remarks(prose, known), key=lambda remark: remark.line):
            count += 1
            place = f"{path.relative_to(ROOT)}:{remark.line}"
            rule = remark.rule
            print(f"{place}: '{remark.word}': write {rule.write} ({rule.why})", file=sys.stderr)
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main())
