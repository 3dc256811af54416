/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SLAT_PORT_H
#define SLAT_PORT_H
#define SLAT_ROOT arch.root
#define SLAT_CALL_BYTES 8
#endif
