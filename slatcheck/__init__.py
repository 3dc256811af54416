# SPDX-License-Identifier: GPL-2.0-only
"""A verification gate for KVM's guest-physical page tables: command line, engine and reports."""

__version__ = "0.1.0"
