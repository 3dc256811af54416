# SPDX-License-Identifier: GPL-2.0-only
"""Operations in bulk: drawn in C, and filtered in C for those that the judge must look at."""
