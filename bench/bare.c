/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The runner without its checks, for bench/native.py: the same operations are handed to the same
 * code, and nobody looks at what they return, change, take or leave behind.
 */
#define slat_batch slat_checked_batch
#include "machine.c"
#undef slat_batch

void slat_batch(void)
{
	start();
	for (; slat_control.cursor < slat_control.ops; slat_control.cursor++) {
		const struct slat_op *op = &slat_ops[slat_control.cursor];

		if (op->kind == OP_CREATE)
			renew();
		slat_environment_begin(op);
		slat_results[slat_control.cursor].result = slat_dispatch(op, &slat.kvm, &slat.vcpu);
		slat_environment_end();
	}
	slat_control.done = slat_control.cursor;
}
