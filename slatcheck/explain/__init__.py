# SPDX-License-Identifier: GPL-2.0-only
"""Counterexamples for people: a trace told step by step, as a page, a picture and in a terminal."""
