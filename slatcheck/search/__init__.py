# SPDX-License-Identifier: GPL-2.0-only
"""The differential search: sequences are drawn, run, judged against the model and made short."""
