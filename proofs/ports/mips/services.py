# SPDX-License-Identifier: GPL-2.0-only
"""What the C of KVM for MIPS uses beside the generic functions: callbacks, one global variable."""

from __future__ import annotations

from proofs.c.values import Value
from proofs.kvm.machine import KvmMachine, Services
from proofs.kvm.primitives import DERIVED, Primitive, flushed


def _cachable(machine: KvmMachine) -> Value:
    """Return the attribute, as it stands in the lowest bits of the cache field."""
    cache = machine.entry.fmt.cache
    bits = machine.word.width
    return machine.number(cache >> bits if cache >> bits else cache)


def _callbacks(machine: KvmMachine) -> Value:
    return machine.structure("kvm_mips_callbacks").pointer()


SERVICES = Services(
    primitives={
        "kvm_mips_callbacks.flush_shadow_all": Primitive(flushed, DERIVED),
        "kvm_mips_callbacks.flush_shadow_memslot": Primitive(flushed, DERIVED),
    },
    variables={"_page_cachable_default": _cachable, "kvm_mips_callbacks": _callbacks},
)
