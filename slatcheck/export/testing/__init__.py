# SPDX-License-Identifier: GPL-2.0-only
"""A folder that tests a tree with make alone, in the manner of the kernel's tools/testing/vma."""
