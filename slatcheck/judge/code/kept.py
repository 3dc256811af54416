# SPDX-License-Identifier: GPL-2.0-only
"""Outcomes of the proof of a layout's C, kept as long as no file that was read has changed."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import impl
import model
import proofs
import slatcheck
from impl.kernel import reading
from impl.kernel.ports import kernel_port
from impl.kernel.toolchain import find
from model.ports import layout as layout_named
from slatcheck.document.result import Check, Finding, Location, Verdict
from slatcheck.judge.code.task import CodeOutcome, CodeTask
from support import cache as keeping


def everything() -> str:
    """Return the digest of every source of the tool."""
    packages = (model, impl, proofs, slatcheck)
    return keeping.digest_of(packages, (".py", ".c", ".h", ".S", ".ld"))


class Kept:
    """The outcome of a layout, valid as long as no file that was read has changed."""

    def __init__(self, task: CodeTask) -> None:
        self.task = task
        self.file: Path | None = None
        self.begun = reading.now()
        self.files = kernel_port(layout_named(task.layout).port).files
        self.digest = self.files.digest(task.root)
        if task.folder is not None and not task.options.anew:
            parts = (
                everything(),
                str(task.root),
                self.digest,
                task.layout,
                find(task.cc).version,
                task.options.identity,
                sorted(task.known.items()),
                task.orders,
            )
            name = hashlib.sha256(repr(parts).encode()).hexdigest()
            self.file = task.folder / f"tree-{name}.json"

    def load(self) -> CodeOutcome | None:
        """Return what was found of the same files, None where they are not the same."""
        if self.file is None:
            return None
        try:
            data = json.loads(keeping.read(self.file))
            if not reading.unchanged(self.task.root, self.files, data["files"]):
                return None
            return _outcome(data["outcome"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def save(self, outcome: CodeOutcome, files: list[Path]) -> None:
        """Keep an outcome, if every question was decided and no file was written meanwhile."""
        undecided = {Verdict.ERROR, Verdict.UNSUPPORTED}
        if self.file is None or any(check.verdict in undecided for check in outcome.checks):
            return
        root = self.task.root
        judged = reading.judged(root, self.files)
        # A judged file that was written meanwhile has made another name.
        if reading.written_since(set(files) - set(judged), self.begun):
            return
        read = reading.record(root, self.files, [*files, *judged])
        if read is not None:
            keeping.write(self.file, json.dumps({"files": read, "outcome": _plain(outcome)}))


def _plain(outcome: CodeOutcome) -> dict[str, Any]:
    data = asdict(outcome)
    for check, judged in zip(data["checks"], outcome.checks, strict=True):
        check["verdict"] = judged.verdict.value
    data["reproved"] = []
    return data


def _outcome(data: dict[str, Any]) -> CodeOutcome:
    checks = [Check(**{**check, "verdict": Verdict(check["verdict"])}) for check in data["checks"]]
    findings = [
        Finding(**{**finding, "location": Location(**finding["location"])})
        for finding in data["findings"]
    ]
    return CodeOutcome(data["layout"], checks, findings, data["reproved"])
