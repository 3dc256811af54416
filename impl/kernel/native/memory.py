# SPDX-License-Identifier: GPL-2.0-only
"""The memory of a native image: files without a name that this process and the loader share."""

from __future__ import annotations

import ctypes
import fcntl
import io
import mmap
import os
from collections.abc import Iterator
from typing import NamedTuple

from impl.kernel.build import ARENA, CODE, CODE_END, SHADOW, STACK, STACK_BYTES, Image
from impl.kernel.errors import UnsupportedError
from impl.kernel.ports import kernel_port
from impl.kernel.symbols import Symbols

MOST_DATA = 0x0800_0000
"""Bytes of data that an image may have; it has a few million."""
_EXEC = 0x10
"""MFD_EXEC of linux/memfd.h: since 6.3 a file is asked for that may be executed."""


class Region(NamedTuple):
    """Addresses of the image, and where in the shared file they lie."""

    address: int
    bytes: int
    offset: int

    def holds(self, address: int, size: int) -> bool:
        """Return whether all of ``size`` bytes from ``address`` lie in it."""
        return self.address <= address and address + size <= self.address + self.bytes


_CODE = Region(CODE, CODE_END - CODE, 0)


def file_of(name: str, content: bytes) -> io.FileIO:
    """Return a file without a place on disk that holds ``content`` and cannot be changed."""
    try:
        handle = os.memfd_create(name, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING | _EXEC)
    except OSError:
        handle = os.memfd_create(name, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    file = io.FileIO(handle, "r+")
    with memoryview(content) as rest:
        while written := file.write(rest):
            rest = rest[written:]
    _seal(file, fcntl.F_SEAL_WRITE)
    return file


def _seal(file: io.FileIO, also: int = 0) -> None:
    """Make it impossible to change a file's size, and ``also`` something else, for good."""
    seals = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL | also
    fcntl.fcntl(file, fcntl.F_ADD_SEALS, seals)


class Memory:
    """What an image consists of: code that nobody can write, and data that both sides see.

    The addresses come from the image, which a stranger's tree made: each is looked at before it
    counts. Raises UnsupportedError where one is not where the linker was told to put it.
    """

    def __init__(self, image: Image, symbols: Symbols) -> None:
        at, layout = symbols.address, image.layout
        arena = kernel_port(layout.port).arena_pages << layout.page_shift
        data, end = at("__data_start"), at("__image_end")
        tables, tables_end = at("__tables_start"), at("__tables_end")
        if at("__image_start") != CODE or data != CODE_END or tables & 0xFFFF:
            raise UnsupportedError("the image is not where it was told to be")
        if not CODE_END <= end <= CODE_END + MOST_DATA or not end <= tables <= tables_end <= STACK:
            raise UnsupportedError("the image has more data than there is room for")
        spans = (
            (CODE_END, end - CODE_END),
            (tables, tables_end - tables),
            (STACK, STACK_BYTES),
            (ARENA[layout.bits], arena),
            (SHADOW[layout.bits], arena),
        )
        self.regions = tuple(_laid_out(spans))
        self.tables = self.regions[1]
        self._code = bytearray(CODE_END - CODE)
        self._initial: list[tuple[int, bytes]] = []
        for address, content in symbols.segments():
            self._place(address, content)
        self.size = self.regions[-1].offset + self.regions[-1].bytes
        self.code = file_of("slatcheck-code", bytes(self._code))
        handle = os.memfd_create("slatcheck-data", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        self.data = io.FileIO(handle, "r+")
        self.data.truncate(self.size)
        _seal(self.data)
        self._map = mmap.mmap(handle, self.size)
        self._view = memoryview(self._map)
        self.start = ctypes.addressof(ctypes.c_char.from_buffer(self._map))
        """Where this process sees the first byte of the data."""

    def _place(self, address: int, content: bytes) -> None:
        if not content:
            return
        if _CODE.holds(address, len(content)):
            self._code[address - CODE : address - CODE + len(content)] = content
            return
        self._offset(address, len(content))
        self._initial.append((address, content))

    def _offset(self, address: int, size: int) -> int:
        """Return where in the file memory lies. Raises UnsupportedError where it is no data."""
        for region in self.regions:
            if region.holds(address, size):
                return region.offset + address - region.address
        raise UnsupportedError(f"the image has no data at {address:#x}")

    def reset(self) -> None:
        """Make the data what it is before anything has run."""
        self._map.madvise(mmap.MADV_REMOVE)
        for address, content in self._initial:
            self.write(address, content)

    def write(self, address: int, data: bytes) -> None:
        """Write bytes. Raises UnsupportedError where there is no data."""
        offset = self._offset(address, len(data))
        self._view[offset : offset + len(data)] = data

    def view(self, address: int, size: int) -> memoryview:
        """Return memory as the image sees it now and later. Raises UnsupportedError."""
        if _CODE.holds(address, size):
            return memoryview(self._code).toreadonly()[address - CODE : address - CODE + size]
        offset = self._offset(address, size)
        return self._view[offset : offset + size]

    def pointer(self, address: int, size: int) -> int:
        """Return where this process sees ``size`` bytes of data. Raises UnsupportedError."""
        return self.start + self._offset(address, size)

    def close(self) -> None:
        """Give the files back; what was mapped stays until the last view of it is gone."""
        self.code.close()
        self.data.close()


def _laid_out(spans: tuple[tuple[int, int], ...]) -> Iterator[Region]:
    offset = 0
    for address, size in spans:
        yield Region(address, size, offset)
        offset += size
