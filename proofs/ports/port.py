# SPDX-License-Identifier: GPL-2.0-only
"""What a port says of proofs: its functions, how they are called, which lemma proves which."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from impl.quirk import Quirk
from model.layout import Layout
from proofs.c.syntax import Unit
from proofs.kvm.binding import Bound, Names
from proofs.kvm.machine import Services
from proofs.kvm.program import CProgram
from proofs.kvm.task import LemmaTask
from proofs.lemmas.base import Lemma
from proofs.program import Program
from proofs.symbolic import SymbolicRuntime


@dataclass(frozen=True, eq=False)
class CodePort:
    """The proof of an architecture's kernel code.

    ``names`` ties C functions to ours, ``program`` calls them for the scripts, ``lemmas`` lists
    what is proved of a layout. ``files`` of the tree are read as C, in which places are reported.
    ``services`` are the port's own primitives, each trusted for its reason.
    """

    names: Names
    program: Callable[[Unit, Layout, Bound], CProgram]
    lemmas: Callable[[Layout, Bound], list[LemmaTask]]
    files: tuple[str, ...]
    services: Services = field(default_factory=Services)


@dataclass(frozen=True, eq=False)
class TablePort:
    """The proof of an architecture's reference table.

    ``program`` is the table, or another text of it, with quirks in a layout; ``lemmas``
    lists what is proved of a layout, ``clauses`` what each function's lemma decides. ``refuted_by``
    says which theorems, as ``function/clause``, a quirk refutes in a layout. ``runtime`` carries
    out its lemmas, on entries of the proof's own format or, with ``real_entries``, the layout's.
    Tables of more than ``swift_levels`` take many minutes to prove, so that is done where it is
    asked for.
    """

    program: Callable[[str, frozenset[Quirk], Layout], Program]
    lemmas: Callable[[Layout], list[Lemma]]
    clauses: Mapping[str, tuple[str, ...]]
    refuted_by: Callable[[Quirk, Layout], frozenset[str]]
    runtime: type[SymbolicRuntime] = SymbolicRuntime
    real_entries: bool = False
    swift_levels: int = 9
