# SPDX-License-Identifier: GPL-2.0-only
"""The trusted primitives: functions that the proof does not enter, each with the reason why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from proofs import terms
from proofs.c import types
from proofs.c.run import Run
from proofs.c.types import BOOL, INT, U64
from proofs.c.values import Address, Int, Ptr, Value, int_of, is_true
from proofs.heap import PAGE_BITS
from proofs.kvm.descriptors import HostPage, PhysicalAddress, descriptor_pointer
from proofs.kvm.memory import Memory, Structure, TablePage
from proofs.lifting import Name, as_bits, lift_truth, lifted, truth_of, unsigned
from proofs.paths import Unsupported
from proofs.terms import negate, same

GFP_ZERO = 0x2
"""``__GFP_ZERO`` of our shim."""
GFP_COMP = 0x4
"""``__GFP_COMP`` of our shim."""

Act = Callable[[Memory, Run, list[Value]], Value]


@dataclass(frozen=True)
class Primitive:
    """A function that is not entered: what it does here, and why that may be trusted."""

    act: Act
    reason: str


def _number(value: Value) -> int:
    if not isinstance(value, Int) or value.term.op != "number":
        raise Unsupported("a number that is not known is passed to the allocator")
    return int(value.term.data)


def _page_of(value: Value) -> TablePage:
    pointer = value.pointer if isinstance(value, Address) else value
    if not isinstance(pointer, Ptr) or not isinstance(pointer.block, TablePage):
        raise Unsupported("the address of a page was expected")
    return pointer.block


def _start(memory: Memory, value: Value) -> TablePage:
    pointer = value.pointer if isinstance(value, Address) else value
    page = _page_of(value)
    assert isinstance(pointer, Ptr)
    start = terms.both(same(pointer.index, 0), pointer.offset == 0)
    memory.rt.demand("memory", "a page is named by its beginning", start)
    return page


def _get_pages(memory: Memory, run: Run, args: list[Value]) -> Value:
    gfp, order = _number(args[0]), _number(args[1])
    name = memory.rt.alloc_pages(order)
    if isinstance(name, int):
        return memory.number(0)
    page = TablePage(memory, as_bits(name, PAGE_BITS), None, 1 << order)
    memory.gfp.append((page.name, gfp))
    if gfp & GFP_ZERO:
        _zero(memory, page)
    return memory.address(page)


def _zero(memory: Memory, page: TablePage, size: int | None = None) -> None:
    """Fill a page, or its first ``size`` bytes, with zeros: as entries and as slots."""
    whole = page.pages << memory.layout.page_shift
    counts = [(size or whole) // unit for unit in (memory.entry.fmt.size, memory.word.size)]
    memory.rt.zero_page(page.name, *counts)


def _clear_page(memory: Memory, run: Run, args: list[Value]) -> Value:
    page = _start(memory, args[0])
    if page.level is not None:
        raise Unsupported("clear_page() of a table that is linked")
    _zero(memory, page)
    return None


def _memset(memory: Memory, run: Run, args: list[Value]) -> Value:
    page = _start(memory, args[0])
    whole = page.pages << memory.layout.page_shift
    size = _number(args[2])
    if page.level is not None or _number(args[1]) or size % memory.entry.fmt.size:
        raise Unsupported("memset() of anything but a new page, to zeros")
    inside = size <= whole
    memory.rt.demand("memory", "what is initialised is within the page", inside, fatal=True)
    if size:
        _zero(memory, page, size)
    return args[0]


def _free_pages(memory: Memory, run: Run, args: list[Value]) -> Value:
    at = descriptor_pointer(args[0], memory)
    page = _page_of(at)
    if not isinstance(args[1], Int):
        raise Unsupported("an order that is no number")
    order = args[1].term
    if order.op != "number":
        raise Unsupported("pages are given back with an order that is not known")
    memory.rt.free_pages(Name(page.name), int(order.data))
    return None


def _compound_order(memory: Memory, run: Run, args: list[Value]) -> Value:
    page = _page_of(descriptor_pointer(args[0], memory))
    order = 0
    if page.name is memory.rt.heap.root:
        if memory.compound_root is None:
            raise Unsupported("it is not known how the root was taken")
        order = memory.rt.shape.orders[0] if memory.compound_root else 0
    for name, gfp in memory.gfp:
        if name is page.name and gfp & GFP_COMP:
            order = page.pages.bit_length() - 1
    return memory.number(order, 4)


def _physical(memory: Memory, run: Run, args: list[Value]) -> Value:
    if not isinstance(args[0], Ptr) or args[0].block is None:
        raise Unsupported("the physical address of no object")
    return PhysicalAddress(memory, args[0])


def _page_address(memory: Memory, run: Run, args: list[Value]) -> Value:
    return descriptor_pointer(args[0], memory)


def _destructor(memory: Memory, run: Run, args: list[Value]) -> Value:
    descriptor_pointer(args[0], memory)
    memory.rt.around.destructors += 1
    return None


def _constructor(memory: Memory, run: Run, args: list[Value]) -> Value:
    raise Unsupported("a page-table constructor runs, of which no account is kept")


def _lock(take: bool) -> Act:
    def act(memory: Memory, run: Run, args: list[Value]) -> Value:
        at = args[0]
        known = isinstance(at, Ptr) and isinstance(at.block, Structure)
        if not known or at.block.member(at) != "kvm.mmu_lock":
            raise Unsupported("another lock than mmu_lock")
        (memory.rt.spin_lock if take else memory.rt.spin_unlock)()
        return None

    return act


def _srcu_lock(memory: Memory, run: Run, args: list[Value]) -> Value:
    memory.rt.srcu_read_lock()
    index = memory.rt.path.fresh("srcu", 32)
    memory.srcu.append(index)
    return Int(index, INT)


def _srcu_unlock(memory: Memory, run: Run, args: list[Value]) -> Value:
    memory.rt.srcu_read_unlock()
    index = memory.srcu.pop() if memory.srcu else None
    right = isinstance(args[1], Int) and index is not None and same(args[1].term, index)
    memory.rt.demand("accounting", "srcu is released with the index it gave", right)
    return None


def _bug(memory: Memory, run: Run, args: list[Value]) -> Value:
    memory.rt.demand("memory", "BUG() is never reached", False, fatal=True)
    return None


def _warn(memory: Memory, run: Run, args: list[Value]) -> Value:
    memory.rt.demand("warning", "the warning never fires", False)
    return None


def _fault_in(memory: Memory, run: Run, args: list[Value]) -> Value:
    """``kvm_faultin_pfn``: as ``gfn_to_pfn_prot``, and the page to give back goes to args[4]."""
    found = _lookup_page(memory, run, args[:4])
    at = args[4]
    if not isinstance(at, Ptr) or at.block is None:
        raise Unsupported("a page is faulted in and nobody wants it")
    zero = terms.number(0, memory.word.width)
    none = Ptr(None, zero, 1, 0, types.Void())
    small = terms.extract(found.term, memory.entry.pfn_bits - 1, 0)
    known = any(small is held for held in memory.rt.around.references)
    page = memory.pointer(HostPage(small), 1) if known else none
    at.block.store(at, at.to, page)
    return found


def _give_back(memory: Memory, run: Run, args: list[Value]) -> Value:
    at = args[0]
    if isinstance(at, Ptr) and at.block is None:
        return None  # kvm_release_page_clean and ..._unused accept no page
    if not isinstance(at, Ptr) or not isinstance(at.block, HostPage):
        raise Unsupported("what is released is no page of the host")
    memory.rt.release_pfn(unsigned(at.block.pfn))
    return None


def _never_marked(memory: Memory, run: Run, args: list[Value]) -> Value:
    descriptor_pointer(args[0], memory)
    return memory.number(0, 4, signed=True)


def _marked(memory: Memory, run: Run, args: list[Value]) -> Value:
    raise Unsupported("a page is marked as a table of the kernel, of which no account is kept")


def flushed(memory: Memory, run: Run, args: list[Value]) -> Value:
    """Note that derived mappings were flushed."""
    memory.rt.around.flushed = True
    return None


def _slot_of(memory: Memory, run: Run, args: list[Value]) -> Value:
    """``gfn_to_memslot``: any slot, or none."""
    if _refuses(memory):
        return Ptr(None, terms.number(0, memory.word.width), 1, 0, types.Void())
    for name, size in (("base_gfn", 8), ("npages", 0), ("userspace_addr", 0)):
        kind = types.Integer(size or memory.word.size, signed=False)
        number = memory.rt.path.fresh(f"slot {name}", kind.width)
        memory.operands.setdefault(f"kvm_memory_slot.{name}", Int(number, kind))
    return memory.structure("kvm_memory_slot").pointer()


def _user_address(memory: Memory, run: Run, args: list[Value]) -> Value:
    """``gfn_to_hva_memslot_prot``: any address, or the one that is an error."""
    path, at = memory.rt.path, args[2]
    boolean = BOOL
    if isinstance(at, Ptr) and at.block is not None:
        # A write to a slot that is read-only is one of the errors.
        at.block.store(at, boolean, int_of(1, boolean))
    if (isinstance(args[0], Ptr) and args[0].block is None) or _refuses(memory):
        return memory.number(-1)
    address = path.fresh("hva", memory.word.width)
    path.assume(negate(same(address, terms.number(-1, address.width))))
    return Int(address, memory.word)


def _refuses(memory: Memory) -> bool:
    """Return whether the host has nothing for a fault: both on paths of their own."""
    refused = memory.rt.path.choose(2) == 1
    memory.rt.around.refused = memory.rt.around.refused or refused
    return refused


def _find_vma(memory: Memory, run: Run, args: list[Value]) -> Value:
    """A mapping of ordinary memory, or none."""
    if _refuses(memory):
        return Ptr(None, terms.number(0, memory.word.width), 1, 0, types.Void())
    memory.operands.setdefault("vm_area_struct.vm_flags", memory.number(0))
    return memory.structure("vm_area_struct").pointer()


def _lookup_page(memory: Memory, run: Run, args: list[Value]) -> Value:
    rt, kind = memory.rt, U64
    gfn = unsigned(args[1].term)
    page = rt.gfn_to_pfn_prot(gfn, lift_truth(is_true(args[2])))
    if page.error:
        error = rt.path.fresh("error", 64)
        # KVM_PFN_ERR_NOSLOT_MASK: no PFN has one of these bits, every error one.
        bits = terms.extract(error, 63, 52)
        rt.path.assume(negate(same(bits, 0)))
        return Int(error, kind)
    at = args[3]
    writable = terms.truth(truth_of(page.writable))
    if isinstance(at, Ptr) and at.block is not None:
        bit = terms.choose(writable, terms.number(1, 1), terms.number(0, 1))
        boolean = BOOL
        at.block.store(at, boolean, Int(bit, boolean))
    return Int(terms.bits(as_bits(page.pfn, memory.entry.pfn_bits), 64), kind)


def _release(memory: Memory, run: Run, args: list[Value]) -> Value:
    pfn = args[0].term
    small = terms.extract(pfn, memory.entry.pfn_bits - 1, 0)
    fits = same(pfn, terms.bits(small, pfn.width))
    memory.rt.demand("accounting", "what is released is a page", fits)
    memory.rt.release_pfn(unsigned(small))
    return None


def _mark_dirty(memory: Memory, run: Run, args: list[Value]) -> Value:
    memory.rt.mark_page_dirty(unsigned(args[1].term))
    return None


def _nothing(memory: Memory, run: Run, args: list[Value]) -> Value:
    return None


def _cache_alloc(memory: Memory, run: Run, args: list[Value]) -> Value:
    _is_cache(memory, args[0])
    page = TablePage(memory, as_bits(memory.rt.cache_alloc(), PAGE_BITS), None)
    return memory.page_pointer(page)


def _is_cache(memory: Memory, value: Value) -> None:
    if isinstance(value, Ptr) and value.block is None:
        memory.rt.demand("memory", "pages are taken from a memory cache", False, fatal=True)
    known = isinstance(value, Ptr) and isinstance(value.block, Structure)
    if not known or value.block.member(value) != "kvm_vcpu.arch.mmu_page_cache":
        raise Unsupported("another memory cache than the vCPU's")


def _free_cache(memory: Memory, run: Run, args: list[Value]) -> Value:
    _is_cache(memory, args[0])
    memory.rt.around.caches_freed = True
    return None


def _first_set(memory: Memory, run: Run, args: list[Value]) -> Value:
    value = args[0].term
    if value.op == "number":
        return memory.number((value.data & -value.data).bit_length(), 4, signed=True)
    found = lifted(memory.rt.ffs(unsigned(value)))
    number = terms.add(terms.bits(terms.low_bits(found.sized(32), 7), 32), terms.number(1, 32))
    none = terms.number(0, 32)
    return Int(terms.choose(same(value, 0), none, number), INT)


def _count_zeros(trailing: bool) -> Act:
    def act(memory: Memory, run: Run, args: list[Value]) -> Value:
        value = args[0].term
        if value.op == "number" and value.data:
            low = (value.data & -value.data).bit_length() - 1
            high = value.width - value.data.bit_length()
            return memory.number(low if trailing else high, 4, signed=True)
        given = negate(same(value, 0))
        memory.rt.demand("memory", "a bit is looked for in what is not 0", given)
        rt = memory.rt
        found = lifted(rt.ffs(unsigned(value)) if trailing else rt.fls(unsigned(value)))
        number = terms.bits(terms.low_bits(found.sized(32), 7), 32)
        if not trailing:
            number = terms.subtract(terms.number(value.width - 1, 32), number)
        return Int(number, INT)

    return act


def _unreachable(memory: Memory, run: Run, args: list[Value]) -> Value:
    memory.rt.demand("memory", "what must be unreachable is not reached", False, fatal=True)
    return None


_ALLOCATOR = "the page allocator: honest in the emulator, where every error is a finding"
_ASSEMBLY = "assembly of the architecture: fills a page with zeros"
_LOCK = "a spinlock: taken and released; what others do meanwhile is assumed, see 'mmu_lock'"
_HOST = "virt/kvm, generic code beside the subject; compared by test"
_OWN_CACHE = "the page cache of mmu.c until 5.8, beside the subject; compared by test"
DERIVED = "derived mappings, beyond the table"

PRIMITIVES: dict[str, Primitive] = {
    "slat_get_pages": Primitive(_get_pages, _ALLOCATOR),
    "slat_free_pages": Primitive(_free_pages, _ALLOCATOR),
    "slat_compound_order": Primitive(_compound_order, _ALLOCATOR),
    "slat_virt_to_phys": Primitive(_physical, "the address of a page and its descriptor"),
    "slat_page_address": Primitive(_page_address, "the address of a page and its descriptor"),
    "slat_table_dtor": Primitive(_destructor, "the page-table destructor: counted"),
    "slat_table_ctor": Primitive(_constructor, "the page-table constructor: refused"),
    "slat_page_state": Primitive(_nothing, "a statistic of the memory zone"),
    "clear_page": Primitive(_clear_page, _ASSEMBLY),
    "memset": Primitive(_memset, _ASSEMBLY),
    "slat_lock": Primitive(_lock(take=True), _LOCK),
    "slat_unlock": Primitive(_lock(take=False), _LOCK),
    "srcu_read_lock": Primitive(_srcu_lock, "sleepable RCU: entered and left"),
    "srcu_read_unlock": Primitive(_srcu_unlock, "sleepable RCU: entered and left"),
    "slat_bug": Primitive(_bug, "BUG(): must never be reached"),
    "slat_warn": Primitive(_warn, "WARN(): must never fire"),
    "slat_marked_kernel": Primitive(_never_marked, "no page of the table is marked: see the next"),
    "slat_mark_kernel": Primitive(_marked, "a mark on a page descriptor: refused"),
    "gfn_to_memslot": Primitive(_slot_of, _HOST + ": any slot, or none"),
    "gfn_to_hva_memslot_prot": Primitive(_user_address, _HOST + ": any address, or an error"),
    "slat_find_vma": Primitive(_find_vma, "a host with base pages: a mapping of them, or none"),
    "kvm_faultin_pfn": Primitive(_fault_in, _HOST + ": any page, or an error"),
    "kvm_release_page_clean": Primitive(_give_back, _HOST + ": gives a reference back"),
    "kvm_release_page_dirty": Primitive(_give_back, _HOST + ": gives a reference back"),
    "kvm_release_page_unused": Primitive(_give_back, _HOST + ": gives a reference back"),
    "gfn_to_pfn_prot": Primitive(_lookup_page, _HOST + ": any page, or an error"),
    "kvm_release_pfn_clean": Primitive(_release, _HOST + ": gives a reference back"),
    "kvm_release_pfn_dirty": Primitive(_release, _HOST + ": gives a reference back"),
    "kvm_set_pfn_dirty": Primitive(_nothing, _HOST + ": tells the host's page"),
    "kvm_set_pfn_accessed": Primitive(_nothing, _HOST + ": tells the host's page"),
    "mark_page_dirty": Primitive(_mark_dirty, _HOST + ": the dirty log"),
    "kvm_flush_remote_tlbs": Primitive(_nothing, DERIVED),
    "kvm_flush_remote_tlbs_memslot": Primitive(_nothing, DERIVED),
    "kvm_mmu_memory_cache_alloc": Primitive(_cache_alloc, _HOST + ": takes the last page"),
    "kvm_mmu_free_memory_cache": Primitive(_free_cache, _HOST + ": gives all pages back"),
    "mmu_memory_cache_alloc": Primitive(_cache_alloc, _OWN_CACHE + ": takes the last page"),
    "mmu_free_memory_cache": Primitive(_free_cache, _OWN_CACHE + ": gives all pages back"),
    "__builtin_ctzl": Primitive(_count_zeros(trailing=True), "the compiler's"),
    "__builtin_clzl": Primitive(_count_zeros(trailing=False), "the compiler's"),
    "__builtin_ctzll": Primitive(_count_zeros(trailing=True), "the compiler's"),
    "__builtin_clzll": Primitive(_count_zeros(trailing=False), "the compiler's"),
    "__builtin_ffs": Primitive(_first_set, "the compiler's"),
    "__builtin_ffsl": Primitive(_first_set, "the compiler's"),
    "__builtin_ffsll": Primitive(_first_set, "the compiler's"),
    "__builtin_unreachable": Primitive(_unreachable, "the compiler's"),
}
"""Every function that is trusted, by the name that the compiler sees."""

BY_CONTRACT = {
    "kvm_mmu_topup_memory_cache": _HOST
    + ": fills the cache, or answers -ENOMEM; a contract of the proof stands for it"
}
"""Functions for which a contract stands that nothing proves, each with the reason."""
