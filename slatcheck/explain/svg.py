# SPDX-License-Identifier: GPL-2.0-only
"""The picture of one step: the address as a bit ruler, the tree of tables, the frames."""

from __future__ import annotations

from model.operations import ADDRESSED, Kind
from slatcheck.display import ruler
from slatcheck.display.canvas import MARGIN, Canvas
from slatcheck.display.words import count
from slatcheck.explain import grid, tree
from slatcheck.explain.scene import Scene
from slatcheck.explain.story import Step, Story, headline


def render(story: Story, number: int, standalone: bool = True) -> str:
    """Return the picture of step ``number`` (from 0) as SVG.

    With ``standalone`` it has its own style and fits a file of its own; without, it is to stand in
    a page that has the style.
    """
    step = story.steps[number]
    canvas = Canvas(f"step-{number + 1}-picture")
    if standalone:
        canvas.text(MARGIN, canvas.y + 12, f"step {number + 1}: {step.words}", "bold", 13)
        canvas.y += 22
        about = f"{story.fingerprint} · {story.layout.name} · {story.subject}"
        canvas.text(MARGIN, canvas.y + 10, about, "soft")
        canvas.y += 24
    _events(canvas, step)
    if step.strip.columns:
        grid.draw(canvas, story.layout, step.strip, named_by(step))
    if step.splits:
        canvas.heading("The address, as this layout takes it apart", "bits, highest first")
        for split in step.splits:
            label = f"{split.name}: GPA {split.address:#x}"
            ruler.draw(canvas, label, split.fields, split.note, values=True)
    if step.snapshot is not None:
        scene = Scene(story.layout, step.spans, step.maps, step.snapshot, step.previous)
        tree.draw(canvas, scene, step.snapshot_is)
    _beside(canvas, step)
    title = f"Step {number + 1}: {step.words}"
    return canvas.svg(title, description(story, step), standalone)


def named_by(step: Step) -> str:
    """Return how the frames that the operation names are called."""
    if step.op.kind is Kind.LOG_DIRTY_MASKED:
        return "mask bits"
    return "operand" if step.op.kind in ADDRESSED else "in the range"


def lost_words(step: Step, address: int) -> str:
    """Return what became of a block that nobody can reach."""
    if step.op.kind is Kind.DESTROY:
        return f"pages at {address:#x} are never given back"
    return f"table {address:#x} is linked no more, and was not freed"


def description(story: Story, step: Step) -> str:
    """Return in words what the picture shows, for those who do not see it."""
    parts = [f"{len(step.snapshot.tables) if step.snapshot else 0} tables {step.snapshot_is}."]
    parts.append("Mapped: " + ("; ".join(step.after) or "nothing") + ".")
    if step.broken:
        parts.append(headline(story))
    return " ".join(parts)


def _events(canvas: Canvas, step: Step) -> None:
    for event in step.events:
        where = " ".join(part for part in (event.function, event.where) if part)
        words = f"✗ {event.rule}: {event.detail}" + (f", in {where}" if where else "")
        canvas.text(MARGIN, canvas.y + 12, words, "bad-text", 12)
        canvas.y += 20
    if step.events:
        canvas.y += 6


def _beside(canvas: Canvas, step: Step) -> None:
    if step.beside.held:
        pages = count(len(step.beside.held), "page")
        words = f"{pages} held beside the table and not linked yet (memory cache)"
        canvas.y += 4
        canvas.text(MARGIN, canvas.y + 10, words, "soft")
        canvas.y += 16
    for address in step.beside.lost:
        canvas.text(MARGIN, canvas.y + 10, f"✗ {lost_words(step, address)}", "bad-text")
        canvas.y += 16
