/* SPDX-License-Identifier: GPL-2.0-only */
/* A tree has a folder of headers; the table needs none of them. */
