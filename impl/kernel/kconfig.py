# SPDX-License-Identifier: GPL-2.0-only
"""The configuration of one layout as the ``autoconf.h`` that a kernel build would generate."""

from __future__ import annotations

from model.layout import Layout


def autoconf(layout: Layout, big_endian: bool) -> str:
    """Return the text of ``generated/autoconf.h`` for ``layout`` in the given byte order."""
    symbols = dict(layout.kconfig)
    symbols["CPU_BIG_ENDIAN" if big_endian else "CPU_LITTLE_ENDIAN"] = "y"
    symbols["FLATMEM"] = "y"
    lines = ["/* SPDX-License-Identifier: GPL-2.0-only */"]
    for name, value in sorted(symbols.items()):
        lines.append(f"#define CONFIG_{name} {1 if value == 'y' else value}")
    return "\n".join(lines) + "\n"
