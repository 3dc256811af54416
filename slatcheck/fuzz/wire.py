# SPDX-License-Identifier: GPL-2.0-only
"""The runner's records as C lays them out, in the byte order of the host."""

from __future__ import annotations

import ctypes
from collections.abc import Iterable

from model.operations import Answer, Kind, Op

_U32, _U64 = ctypes.c_uint32, ctypes.c_uint64
_WRITE, _WRITABLE, _ANSWER_SHIFT = 1, 2, 8


class WireOp(ctypes.Structure):
    """``struct slat_op``: an operation with its operands."""

    _fields_ = (
        ("kind", _U32), ("flags", _U32),
        ("first", _U64), ("last", _U64), ("mask", _U64), ("pfn", _U64),
        ("retries", _U32), ("oom", _U32), ("order", _U32), ("skew", _U32),
    )  # fmt: skip


class WireResult(ctypes.Structure):
    """``struct slat_result``: what an operation returned, and where its records end."""

    _fields_ = (
        ("result", ctypes.c_int64),
        ("changes", _U32), ("dirty", _U32), ("events", _U32),
        ("tables", _U32), ("taken", _U32), ("freed", _U32), ("held", _U32), ("steps", _U32),
    )  # fmt: skip


class WireChange(ctypes.Structure):
    """``struct slat_change``: a leaf that came, changed or went (``raw`` 0)."""

    _fields_ = (("gfn", _U64), ("raw", _U64), ("order", _U32), ("pad", _U32))


class WireEvent(ctypes.Structure):
    """``struct slat_event``: something that the runner caught an operation at."""

    _fields_ = (
        ("code", _U32),
        ("subject", _U32),
        ("address", _U64),
        ("pc", _U64),
        ("detail", _U64),
    )


class WireControl(ctypes.Structure):
    """``struct slat_control``: how far a run came."""

    _fields_ = tuple(
        (name, _U32)
        for name in (
            "ops", "budget", "cursor", "done", "stopped", "changes", "dirty", "events",
            "instrumented", "ready", "resume",
        )
    )  # fmt: skip


class WireStep(ctypes.Structure):
    """``struct slat_step``: an operation by its place in a scope, and the state behind it."""

    _fields_ = (("low", _U64), ("high", _U64), ("op", _U32), ("pad", _U32))


class WireScope(ctypes.Structure):
    """``struct slat_scope``: what is explored, and whether anything is open."""

    _fields_ = tuple((name, _U32) for name in ("ops", "depth", "barred", "fresh", "closed", "full"))


class Rings(ctypes.Structure):
    """The addresses of a batch's records, and how many of each there is room for.

    Whoever makes one keeps what lies there mapped for as long as it is used. What is written there
    need not be trusted.
    """

    _fields_ = (
        ("control", ctypes.c_void_p),
        ("results", ctypes.c_void_p),
        ("changes", ctypes.c_void_p),
        ("dirty", ctypes.c_void_p),
        ("events", ctypes.c_void_p),
        ("most_results", _U32),
        ("most_changes", _U32),
        ("most_dirty", _U32),
        ("most_events", _U32),
    )


MOST_NEWS = 8192
"""Features that one look at what was reached can find to be new."""


class WireReached(ctypes.Structure):
    """``struct reached``: bits of what was reached so far, and what of it is new, by operation."""

    _fields_ = (
        ("bits", ctypes.c_void_p),
        ("count", _U32),
        ("pad", _U32),
        ("at", _U32 * MOST_NEWS),
        ("which", _U32 * MOST_NEWS),
    )


class WireCorpus(ctypes.Structure):
    """``struct corpus``: the bytes of inputs one behind the other, and how they are used."""

    _fields_ = (
        ("inputs", ctypes.c_char_p),
        ("count", _U32),
        ("rare", _U32),
        ("again", _U32),
    )


class OpBuffer:
    """Operations as C reads them, in memory that no other process can write."""

    def __init__(self, room: int) -> None:
        self.room = room
        self._ops = (WireOp * room)()

    @property
    def address(self) -> int:
        """Where the first operation is."""
        return ctypes.addressof(self._ops)

    def data(self, begin: int, end: int) -> bytes:
        """Return operations [``begin``, ``end``) as the runner reads them."""
        size = ctypes.sizeof(WireOp)
        return ctypes.string_at(self.address + begin * size, (end - begin) * size)

    def put(self, ops: Iterable[Op], at: int = 0) -> int:
        """Write operations from ``at`` on and return where they end.

        Raises IndexError where there is no room.
        """
        for op in ops:
            self._ops[at] = wire_op(op)
            at += 1
        return at

    def ops(self, begin: int, end: int) -> list[Op]:
        """Return operations [``begin``, ``end``) as the model knows them."""
        return [op_of(wire) for wire in self._ops[begin:end]]


def wire_op(op: Op) -> WireOp:
    """Return an operation as the runner reads it."""
    flags = op.write * _WRITE | op.writable * _WRITABLE | op.answer << _ANSWER_SHIFT
    return WireOp(
        op.kind, flags, op.first, op.last, op.mask, op.pfn, op.retries, op.oom, op.order, op.skew
    )


def op_of(wire: WireOp) -> Op:
    """Return what ``wire_op`` wrote. Raises ValueError for an unknown kind or answer."""
    return Op(
        Kind(wire.kind),
        wire.first,
        wire.last,
        wire.mask,
        wire.pfn,
        bool(wire.flags & _WRITE),
        bool(wire.flags & _WRITABLE),
        Answer(wire.flags >> _ANSWER_SHIFT & 0xFF),
        wire.retries,
        wire.oom,
        wire.order,
        wire.skew,
    )
