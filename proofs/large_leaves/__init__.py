# SPDX-License-Identifier: GPL-2.0-only
"""The symbolic runtime of tables whose leaves have several sizes."""
