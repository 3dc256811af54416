# SPDX-License-Identifier: GPL-2.0-only
"""A libFuzzer harness over the same C, as one would write it without slatcheck."""
