/* SPDX-License-Identifier: GPL-2.0-only */
/* ISA DMA is none of the GPA table's business. */
