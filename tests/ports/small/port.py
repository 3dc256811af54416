# SPDX-License-Identifier: GPL-2.0-only
"""The small port on every floor: model, kernel code, proof; ``registered`` adds it to the others.

It runs on the emulated processor of another port: which that is does not matter to it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from unittest.mock import patch

from impl.kernel import ports as kernel_ports
from impl.kernel.binding import Binding, check_whole
from impl.kernel.port import KernelPort
from impl.kernel.ports.mips.code import MipsCode
from impl.kernel.ports.mips.processor import MipsProcessor
from impl.kernel.slices import functions
from impl.kernel.tree import Files, Tree
from model import ports as models
from model.contracts import Contract
from model.entry import EntryFormat, PfnField
from model.layout import Geometry, Layout, Level
from model.machines import BIG, Machine
from model.operations import Kind
from model.ports.port import Port
from proofs import ports as proof_ports
from proofs.kvm.binding import Bound, Names
from proofs.kvm.machine import Services
from proofs.kvm.program import CProgram
from proofs.kvm.task import LemmaTask
from proofs.lemmas.base import Lemma
from proofs.lemmas.life import create, destroy
from proofs.lemmas.ranges import entry_point
from proofs.lemmas.tables import of_table
from proofs.lemmas.walk import lookup
from proofs.ports.port import CodePort
from proofs.program import Function
from slatcheck import commands
from support import outside

HERE = Path(__file__).resolve().parent
TREE = HERE / "tree"
NAME = "small"
MMU = "arch/small/kvm/mmu.c"
NO_PFN = "static inline bool is_error_noslot_pfn(kvm_pfn_t pfn) { return pfn >> 52; }\n"
FUNCTIONS = {
    Kind.CREATE: "small_create",
    Kind.FAULT: "small_fault",
    Kind.LOOKUP: "small_walk",
    Kind.FLUSH: "small_drop",
    Kind.DESTROY: "small_destroy",
}
BOARD = Machine("a board", "SMALL_BOARD", (32,), (4,), (BIG,))


@cache
def layouts() -> tuple[Layout, ...]:
    """Return the one layout: 16 frames of 4 KiB."""
    names = {"present": 1, "write": 2, "young": 4, "dirty": 8}
    entry = EntryFormat(
        size=4, present=1, write=2, accessed=4, modified=8, valid=4, hw_dirty=0, cache=0,
        pfn=(PfnField(0, 20, 12),), named=tuple(names.items()),
    )  # fmt: skip
    return (
        Layout(
            port=NAME,
            name="small-4k",
            geometry=Geometry(32, 2, 12, 14, 14, 14, 4, 1, 1, 4, 4, 0, 16, 1),
            tables=(Level("pgd", 14, 4), Level("pte", 12, 4)),
            entry=entry,
            phys_bits=32,
            permitted=True,
            refusal="",
            kconfig={"32BIT": "y"},
        ),
    )


MODEL = Port(
    name=NAME,
    title="KVM for the small machine",
    arch="Small",
    user_emulators=("qemu-small",),
    functions=FUNCTIONS,
    contracts=dict.fromkeys(FUNCTIONS, Contract("any", "mmu.c")),
    layouts=layouts,
    machines=lambda layout: (BOARD,),
    choices=lambda layout: (),
    telling=(),
    plain=frozenset(),
)
FILES = Files(
    port=NAME,
    title="KVM for the small machine",
    main=MMU,
    needed=(),
    sources=(MMU,),
    includes=("include",),
    headers=("include", "arch/small"),
    revision=("arch/small",),
    kconfig="arch/small/Kconfig",
)


def bind(tree: Tree) -> Binding:
    """Tie a tree to the runner: its functions have the names that we know."""
    found = functions(check_whole(tree, MMU))
    places = {name: (MMU, found[name].line) for name in FUNCTIONS.values() if name in found}
    slices = {"kvm_host_slice.h": NO_PFN, "mm_slice.h": ""}
    return Binding({}, slices, {}, places=places)


def variant(layout: Layout, software: Mapping[str, bool]) -> Layout:
    """Return the layout as it is: trees of this architecture do not differ."""
    return layout


KERNEL = KernelPort(
    files=FILES,
    bind=bind,
    features=(),
    variant=variant,
    code=MipsCode(),
    processor=MipsProcessor(),
    folder=HERE,
    beside=lambda layout: (),
    slices=(),
)


WORD = "unsigned long"
NAMES = Names(
    signatures={
        "small_create": ((),),
        "small_walk": (("struct kvm *", WORD),),
        "small_drop": (("struct kvm *", "gfn_t", "gfn_t"),),
        "small_destroy": (("struct kvm *",),),
    },
    chains=((None, "small_drop"),),
    inits={},
    title=lambda op, table: f"small_drop_{table}",
)


SERVICES = Services(root="kvm.arch.root")


class SmallProgram(CProgram):
    """The small table's C, called as the scripts of lemmas ask for it."""

    root = "small_create"
    services = SERVICES

    def functions(self) -> dict[str, Function]:
        """Return the functions by their roles."""
        return {
            "create": self._created,
            "lookup": self._walk("small_walk"),
            "flush": self._inclusive("small_drop"),
            "destroy": self._of_kvm("small_destroy"),
        }


_TABLE = ("exact", "result", "memory", "lock", "accounting", "invariant")
_ENTRY = ("reach", "memory", "invariant", "lock", "accounting")


def lemmas(layout: Layout, bound: Bound) -> list[LemmaTask]:
    """Return what is proved: creation, the walk, the flush of tables and of a range, the end."""
    found = [
        LemmaTask(
            Lemma("small_create", create, kind=Kind.CREATE),
            ("init", "exact", "memory", "invariant", "accounting"),
            "small_create",
            False,
        ),
        LemmaTask(
            Lemma("small_walk", lookup, kind=Kind.LOOKUP),
            ("exact", "reach", "memory", "lock", "accounting"),
            "small_walk",
            False,
        ),
    ]
    for level, clauses in ((1, _TABLE), (0, (*_TABLE, "init", "leak"))):
        lemma = Lemma("small_drop_table", of_table(level, None), level, Kind.FLUSH)
        title = f"small_drop_{layout.tables[level].name}"
        found.append(LemmaTask(lemma, clauses, title, entries=level == 1))
    flush = Lemma("small_drop", entry_point(Kind.FLUSH, locks=False), kind=Kind.FLUSH)
    found.append(LemmaTask(flush, ("exact", "safe", *_ENTRY), "small_drop", False))
    end = Lemma("small_destroy", destroy, kind=Kind.DESTROY)
    last = ("warning", "leak", "memory", "lock", "accounting")
    found.append(LemmaTask(end, last, "small_destroy", False))
    return found


CODE = CodePort(names=NAMES, program=SmallProgram, lemmas=lemmas, files=(MMU,), services=SERVICES)


def register() -> None:
    """Add the port to every registry, as SLATCHECK_PORTS asks for."""
    models.PORTS[NAME] = MODEL
    kernel_ports.KERNEL_PORTS[NAME] = KERNEL
    proof_ports.CODES[NAME] = CODE


@contextmanager
def registered() -> Iterator[Layout]:
    """Have the port in this process and in those that it starts; yields its layout.

    The commands take their choices when they are imported, and keep those of the other ports.
    """
    for module in iter_modules(commands.__path__, "slatcheck.commands."):
        import_module(module.name)
    registries = models.PORTS, kernel_ports.KERNEL_PORTS, proof_ports.CODES
    with ExitStack() as stack:
        for registry in registries:
            stack.enter_context(patch.dict(registry))
        stack.enter_context(patch.dict(os.environ, {outside.VARIABLE: __name__}))
        stack.enter_context(patch.object(outside, "_entered", {__name__}))
        register()
        yield layouts()[0]
