# SPDX-License-Identifier: GPL-2.0-only
"""Runs CrossHair over a module of contracts, in a process of its own.

The Python interface is used, not the command line: it tells verdicts by state, not by their
words, and gives the time of each contract; ``crosshair check`` does the same analysis.
"""

from __future__ import annotations

import ast
import hashlib
import importlib
import inspect
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from time import perf_counter
from types import ModuleType

ROOT = Path(__file__).resolve().parent.parent
CONTRACTS = "proofs.pure"
ROOMS = ("model", "impl", "proofs")

PATHS = 20_000
"""Paths of one contract after which it is left: the limit that does not depend on the machine."""

CONDITION_SECONDS = 120.0
PATH_SECONDS = 30.0
WHOLE_SECONDS = 900.0
"""Limits in processor time for a contract and a path, and in time for all: only nets."""

CONFIRMED, REFUTED, UNKNOWN = "confirmed", "refuted", "unknown"


@dataclass(frozen=True)
class CheckedContract:
    """What CrossHair found out about one contract; what is not confirmed is not a pass.

    ``verdict`` is 'confirmed' (over all paths), 'refuted' or 'unknown'. ``message`` is the
    counterexample of what is refuted, and the reason for what is unknown.
    """

    name: str
    verdict: str
    message: str
    seconds: float


def check(
    module: str = CONTRACTS,
    names: Sequence[str] = (),
    paths: int = PATHS,
    folders: Sequence[Path] = (),
) -> list[CheckedContract]:
    """Check the contracts of a module, or those of ``names``, in the order they are written.

    ``folders`` come before the project where modules are looked for. Raises RuntimeError where
    the module cannot be imported, or has no contract or none of one of the names.
    """
    command = [sys.executable, "-P", "-m", "proofs.crosshair", module, str(paths), *names]
    try:
        done = subprocess.run(
            command,
            env=_environment(folders),
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=WHOLE_SECONDS,
        )
        output, problem = done.stdout, done.stderr.strip().rpartition("\n")[2]
    except subprocess.TimeoutExpired as late:
        output, problem = _text(late.stdout), f"not finished after {WHOLE_SECONDS:.0f} s"
    lines = [json.loads(line) for line in output.splitlines(keepends=True) if line.endswith("\n")]
    if not lines or not lines[0]:
        raise RuntimeError(f"no contracts in '{module}': {problem or 'it has none'}")
    found = [CheckedContract(**fields) for fields in lines[1:]]
    left = lines[0][len(found) :]
    return found + [
        CheckedContract(name, UNKNOWN, problem or "not looked at", 0.0) for name in left
    ]


def _environment(folders: Sequence[Path]) -> dict[str, str]:
    """Return an environment in which asserts count and hashes are the same in each run."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    path = os.pathsep.join(map(str, (*folders, ROOT)))
    return kept | {"PYTHONPATH": path, "PYTHONHASHSEED": "0"}


def _text(output: bytes | str | None) -> str:
    return output.decode() if isinstance(output, bytes) else output or ""


# In the process of its own


def contracts(module: ModuleType) -> list[str]:
    """Return the names of the contracts of a module, in the order they are written."""
    own = {
        name: function
        for name, function in vars(module).items()
        if inspect.isfunction(function) and function.__module__ == module.__name__
    }
    return [name for name, function in own.items() if hasattr(function, "example")]


def examine(contract: Callable[..., None], paths: int) -> CheckedContract:
    """Let CrossHair look at one contract."""
    # CrossHair patches the interpreter when it is imported: here, and in this process only.
    from crosshair.core_and_libs import analyze_function, run_checkables
    from crosshair.options import AnalysisKind, AnalysisOptionSet

    options = AnalysisOptionSet(
        analysis_kind=(AnalysisKind.asserts,),
        report_all=True,
        max_iterations=paths,
        per_condition_timeout=CONDITION_SECONDS,
        per_path_timeout=PATH_SECONDS,
    )
    began = perf_counter()
    messages = run_checkables(analyze_function(contract, options))
    verdict, message = judge([(result.state.name, result.message) for result in messages])
    if verdict == CONFIRMED and (empty := _emptiness(contract)):
        verdict, message = UNKNOWN, empty
    return CheckedContract(contract.__name__, verdict, message, round(perf_counter() - began, 3))


def judge(messages: Sequence[tuple[str, str]]) -> tuple[str, str]:
    """Return (verdict, message) for the states and words that CrossHair has for a contract."""
    broken = [words for state, words in messages if state in ("POST_FAIL", "EXEC_ERR", "POST_ERR")]
    # CrossHair calls it an error, but nobody sees a counterexample in it.
    broken = [words for words in broken if not words.startswith("NotDeterministic")]
    if broken:
        return REFUTED, broken[0]
    if messages and all(state == "CONFIRMED" for state, _ in messages):
        return CONFIRMED, ""
    return UNKNOWN, "; ".join(words for _, words in messages) or "CrossHair sees no contract"


def _emptiness(contract: Callable[..., None]) -> str:
    """Return why a contract may say nothing, '' where its example meets the precondition.

    CrossHair confirms a contract whose precondition nothing meets.
    """
    try:
        contract(*vars(contract)["example"])
    except AssertionError:
        return "the example does not meet the precondition"
    return ""


def _serve(module: str, paths: int, names: Sequence[str]) -> None:
    """Print the names of the contracts, then a line for each as soon as it is checked."""
    loaded = importlib.import_module(module)
    known = contracts(loaded)
    if unknown := sorted(set(names) - set(known)):
        raise KeyError(f"no contract '{unknown[0]}'")
    wanted = [name for name in known if name in (names or known)]
    print(json.dumps(wanted), flush=True)
    for name in wanted:
        print(json.dumps(asdict(examine(getattr(loaded, name), paths))), flush=True)


# For a cache


def content_key(module: str = CONTRACTS) -> str:
    """Return a key that changes with the sources that a check looks at and with the solvers."""
    parts = [version("crosshair-tool"), version("z3-solver"), sys.version, str(PATHS)]
    involved = sources(module) | sources(__name__)
    parts += [path.read_text(encoding="utf-8") for path in sorted(involved)]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def sources(module: str) -> set[Path]:
    """Return the files of a module of the project and of all that it imports from the project."""
    found: set[Path] = set()
    waiting = [module]
    while waiting:
        path = _file(waiting.pop())
        if path is not None and path not in found:
            found.add(path)
            waiting += _imports(ast.parse(path.read_text(encoding="utf-8")))
    return found


def _file(module: str) -> Path | None:
    """Return where a module of the project is written, None for what is not such a module."""
    if module.partition(".")[0] not in ROOMS:
        return None
    base = ROOT.joinpath(*module.split("."))
    places = (base.with_suffix(".py"), base / "__init__.py")
    return next((place for place in places if place.is_file()), None)


def _imports(tree: ast.AST) -> Iterator[str]:
    """Yield the modules, and what may be modules, that a source imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield str(node.module)
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


if __name__ == "__main__":
    from support.pool import end_with_parent

    end_with_parent()
    _serve(sys.argv[1], int(sys.argv[2]), sys.argv[3:])
