# SPDX-License-Identifier: GPL-2.0-only
"""A folder of kernel trees, judged one after the other; what was judged is kept."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from impl.kernel.errors import TreeError
from impl.kernel.ports import digest_of, read_as
from impl.kernel.tree import Tree
from slatcheck import names
from slatcheck.document import reading
from slatcheck.document.result import Document, Verdict, worst
from slatcheck.document.schema import DOCUMENT, validated
from slatcheck.errors import InputError
from slatcheck.judge import judging
from slatcheck.judge.code.kept import everything
from slatcheck.progress import Progress
from support import cache as keeping

SCHEMA = "slatcheck-tree/1"


@dataclass(frozen=True)
class JudgedTree:
    """One tree: its folder's name, and what came of it, or ``refused`` why it is none.

    ``seconds`` is how long it took when it was judged; ``kept`` says that this was another time.
    """

    name: str
    version: str = ""
    blob: str = ""
    document: Document | None = None
    refused: str = ""
    seconds: float = 0.0
    kept: bool = False

    @property
    def verdict(self) -> Verdict:
        """The tree's verdict; one that is refused is unsupported."""
        return Verdict.UNSUPPORTED if self.document is None else self.document.verdict


Told = Callable[[Progress], None]


def folders(folder: Path) -> list[Path]:
    """Return the folders in ``folder``. Raises InputError where there is none."""
    try:
        found = sorted(path for path in folder.iterdir() if path.is_dir())
    except OSError as problem:
        raise InputError(f"cannot read {folder}: {problem.strerror}") from None
    found = [path for path in found if not path.name.startswith(".")]
    if not found:
        raise InputError(f"{folder} holds no folders: give the folder that holds kernel trees")
    return found


def keeping_folder(folder: Path) -> Path:
    """Return the folder for results, made if need be. Raises InputError where it cannot be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise InputError(
            f"cannot make {folder}: {problem.strerror}; name one with --keep"
        ) from None
    return folder


def judge(
    paths: Iterable[Path],
    request: judging.Request,
    patterns: Sequence[str],
    kept: Path,
    report: Told,
) -> Iterator[JudgedTree]:
    """Judge each tree as ``request`` says, in the layouts of ``patterns`` that it has.

    Results go to the folder ``kept`` and are taken from there where tree, tool and what is asked
    are the same. A folder that is no tree is told as such. Raises KeyboardInterrupt when it was
    interrupted; what was judged before is kept.
    """
    for path in paths:
        try:
            chosen = names.selected(patterns, path)
            opened = read_as(path, chosen.layouts)
        except (TreeError, InputError) as problem:
            yield JudgedTree(path.name, refused=str(problem))
            continue
        asked = replace(
            request, kernel=path, layouts=chosen.layouts, byte_orders=chosen.byte_orders
        )
        yield _one(path.name, opened, asked, kept, report)


def _one(
    name: str, opened: Sequence[Tree], request: judging.Request, kept: Path, report: Told
) -> JudgedTree:
    first = opened[0]
    judged = JudgedTree(name, first.version, first.blob(first.files.main))
    key = _key(opened, request)
    file = kept / f"{name}.json"
    old = _load(file, key)
    if old is not None:
        return replace(judged, document=old[0], seconds=old[1], kept=True)
    begun = time.perf_counter()
    try:
        document = judging.check(request, lambda step: report(step.of(name)))
    except TreeError as problem:
        return replace(judged, refused=str(problem))
    if document.tool.get("interrupted"):
        raise KeyboardInterrupt
    seconds = round(time.perf_counter() - begun, 1)
    text = validated(document.to_json(), DOCUMENT)
    data = {"schema": SCHEMA, "key": key, "seconds": seconds, "report": json.loads(text)}
    keeping.replace(file, json.dumps(data).encode())
    return replace(judged, document=document, seconds=seconds)


def _key(opened: Sequence[Tree], request: judging.Request) -> list[Any]:
    """Return what a result depends on, as JSON has it: the tree as each of its ports reads it."""
    layouts = [[layout.name, *request.orders(layout)] for layout in request.layouts]
    asked = [request.seed, request.max_ops, sorted(request.evidence), request.cc]
    return [everything(), digest_of(opened), layouts, asked]


def _load(file: Path, key: list[Any]) -> tuple[Document, float] | None:
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
        if data["schema"] != SCHEMA or data["key"] != key:
            return None
        return reading.document_of(file, data["report"]), float(data["seconds"])
    except (OSError, ValueError, KeyError, TypeError, InputError):
        return None


def status(judged: Sequence[JudgedTree]) -> Verdict:
    """Return the verdict on all trees: the worst."""
    return worst(tree.verdict for tree in judged)
