# SPDX-License-Identifier: GPL-2.0-only
"""A story in a terminal: the same steps as the page, in words, tables and a tree."""

from __future__ import annotations

import io
from collections.abc import Iterable

# rich: tables and trees that fit the terminal, with colour only where there is one.
from rich import box
from rich.console import Console, ConsoleRenderable
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table as Grid
from rich.text import Text
from rich.tree import Tree

from impl.snapshot import SlotState, Table
from slatcheck.display.ruler import field_name
from slatcheck.display.words import clean, count, size
from slatcheck.explain import tree as trees
from slatcheck.explain.grid import entry_words
from slatcheck.explain.story import Split, Step, Story, difference, headline, reason
from slatcheck.explain.strip import Frame, Gap, Mark
from slatcheck.explain.svg import lost_words, named_by

WIDTH = 100
MAX_RUNS = 8
"""Runs of slots or entries of one table that are listed."""


def render(story: Story, colour: bool = False, width: int = WIDTH) -> str:
    """Return the story as text, with terminal colours if ``colour`` is set."""
    stream = io.StringIO()
    console = Console(
        file=stream,
        width=width,
        force_terminal=colour,
        no_color=not colour,
        color_system="standard" if colour else None,
        highlight=False,
        markup=False,
        emoji=False,
        legacy_windows=False,
    )
    for part in _parts(story):
        console.print(part)
    lines = (line.rstrip() for line in stream.getvalue().splitlines())
    return "\n".join(lines) + "\n"


def _say(words: str, style: str = "") -> ConsoleRenderable:
    """Return a paragraph, indented as its words are; control characters are made visible."""
    indent = len(words) - len(words.lstrip(" "))
    return Padding(Text(clean(words), style=style), (0, 0, 0, indent))


def _parts(story: Story) -> Iterable[ConsoleRenderable]:
    broken = story.step is not None
    yield _say(f"{story.rule.name} in {story.entry}", "bold")
    yield _say(f"  {story.rule.statement}")
    yield _say(f"  {'✗' if broken else '✓'} {headline(story)}", "red" if broken else "green")
    if reason(story):
        yield _say(f"  {reason(story)}")
    expected, actual = difference(story)
    for lead, lines, style in (("-", expected, "green"), ("+", actual, "red")):
        for line in lines:
            yield _say(f"    {lead} {line}", style)
    quirks = f" with {', '.join(story.quirks)}" if story.quirks else ""
    yield _say(f"  {story.layout.name}, {story.subject}{quirks}, seed {story.seed}")
    yield _say(f"  name    {story.fingerprint}")
    yield _say(f"  replay  {story.replay}")
    for step in story.steps:
        yield Text()
        yield from _step(story, step)
    if story.not_run:
        yield Text()
        yield _say("not carried out, because the run ended before: " + "; ".join(story.not_run))


def _step(story: Story, step: Step) -> Iterable[ConsoleRenderable]:
    total = len(story.steps) + len(story.not_run)
    title = clean(f"{'✗ ' if step.broken else ''}step {step.number + 1} of {total}")
    yield Rule(Text(title, "bold red" if step.broken else "bold"), align="left", characters="─")
    yield _say(step.words, "bold")
    if not step.in_contract:
        yield _say("no caller in the kernel can pass these operands: only memory safety is judged")
    for symptom in step.symptoms:
        place = f", at {symptom.function} {symptom.where}" if symptom.where else ""
        yield _say(f"✗ {symptom.rule}: {symptom.said}{place}", "red")
    yield from _events(step)
    yield from _should(step)
    yield from _frames(story, step)
    for split in step.splits:
        yield from _address(split)
    yield from _tables(story, step)
    if step.pages is not None:
        pages = step.pages
        yield _say(
            f"pages: {pages.taken} taken, {pages.freed} given back, {pages.held} held; "
            f"{count(pages.tables, 'table')} below the root"
        )
    for excerpt in step.excerpts[:3]:
        yield _say(f"source: {excerpt.function or 'lines at'} {excerpt.where}", "dim")


def _events(step: Step) -> Iterable[ConsoleRenderable]:
    told = {symptom.said for symptom in step.symptoms}
    for event in step.events:
        if event.detail not in told:
            yield _say(f"✗ {event.rule}: {event.detail}", "red")


def _should(step: Step) -> Iterable[ConsoleRenderable]:
    did = "did not end" if step.stopped else f"returned {step.result_got}"
    yield _say(f"{did}; should return {step.result_wanted}")
    if step.wanted == step.got:
        yield from (_say(f"    {line}") for line in step.got)
        return
    yield from (_say(f"  - {line}", "green") for line in step.wanted or ("nothing changes",))
    yield from (_say(f"  + {line}", "red") for line in step.got or ("nothing changes",))


def _frames(story: Story, step: Step) -> Iterable[ConsoleRenderable]:
    if not step.strip.columns:
        return
    grid = Grid(box=box.SIMPLE_HEAD, pad_edge=False)
    for head in ("frame", named_by(step), "before", "should be", "is", ""):
        grid.add_column(head, no_wrap=True)
    for column in step.strip.columns:
        if isinstance(column, Gap):
            skipped = f"⋯ {column.last - column.first + 1:,}"
            grid.add_row(skipped, "▮" if column.operated else "", "", "", "", "")
            continue
        grid.add_row(*_row(story, column), style="red" if column.mark.broken else "")
    yield Padding(grid, (0, 0, 0, 2))


def _row(story: Story, frame: Frame) -> tuple[str, ...]:
    def words(raw: int) -> str:
        if frame.beyond and not raw:
            return "no such frame"
        return " ".join(entry_words(story.layout, raw)).strip()

    actual = "?" if frame.actual is None else words(frame.actual)
    mark = {Mark.SAME: "", Mark.CHANGED: "✓", Mark.GONE: "✓ dropped", Mark.UNKNOWN: ""}
    said = mark.get(frame.mark, f"✗ {frame.mark.value}")
    named = "▮" if frame.operated else ""
    return f"{frame.gfn:#x}", named, words(frame.before), words(frame.wanted), actual, said


def _address(split: Split) -> Iterable[ConsoleRenderable]:
    yield _say(f"{split.name}: GPA {split.address:#x}")
    fields = [
        f"{'✗ ' if field.stray else ''}{field_name(field)} {field.value:#x} "
        f"[{field.high}..{field.low}]"
        for field in split.fields
    ]
    yield _say("  " + " │ ".join(fields))
    if split.note:
        yield _say(f"  ✗ {split.note}", "red")


def _tables(story: Story, step: Step) -> Iterable[ConsoleRenderable]:
    if step.snapshot is None:
        return
    yield _say(f"the table, {step.snapshot_is}:")
    for limit in step.snapshot.limits:
        yield _say(f"  ! {limit}", "red")
    by_parent: dict[int, list[Table]] = {}
    for table in step.snapshot.tables:
        by_parent.setdefault(table.parent, []).append(table)
    for root in by_parent.get(0, [])[:1]:
        yield Padding(_branch(story, root, by_parent), (0, 0, 0, 2))
    if not step.snapshot.tables:
        yield _say(f"  {trees.no_root(step.snapshot)}")
    if step.beside.held:
        held = count(len(step.beside.held), "page")
        yield _say(f"  {held} held beside it and not linked yet (memory cache)")
    for address in step.beside.lost:
        yield _say(f"  ✗ {lost_words(step, address)}", "red")


def _branch(story: Story, table: Table, by_parent: dict[int, list[Table]]) -> Tree:
    tree = Tree(Text(_table_words(story, table)), guide_style="dim")
    children = {child.slot: child for child in by_parent.get(table.address, [])}
    for number, link in enumerate(table.links):
        if number >= MAX_RUNS:
            tree.add(_say(f"and {len(table.links) - MAX_RUNS} more"))
            break
        slots = (
            f"{link.first:#x}" if link.first == link.last else f"{link.first:#x}..{link.last:#x}"
        )
        if link.slot is SlotState.TABLE and link.first in children:
            branch = _branch(story, children[link.first], by_parent)
            branch.label = Text(f"[{slots}] {_table_words(story, children[link.first])}")
            tree.add(branch)
        else:
            tree.add(_say(f"[{slots}] ✗ {link.slot.value}", "red"))
    if table.level < story.layout.levels - 1:
        for line in _large(story, table):
            tree.add(_say(line))
    return tree


def _large(story: Story, table: Table) -> Iterable[str]:
    """Say which leaves stand in a directory, where each is one for many frames."""
    span = size(story.layout.tables[table.level].span)
    found = sorted(table.entries.items())
    for index, raw in found[:MAX_RUNS]:
        yield f"[{index:#x}] leaf of {span}: {story.layout.entry.describe(raw)}"
    if len(found) > MAX_RUNS:
        yield f"and {len(found) - MAX_RUNS} more leaves of {span}"


def _table_words(story: Story, table: Table) -> str:
    level = story.layout.tables[table.level]
    last = table.base + level.span * level.entries - 1
    text = f"{level.name.upper()} {table.address:#x}, GPA {table.base:#x}..{last:#x}"
    if table.level == story.layout.levels - 1:
        text += f": {len(table.entries)} of {level.entries} entries used"
    return text
