# SPDX-License-Identifier: GPL-2.0-only
"""Lemmas on leaf entries: each layout's real format behaves as the proof's own does.

The heap lemmas run on an entry format of their own. They hold for a layout's format because
``encode`` is one to one and every ``pte_*()`` does to the encoded entry what it does to the
entry: that is proved here, on the functions that the concrete table runs.
"""

from __future__ import annotations

from impl.multilevel import pte
from impl.multilevel.quirks import PFN_TRUNCATED, YOUNG_READS_PFN_WORD, no_read_in_pfn_word
from model.entry import Entry, EntryFormat
from proofs import terms
from proofs.heap import ENTRY, PFN_BITS, RAW_BITS
from proofs.lemmas.base import Setting
from proofs.lifting import Flag, Number, as_bits, as_plain, lifted, truth_of, unsigned
from proofs.raw import OWN
from proofs.terms import Truth, both, same


def _any_entry(at: Setting, pfn_top: int) -> Entry:
    pfn = at.path.fresh("pfn", pfn_top.bit_length())
    at.path.show("pfn", pfn)
    writable, young, dirty = (as_plain(at.flag(name)) for name in ("writable", "young", "dirty"))
    return Entry(as_plain(unsigned(pfn)), writable, young, dirty)


def _equal(left: Number | Flag, right: Number | Flag) -> Truth:
    return truth_of(lifted(left) == right)


def _same_entry(left: Entry | None, right: Entry) -> Truth:
    if left is None:
        return False
    return both(*[_equal(a, b) for a, b in zip(left, right, strict=True)])


def entries(at: Setting) -> None:
    """``pte_*()`` and ``pfn_pte()`` of the layout's entry format."""
    layout, fmt = at.layout, at.layout.entry
    entry = _any_entry(at, layout.pfn_top)
    at.path.check("before")
    for flag in entry[1:4]:
        bool(flag)
    raw = fmt.encode(entry)
    at.prove("encode", "an entry reads back as it was written", _same_entry(fmt.decode(raw), entry))
    at.prove("encode", "an absent entry is not present", fmt.decode(0) is None)
    at.prove("encode", "no bit is set that has another meaning", _equal(raw & _others(fmt), 0))
    keep = not at.rt.has(PFN_TRUNCATED)
    made = pte.make(fmt, entry.pfn, entry.writable, entry.dirty, keep)
    new = entry._replace(young=True)
    at.prove("pfn_pte", "the entry made is the one asked for", _equal(made, fmt.encode(new)))
    inhibit = no_read_in_pfn_word(fmt) if at.rt.has(YOUNG_READS_PFN_WORD) else 0
    young = pte.mkyoung(fmt, raw, inhibit)
    at.prove("mkyoung", "only young changes", _equal(young, fmt.encode(entry._replace(young=True))))
    old = pte.mkold(fmt, raw)
    at.prove("mkold", "only young changes", _equal(old, fmt.encode(entry._replace(young=False))))
    dirty = pte.mkdirty(fmt, raw)
    at.prove("mkdirty", "only dirty changes", _equal(dirty, fmt.encode(entry._replace(dirty=True))))
    clean = pte.mkclean(fmt, raw)
    at.prove(
        "mkclean", "only dirty changes", _equal(clean, fmt.encode(entry._replace(dirty=False)))
    )


def _others(fmt: EntryFormat) -> int:
    """Return the bits that no entry of a guest may have."""
    return sum(mask for name, mask in fmt.named if name in ("global", "no-read", "no-exec", "huge"))


def own_entries(at: Setting) -> None:
    """The proof's own entry format is an entry format too."""
    entry = _any_entry(at, (1 << PFN_BITS) - 1)
    at.path.check("before")
    for flag in entry[1:4]:
        bool(flag)
    raw = as_bits(ENTRY.encode(entry), RAW_BITS)
    at.prove("own", "the proof writes entries as the model does", same(OWN.encode(entry), raw))
    read = _same_entry(OWN.decode(raw), entry)
    at.prove("own", "the proof reads entries as the model does", read)
    at.prove("own", "an absent entry is 0", OWN.decode(terms.number(0, RAW_BITS)) is None)
