# SPDX-License-Identifier: GPL-2.0-only
"""What the C of KVM for MIPS uses beside the generic functions: callbacks, one global variable."""

from __future__ import annotations

from proofs.c.types import CType, Integer
from proofs.c.values import Value, int_of
from proofs.kvm.machine import KvmMachine, Services
from proofs.kvm.memory import Memory, cached
from proofs.kvm.primitives import DERIVED, Primitive, flushed


def _cachable(machine: KvmMachine) -> Value:
    """Return the attribute, as it stands in the lowest bits of the cache field."""
    cache = machine.entry.fmt.cache
    bits = machine.word.width
    return machine.number(cache >> bits if cache >> bits else cache)


def _callbacks(machine: KvmMachine) -> Value:
    return machine.structure("kvm_mips_callbacks").pointer()


def _cause(_: Memory, kind: CType) -> Value:
    """Return the cause of a fault, as the runner has it; see the table of features."""
    assert isinstance(kind, Integer)
    return int_of(0, kind)


SERVICES = Services(
    primitives={
        "kvm_mips_callbacks.flush_shadow_all": Primitive(flushed, DERIVED),
        "kvm_mips_callbacks.flush_shadow_memslot": Primitive(flushed, DERIVED),
    },
    members={
        "kvm_vcpu.arch.mmu_page_cache.nobjs": cached,
        "kvm_vcpu.arch.host_cp0_cause": _cause,
    },
    root="kvm.arch.gpa_mm.pgd",
    variables={"_page_cachable_default": _cachable, "kvm_mips_callbacks": _callbacks},
)
