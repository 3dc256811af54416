# SPDX-License-Identifier: GPL-2.0-only
"""The layouts, and what guest RAM costs in each of them, for people and for programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from impl.memory_cost import LinearCost, TableCost, linear_cost, table_cost
from model.layout import Layout
from model.ports import byte_orders, machines
from slatcheck.display.words import columns, count, size
from slatcheck.document.result import layout_json
from slatcheck.document.schema import LAYOUTS, validated
from slatcheck.memory_ranges import Ram
from slatcheck.reports import layouts_one, layouts_picture


def _costs(layout: Layout, ram: Sequence[Ram]) -> tuple[LinearCost, TableCost | None]:
    """Return the cost of the array, and of the table, None where a range is beyond its reach."""
    ranges = [span.of(layout) for span in ram]
    try:
        return linear_cost(layout, ranges), table_cost(layout, ranges)
    except ValueError:
        return linear_cost(layout, ranges), None


def _memory_json(layout: Layout, ram: Sequence[Ram]) -> dict[str, Any]:
    linear, table = _costs(layout, ram)
    levels = [] if table is None else [level._asdict() for level in table.levels]
    return {
        "ranges": [
            {"first": hex(first), "last": hex(last)} for first, last in (r.of(layout) for r in ram)
        ],
        "linear": linear._asdict(),
        "table": None if table is None else {"levels": levels, "allocated": table.allocated},
    }


def _layout_json(layout: Layout, ram: Sequence[Ram]) -> dict[str, Any]:
    found = layout_json(layout)
    if layout.refusal:
        found["refusal"] = layout.refusal
    else:
        found["byte_orders"] = list(byte_orders(layout))
        found["machines"] = [
            {"name": machine.name, "kconfig": machine.symbol, "byte_orders": list(machine.orders)}
            for machine in machines(layout)
        ]
    if ram:
        found["memory"] = _memory_json(layout, ram)
    return found


def names_one(patterns: Sequence[str]) -> bool:
    """Return whether the patterns are one plain name, which then is explained."""
    return len(patterns) == 1 and not any(mark in patterns[0] for mark in "*?[")


def render(
    form: str, patterns: Sequence[str], layouts: Sequence[Layout], ram: Sequence[Ram]
) -> str:
    """Return the layouts that ``patterns`` chose in the form asked for: text, json or svg."""
    if form == "json":
        return render_json(layouts, ram)
    if ram or not names_one(patterns) or not layouts:
        return render_text(layouts, ram)
    if form == "svg":
        return layouts_picture.render(layouts[0])

    return layouts_one.render_text(layouts[0])


def render_json(layouts: Sequence[Layout], ram: Sequence[Ram]) -> str:
    """Return the layouts as JSON that fits ``schema-layouts.json``; sizes are in bytes."""
    data = {
        "schema": "slatcheck-layouts/1",
        "layouts": [_layout_json(layout, ram) for layout in layouts],
    }
    return validated(data, LAYOUTS)


def render_text(layouts: Sequence[Layout], ram: Sequence[Ram]) -> str:
    """Return the layouts as a table, followed by the cost of ``ram`` where there is some."""
    lines = _table(layouts)
    if ram:
        lines += ["", *_memory(layouts, ram)]
    return "\n".join(lines) + "\n"


_HEADS = ("layout", "KVM", "levels", "page", "entries from the root", "PTE", "root", "reach")


def _table(layouts: Sequence[Layout]) -> list[str]:
    rows = [[*_HEADS, "byte orders"]]
    for layout in layouts:
        geometry = layout.geometry
        rows.append(
            [
                layout.name,
                "yes" if layout.permitted else "no",
                str(layout.levels),
                size(1 << layout.page_shift),
                " x ".join(str(level.entries) for level in layout.tables),
                f"{geometry.pte_size} bytes",
                count(1 << geometry.pgd_order, "page"),
                f"{geometry.reach_bits} bits",
                ", ".join(byte_orders(layout)) if layout.permitted else "",
            ]
        )
    lines = columns(rows)
    refused = [layout for layout in layouts if not layout.permitted]
    permitted = len(layouts) - len(refused)
    lines += ["", f"{count(len(layouts), 'layout')}, {permitted} of them permitted with KVM"]
    if refused:
        lines += ["", "refused by Kconfig"]
        reasons: dict[str, list[str]] = {}
        for layout in refused:
            reasons.setdefault(layout.refusal, []).append(layout.name)
        lines += [f"  {reason}: {', '.join(names)}" for reason, names in reasons.items()]
    return lines


def _bytes(number: int) -> str:
    return f"{number} ({size(number)})" if number >= 1024 and number % 1024 == 0 else str(number)


def _memory(layouts: Sequence[Layout], ram: Sequence[Ram]) -> list[str]:
    rows = [
        ["layout", "array requested", "array handed out", "page table", "its tables"],
    ]
    for layout in layouts:
        linear, table = _costs(layout, ram)
        if table is None:
            cells = ["-", f"beyond the reach of {layout.geometry.reach_bits} bits"]
        else:
            tables = ", ".join(f"{level.name} {level.tables}" for level in table.levels)
            cells = [_bytes(table.allocated), tables]
        rows.append([layout.name, str(linear.requested), _bytes(linear.allocated), *cells])
    title = f"memory for guest RAM at {', '.join(span.text for span in ram)}, in bytes"
    return [title, *(f"  {line}" for line in columns(rows, right=(1,)))]
