# SPDX-License-Identifier: GPL-2.0-only
"""How functions are proved: what is given, the call, and what must hold afterwards.

One script for each kind of function. It runs the function of any front end, by the name of its
role, on the symbolic runtime; callees that have a lemma of their own are replaced by contracts.
"""
