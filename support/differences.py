# SPDX-License-Identifier: GPL-2.0-only
"""Where two results that should be equal differ first, in a few words for people."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from itertools import zip_longest
from typing import Any, TypeVar

Value = TypeVar("Value")
Differ = Callable[[Value, Value], str]
"""Says where what is kept and what is made differ first, '' where they do not."""
LONGEST = 80
"""Characters of a value that are shown."""


def by(content: Callable[[Value], object]) -> Differ[Value]:
    """Return what compares two results by what counts of them."""
    return lambda kept, made: first_difference(content(kept), content(made))


def first_difference(kept: object, made: object) -> str:
    """Return where two values differ first, and how; '' where they are equal.

    Mappings, sets and sequences are looked into, in an order that is the same in every process.
    """
    return "" if kept == made else next(_differences(kept, made, ""), _pair("", kept, made))


def _differences(kept: Any, made: Any, place: str) -> Iterator[str]:
    match kept, made:
        case bytes(), bytes():
            yield f"{place}{len(kept)} bytes are kept, {len(made)} are made"
        case Mapping(), Mapping():
            for key in sorted({*kept, *made}, key=repr):
                inside = f"{place}{_short(key)}: "
                if key not in kept or key not in made:
                    yield f"{inside}only {'made' if key in made else 'kept'}"
                elif kept[key] != made[key]:
                    yield from _differences(kept[key], made[key], inside)
        case Set(), Set():
            for key in sorted(kept ^ made, key=repr):
                yield f"{place}{_short(key)}: only {'made' if key in made else 'kept'}"
        case ((list() | tuple()), (list() | tuple())):
            yield from _in_sequences(kept, made, place)
        case _:
            yield _pair(place, kept, made)


def _in_sequences(kept: Sequence[Any], made: Sequence[Any], place: str) -> Iterator[str]:
    nothing = object()
    for number, (one, other) in enumerate(zip_longest(kept, made, fillvalue=nothing)):
        inside = f"{place}number {number}: "
        if nothing in (one, other):
            which, value = ("made", other) if one is nothing else ("kept", one)
            yield f"{inside}{_short(value)} only {which}"
        elif one != other:
            yield from _differences(one, other, inside)


def _pair(place: str, kept: object, made: object) -> str:
    return f"{place}{_short(kept)} is kept, {_short(made)} is made"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."
