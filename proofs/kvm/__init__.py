# SPDX-License-Identifier: GPL-2.0-only
"""The proof of a kernel tree's own C: KVM's functions, memory and environment bound to it."""
