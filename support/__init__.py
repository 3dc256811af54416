# SPDX-License-Identifier: GPL-2.0-only
"""What any program needs and no page table knows: every other room may use it."""
