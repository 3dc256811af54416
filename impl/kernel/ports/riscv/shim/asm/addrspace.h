/* SPDX-License-Identifier: GPL-2.0-only */
/* RISC-V has no such header; the neutral ones ask for it. */
