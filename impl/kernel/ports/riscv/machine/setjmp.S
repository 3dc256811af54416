/* SPDX-License-Identifier: GPL-2.0-only */
/* Leaves the code under test from wherever a fatal event finds it. */
#if __riscv_xlen == 64
#define SAVE sd
#define LOAD ld
#define STEP 8
#else
#define SAVE sw
#define LOAD lw
#define STEP 4
#endif
	.text
	.globl slat_setjmp
	.type slat_setjmp, @function
slat_setjmp:
	SAVE ra, 0*STEP(a0)
	SAVE sp, 1*STEP(a0)
	SAVE s0, 2*STEP(a0)
	SAVE s1, 3*STEP(a0)
	SAVE s2, 4*STEP(a0)
	SAVE s3, 5*STEP(a0)
	SAVE s4, 6*STEP(a0)
	SAVE s5, 7*STEP(a0)
	SAVE s6, 8*STEP(a0)
	SAVE s7, 9*STEP(a0)
	SAVE s8, 10*STEP(a0)
	SAVE s9, 11*STEP(a0)
	SAVE s10, 12*STEP(a0)
	SAVE s11, 13*STEP(a0)
	li a0, 0
	ret
	.globl slat_longjmp
	.type slat_longjmp, @function
slat_longjmp:
	LOAD ra, 0*STEP(a0)
	LOAD sp, 1*STEP(a0)
	LOAD s0, 2*STEP(a0)
	LOAD s1, 3*STEP(a0)
	LOAD s2, 4*STEP(a0)
	LOAD s3, 5*STEP(a0)
	LOAD s4, 6*STEP(a0)
	LOAD s5, 7*STEP(a0)
	LOAD s6, 8*STEP(a0)
	LOAD s7, 9*STEP(a0)
	LOAD s8, 10*STEP(a0)
	LOAD s9, 11*STEP(a0)
	LOAD s10, 12*STEP(a0)
	LOAD s11, 13*STEP(a0)
	mv a0, a1
	ret
	.globl slat_wide
	.type slat_wide, @function
/* The width is the machine's own: there is nothing to set. */
slat_wide:
	ret
	.globl slat_stop
	.type slat_stop, @function
slat_stop:
	j slat_stop
