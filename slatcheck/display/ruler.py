# SPDX-License-Identifier: GPL-2.0-only
"""The bit ruler: an address as a row of fields, each as wide as it has bits."""

from __future__ import annotations

from collections.abc import Sequence

from slatcheck.display.address import BEYOND, LOST, OFFSET, Field
from slatcheck.display.canvas import MARGIN, WIDTH, Canvas, fit, length

_NAMES = {BEYOND: "beyond the reach", LOST: "cut off by unsigned long", OFFSET: "offset"}
_HEIGHT = 34
_STRAY = 220.0


def _widths(fields: Sequence[Field]) -> list[float]:
    """Return the width of each field: to scale, but a stray one is wide enough to be read."""
    room, total = float(WIDTH - 2 * MARGIN), sum(field.bits for field in fields)
    wide = [max(_STRAY, room * field.bits / total) if field.stray else 0.0 for field in fields]
    rest = sum(field.bits for field in fields if not field.stray)
    return [
        width or (room - sum(wide)) * field.bits / rest
        for field, width in zip(fields, wide, strict=True)
    ]


def field_name(field: Field) -> str:
    """Return what a field is called."""
    return _NAMES.get(field.name, field.name.upper())


def draw(canvas: Canvas, label: str, fields: Sequence[Field], note: str, values: bool) -> None:
    """Draw one address; with ``values`` what each field holds, else only what it is."""
    if label:
        canvas.text(MARGIN, canvas.y + 10, label, size=11)
        canvas.y += 16
    left = float(MARGIN)
    for field, width in zip(fields, _widths(fields), strict=True):
        look = "bad" if field.stray else "field-off" if field.name in _NAMES else "field"
        name = field_name(field)
        said = f"{name} {field.value:#x}" if values else name
        title = f"{name}: bits {field.high}..{field.low}, {field.value:#x}" if values else name
        shape = canvas.hatched if field.stray else canvas.rect
        shape(left, canvas.y, width, _HEIGHT, look, title)
        middle = left + width / 2
        mark = "✗ " if field.stray else ""
        if values and length(said) > width - 8:
            said = f"{field.value:#x}"
        look = "bad-text" if field.stray else "bold" if values and field.value else ""
        canvas.text(middle, canvas.y + 14, fit(mark + said, width - 6), look, anchor="middle")
        bits = f"{field.high}..{field.low}" if field.bits > 1 else str(field.high)
        under = fit(bits, width - 4, 10)
        canvas.text(middle, canvas.y + 28, under, "soft", 10, anchor="middle")
        left += width
    canvas.y += _HEIGHT + 4
    if note:
        canvas.text(MARGIN, canvas.y + 12, f"✗ {note}", "bad-text")
        canvas.y += 18
    canvas.y += 6
