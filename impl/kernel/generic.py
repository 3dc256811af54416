# SPDX-License-Identifier: GPL-2.0-only
"""What every port takes of the generic code of KVM, and how trees differ there by their age."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from impl.kernel.features import Feature
from impl.kernel.slices import Definition, cut
from impl.kernel.tree import Tree

MAIN = "virt/kvm/kvm_main.c"
HOST = "include/linux/kvm_host.h"
MAIN_SLICE = (
    "mmu_memory_cache_alloc_obj",
    "__kvm_mmu_topup_memory_cache",
    "kvm_mmu_topup_memory_cache",
    "kvm_mmu_memory_cache_nr_free_objects",
    "kvm_mmu_free_memory_cache",
    "kvm_mmu_memory_cache_alloc",
)
HOST_SLICE = (
    "is_error_pfn",
    "is_error_noslot_pfn",
    "is_noslot_pfn",
    "mmu_invalidate_retry",
    "mmu_notifier_retry",
    "kvm_release_faultin_page",
)

NOTIFIER_SEQ = Feature(
    "mmu_notifier_seq",
    "until 5.19",
    HOST,
    r"\bmmu_notifier_seq\b",
    "the same fields under the later names; mmu_notifier_retry is the tree's own",
    "6.0 renamed the fields and changed nothing else",
    (
        ("mmu_notifier_seq", "mmu_invalidate_seq"),
        ("mmu_notifier_count", "mmu_invalidate_in_progress"),
    ),
)


def gfn_to_pfn_prot(main: str) -> Feature:
    """Return the older way in which a port's main file asks the host for a page."""
    return Feature(
        "gfn_to_pfn_prot",
        "until 6.12",
        main,
        r"\bgfn_to_pfn_prot\(",
        "the scripted answer, with a reference; kvm_release_pfn_* give it back",
        "virt/kvm/kvm_main.c: each takes a reference that must be released, errors none",
    )


def kvm_faultin_pfn(main: str) -> Feature:
    """Return the newer way in which a port's main file asks the host for a page."""
    return Feature(
        "kvm_faultin_pfn",
        "since 6.13",
        main,
        r"\bkvm_faultin_pfn\(",
        "the scripted answer, with a reference to a page; releasing it gives that back",
        "kvm_release_faultin_page is the tree's own, its lock assertion counts",
    )


def slices(tree: Tree, more: Iterable[str] = ()) -> dict[str, str]:
    """Return what is cut out of the generic files; ``more`` are further functions of kvm_host.h."""
    return {
        "kvm_main_slice.h": cut(tree.read(MAIN), MAIN, MAIN_SLICE, required=False),
        "kvm_host_slice.h": cut(tree.read(HOST), HOST, (*HOST_SLICE, *more), required=False),
    }


def places(
    functions: Iterable[str],
    entries: Mapping[str, str],
    files: Mapping[str, Mapping[str, Definition]],
) -> dict[str, tuple[str, int]]:
    """Return the file and line (1-based) at which each entry point is defined.

    ``entries`` has the tree's own names, ``files`` the definitions by file.
    """
    found = {}
    for name in functions:
        actual = entries.get(name, name)
        for path, available in files.items():
            if actual in available:
                found[name] = (path, available[actual].line)
    return found


def beyond(present: Iterable[Feature], names: Iterable[str]) -> dict[str, str]:
    """Return what only some trees have and no operation reaches, functions first, with the reason.

    ``names`` are the functions of the tree's main file.
    """
    known = list(names)
    return {
        name: f"{row.name}: the model has none; {row.shim}"
        for row in present
        for name in [*(n for n in known if re.fullmatch(row.beyond, n)), *row.cases]
    }
