# SPDX-License-Identifier: GPL-2.0-only
"""The third kind of evidence: contracts of pure functions, confirmed by CrossHair or not."""

from __future__ import annotations

import json
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

from proofs import crosshair
from proofs.crosshair import CheckedContract
from slatcheck.document.result import Check, Verdict
from support import cache as keeping
from support.cache import Mode, if_kept, settle
from support.differences import by

_VERDICTS = {"confirmed": Verdict.HOLDS, "refuted": Verdict.VIOLATED}


def contract_checks(cache: Mode = Mode.USE) -> list[Check]:
    """Return one check for each contract; what CrossHair does not confirm is unknown."""
    solver = f"crosshair {version('crosshair-tool')}"
    return [
        Check(
            id=f"pure/{contract.name}/contract",
            kind="contract",
            layout="",
            function=contract.name,
            verdict=_VERDICTS.get(contract.verdict, Verdict.UNKNOWN),
            reason="" if contract.verdict == "confirmed" else contract.message,
            seconds=round(contract.seconds, 3),
            solver=solver,
        )
        for contract in _checked(cache)
    ]


def kept_contracts(cache: Mode) -> list[Check] | None:
    """Return the checks where all of them are kept, None where they are to be made."""
    return if_kept(cache, lambda: contract_checks(Mode.ENFORCE))


def _checked(cache: Mode) -> list[CheckedContract]:
    """Return what CrossHair says, from the cache where nothing changed."""
    if cache is Mode.OFF:
        return crosshair.check()
    file = keeping.folder() / f"contracts-{crosshair.content_key()}.json"
    kept = _load(file) or None
    found, fresh = settle(cache, "the contracts", kept, crosshair.check, by(_content))
    if fresh and all(contract.verdict == "confirmed" for contract in found):
        keeping.write(file, json.dumps([asdict(contract) for contract in found]))
    return found


def _content(contracts: list[CheckedContract]) -> list[tuple[str, str]]:
    return [(each.name, each.verdict) for each in contracts]


def _load(file: Path) -> list[CheckedContract]:
    try:
        return [CheckedContract(**contract) for contract in json.loads(keeping.read(file))]
    except (OSError, ValueError, TypeError):
        return []
