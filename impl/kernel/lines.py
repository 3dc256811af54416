# SPDX-License-Identifier: GPL-2.0-only
"""C source by lines: which conditionals enclose each, where definitions end, what is cut off.

Only comments, literals, directives and brackets are looked at, so that one function that no
parser of unpreprocessed C can read (a brace opened in each arm of an ``#ifdef``) says nothing
about the rest of its file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""/\*.*?\*/ | //(?:[^\n\\]|\\.)* | "(?:[^"\\\n]|\\.)*" | '(?:[^'\\\n]|\\.)*'""",
    re.VERBOSE | re.DOTALL,
)
_OPENING = re.compile(r"/\*|\"|'")
_DIRECTIVE = re.compile(r"\s*#\s*(\w+)\s*(.*)", re.DOTALL)
_CALL = re.compile(r"\w+\s*\(")
_BRACKETS = {"{": 1, "(": 1, "[": 1, "}": -1, ")": -1, "]": -1}


@dataclass(frozen=True)
class Outline:
    """A source without its comments and literals, line by line (index 0 is the first line).

    ``lines`` have the blanks of what was taken out; lines of a directive are empty.
    ``conditions`` are the conditionals around each line, outermost first, each as an expression
    for ``#if``. ``first_arm`` says that no ``#else`` or ``#elif`` stands around the line.
    ``open_conditionals`` counts those that the file's end leaves open. ``unfinished`` is the line
    (1-based) of a comment or a literal that never ends, 0 where there is none.
    """

    lines: tuple[str, ...]
    conditions: tuple[tuple[str, ...], ...]
    first_arm: tuple[bool, ...]
    open_conditionals: int
    unfinished: int


def _blanked(text: str) -> tuple[str, int]:
    """Return ``text`` with comments and literals blanked, and the line where one never ends."""
    # A backslash at a line's end stays: a comment within a macro ends neither it nor its lines.
    plain = _TOKEN.sub(lambda match: re.sub(r"\\(?!\n)|[^\n\\]", " ", match[0]), text)
    # What opens a comment or a literal now has no end; apostrophes stand in #error lines, too.
    for number, line in enumerate(plain.split("\n"), 1):
        if _OPENING.search(line) and not line.lstrip().startswith("#"):
            return plain, number
    return plain, 0


def _condition(name: str, rest: str) -> str:
    rest = " ".join(rest.replace("\\\n", " ").split())
    if name in ("ifdef", "ifndef"):
        return ("!" if name == "ifndef" else "") + f"defined({rest})"
    return rest or "0"


def _logical(lines: list[str]) -> Iterator[tuple[int, int, str]]:
    """Yield first line, line behind the last, and text of each line with what continues it."""
    start = 0
    while start < len(lines):
        end = start + 1
        while end < len(lines) and lines[end - 1].endswith("\\"):
            end += 1
        yield start, end, "\n".join(lines[start:end])
        start = end


def outline(text: str) -> Outline:
    """Return the outline of a C source. Never raises."""
    plain, unfinished = _blanked(text.replace("\r\n", "\n"))
    lines = plain.split("\n")
    kept, conditions, first_arm = list(lines), [], []
    # Of each open conditional: the arms before this one, negated, and this one.
    stack: list[list[str]] = []
    for start, end, line in _logical(lines):
        directive = _DIRECTIVE.match(line)
        if directive:
            kept[start:end] = [""] * (end - start)
            name, rest = directive[1], directive[2]
            if name in ("if", "ifdef", "ifndef"):
                stack.append([_condition(name, rest)])
            elif name in ("elif", "else") and stack:
                stack[-1][-1] = f"!({stack[-1][-1]})"
                stack[-1].append("1" if name == "else" else _condition("if", rest))
            elif name == "endif" and stack:
                stack.pop()
        around = tuple(condition for arm in stack for condition in arm if condition != "1")
        conditions += [around] * (end - start)
        first_arm += [all(len(arm) == 1 for arm in stack)] * (end - start)
    return Outline(tuple(kept), tuple(conditions), tuple(first_arm), len(stack), unfinished)


def bodies(outlined: Outline) -> Iterator[tuple[int, int]]:
    """Yield the lines [first, behind the last) of what ends with a brace in the first column.

    Such a piece begins behind the last blank line, directive, or end of a statement before it
    opens its first brace in the first column, so that a macro between two functions is in neither.
    """
    start = 0
    for number, line in enumerate(outlined.lines):
        if line.startswith("}"):
            yield _head(outlined.lines, start, number), number + 1
            start = number + 1


def _head(lines: tuple[str, ...], start: int, end: int) -> int:
    opening = next((n for n in range(start, end) if lines[n].startswith("{")), None)
    if opening is None:
        opening = next((n for n in range(start, end) if "{" in lines[n]), start)
    first = opening
    while first > start and lines[first - 1].strip() and not _ends(lines[first - 1]):
        first -= 1
    return first


def _ends(line: str) -> bool:
    # K&R declarations of parameters end with a semicolon, too, but are indented.
    return line.rstrip().endswith((";", "}")) and not line.startswith((" ", "\t"))


def cut_off(text: str) -> int | None:
    """Return the line (1-based) where ``text`` ends in the middle of something, None if whole."""
    if not text.strip():
        return 1
    outlined = outline(text)
    if outlined.unfinished:
        return outlined.unfinished
    last = max(number for number, line in enumerate(text.split("\n"), 1) if line.strip())
    if outlined.open_conditionals or text.rstrip().endswith("\\") or _ends_in_directive(text):
        return last
    begin = max((end for _, end in bodies(outlined)), default=0)
    tail = [
        line
        for line, wanted in zip(outlined.lines[begin:], outlined.first_arm[begin:], strict=True)
        if wanted
    ]
    remains = "\n".join(tail).strip()
    if sum(_BRACKETS.get(letter, 0) for letter in remains) > 0:
        return last
    return last if remains and not remains.endswith((";", "}")) and not _is_call(remains) else None


def _ends_in_directive(text: str) -> bool:
    """Return whether a text ends within the line of a directive; '#endif' is the end of many."""
    found = _DIRECTIVE.match(text[text.rfind("\n") + 1 :])
    return found is not None and found[1] != "endif"


def _is_call(text: str) -> bool:
    """Return whether a text ends with the call of a macro, which needs no semicolon."""
    lines = text.split("\n")
    first = max(number for number, line in enumerate(lines) if not line.startswith((" ", "\t")))
    before = lines[first - 1].strip() if first else ""
    called = _CALL.match(lines[first]) is not None and text.endswith(")")
    return called and (not before or before.endswith((";", "}", ")")))
