# SPDX-License-Identifier: GPL-2.0-only
"""Findings as programs that show them: one module a form, and what builds and runs them."""
