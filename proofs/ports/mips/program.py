# SPDX-License-Identifier: GPL-2.0-only
"""The C of KVM for MIPS as a program for the lemmas: how each of its functions is called."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from proofs import terms
from proofs.c import types
from proofs.c.run import Run
from proofs.c.types import INT
from proofs.c.values import Ptr, Value, int_of, is_true
from proofs.kvm import user_space
from proofs.kvm.binding import WORD
from proofs.kvm.machine import Contract, KvmMachine
from proofs.kvm.program import CProgram
from proofs.kvm.rules import bits_rule
from proofs.kvm.runtime import CRuntime
from proofs.kvm.stand_ins import counted, topped_up
from proofs.lifting import (
    Flag,
    Number,
    lift_truth,
    lifted,
    unsigned,
)
from proofs.paths import Unsupported
from proofs.ports.mips.services import SERVICES
from proofs.program import Callables, Function


class MipsProgram(CProgram):
    """The C of one tree in one layout of MIPS."""

    services = SERVICES

    root = "kvm_pgd_alloc"

    def functions(self) -> dict[str, Function]:
        """Return the functions by their roles."""
        none = self._null()
        return {
            "create": self._created,
            "table_init": self._table_init,
            "lookup": self._walk("kvm_mips_pte_for_gpa", none),
            "fault_fast": self._fault("_kvm_mips_map_page_fast", "kvm_vcpu", none, none),
            "fault": self._fault("kvm_mips_map_page", "kvm_vcpu", none, none),
            "flush": self._inclusive("kvm_mips_flush_gpa_pt"),
            "mkclean": self._inclusive("kvm_mips_mkclean_gpa_pt"),
            "mkold": self._inclusive("kvm_mips_mkold_gpa_pt"),
            "log_dirty_masked": self._masked,
            "unmap": self._half_open("kvm_unmap_gfn_range"),
            "age": self._half_open("kvm_age_gfn"),
            "test_age": self._half_open("kvm_test_age_gfn"),
            "flush_slot": self._flush_slot,
            "flush_all": self._of_kvm("kvm_arch_flush_shadow_all"),
            "commit_region": self._commit,
            "destroy": self._of_kvm("kvm_mips_free_gpa_pt"),
            "free_caches": self._free_caches,
        }

    def stand_ins(self, contracts: Callables) -> dict[str, Contract]:
        """Return what stands for the fast path and the cache, beside what others have."""
        made = super().stand_ins(contracts)
        fast = "_kvm_mips_map_page_fast"
        if "fault_fast" in contracts:
            contract = partial(_fast, contracts["fault_fast"])
            made[self.bound.actual(fast)] = counted(fast, contract, self._use)
        topup = "kvm_mmu_topup_memory_cache"
        if "topup" in contracts:
            made[self.bound.actual(topup)] = partial(topped_up, contracts["topup"])
        return made

    def _free_caches(self, rt: CRuntime, contracts: Mapping[str, Contract]) -> bool:
        machine = self._machine(rt, contracts)
        vcpu = machine.structure("kvm_vcpu").pointer()
        self._run(machine, "kvm_mmu_free_memory_caches", [vcpu])
        return rt.around.caches_freed

    # Ranges

    def _half_open(self, name: str) -> Function:
        def run(
            rt: CRuntime, first: Number, last: Number, contracts: Mapping[str, Contract]
        ) -> Flag:
            if self._by_address(name):
                return self._notified(rt, name, first, last, contracts)
            machine = self._machine(rt, contracts)
            machine.operands |= {
                "kvm_gfn_range.start": self._long(first),
                "kvm_gfn_range.end": self._long(last),
            }
            self._witness(rt, first)
            kvm = machine.structure("kvm").pointer()
            range_ = machine.structure("kvm_gfn_range").pointer()
            return lift_truth(is_true(self._run(machine, name, [kvm, range_])))

        return run

    def _by_address(self, name: str) -> bool:
        """Return whether a notifier is told addresses of user space and looks up the slots."""
        function = self.unit.functions.get(self.bound.names.get(name, ""))
        return function is not None and function.parameters[1].type == WORD

    def _notified(
        self,
        rt: CRuntime,
        name: str,
        first: Number,
        last: Number,
        contracts: Mapping[str, Contract],
    ) -> Flag:
        """Run a notifier for a range that is a slot, whose memory is anywhere in user space."""
        wanted = self.unit.functions[self.bound.actual(name)].parameters[1:]
        # One address stands for one page, and so does what is asked of it (model.contracts).
        shift, single = self.layout.page_shift, len(wanted) == 1
        bits = self.layout.bits
        slot = user_space.Slot(self._long(first), self._long(last), shift, bits, single)
        machine = self._machine(rt, contracts)
        machine.operands |= {
            "kvm.memslots.first": machine.structure("kvm_memory_slot").pointer(),
            "kvm_memory_slot.base_gfn": slot.first,
            "kvm_memory_slot.npages": user_space.pages(slot),
            "kvm_memory_slot.userspace_addr": user_space.address(slot, 0),
        }
        self._witness(rt, first)
        start, end = (user_space.address(slot, slots) for slots in (0, 1))
        kvm = machine.structure("kvm").pointer()
        args: list[Value] = [start, end][: len(wanted)]
        for extra in wanted[2:]:
            kind = self.unit.types.parse(extra.type)
            assert isinstance(kind, types.Integer)
            args.append(int_of(0, kind))
        answer = is_true(self._run(machine, name, [kvm, *args]))
        return lift_truth(terms.either(answer, rt.around.flushed))

    def _witness(self, rt: CRuntime, first: Number) -> None:
        """Let the first frame be looked at."""
        frame = terms.low_bits(lifted(first).sized(64), self.shape.frame_bits)
        rt.path.point("frame", frame)
        rt.state.witness = frame

    def _masked(
        self,
        rt: CRuntime,
        base: Number,
        offset: Number,
        mask: Number,
        contracts: Mapping[str, Contract],
    ) -> None:
        bits = rt.loops.bits
        assert bits is not None
        word = self._word(mask)
        machine = self._machine(rt, contracts, bits_rule(bits.op, bits.within, word.term))
        machine.operands["kvm_memory_slot.base_gfn"] = self._long(base)
        kvm = machine.structure("kvm").pointer()
        slot = machine.structure("kvm_memory_slot").pointer()
        args = [kvm, slot, self._long(offset), word]
        self._run(machine, "kvm_arch_mmu_enable_log_dirty_pt_masked", args)

    def _slot(self, machine: KvmMachine, base: Number, pages: Number) -> Ptr:
        machine.operands |= {
            "kvm_memory_slot.base_gfn": self._long(base),
            "kvm_memory_slot.npages": self._word(pages),
        }
        return machine.structure("kvm_memory_slot").pointer()

    def _flush_slot(
        self, rt: CRuntime, base: Number, pages: Number, contracts: Mapping[str, Contract]
    ) -> None:
        machine = self._machine(rt, contracts)
        kvm = machine.structure("kvm").pointer()
        slot = self._slot(machine, base, pages)
        self._run(machine, "kvm_arch_flush_shadow_memslot", [kvm, slot])

    def _commit(
        self, rt: CRuntime, base: Number, pages: Number, contracts: Mapping[str, Contract]
    ) -> None:
        """The one case in which it acts: dirty logging is switched on."""
        machine = self._machine(rt, contracts)
        kvm = machine.structure("kvm").pointer()
        old, new = machine.slots(self._long(base), self._word(pages))
        change = int_of(self.unit.enumerators.get("KVM_MR_FLAGS_ONLY", 3), types.Integer(4, False))
        args: list[Value] = [kvm, old, new, change]
        name = "kvm_arch_commit_memory_region"
        if len(self.unit.functions[self.bound.actual(name)].parameters) > len(args):
            # The user's region: only messages look at it.
            args.insert(1, self._null())
        self._run(machine, name, args)


def _fast(contract: Function, machine: KvmMachine, run: Run, args: list[Value]) -> Value:
    for out in args[3:]:
        if not isinstance(out, Ptr) or out.block is not None:
            raise Unsupported("the fast path is asked for the entry")
    found = contract(machine.rt, unsigned(args[1].term), lift_truth(is_true(args[2])))
    return int_of(found, INT)
