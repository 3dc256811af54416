# SPDX-License-Identifier: GPL-2.0-only
"""Reports: one file a format, each a function of what was found."""
