/* SPDX-License-Identifier: GPL-2.0-only */
/* Leaves the code under test from wherever a fatal event finds it. */
#ifdef __mips64
#define SAVE sd
#define LOAD ld
#define STEP 8
#else
#define SAVE sw
#define LOAD lw
#define STEP 4
#endif
	.set noreorder
	.set noat
	.text
	.globl slat_setjmp
	.type slat_setjmp, @function
slat_setjmp:
	SAVE $16, 0*STEP($4)
	SAVE $17, 1*STEP($4)
	SAVE $18, 2*STEP($4)
	SAVE $19, 3*STEP($4)
	SAVE $20, 4*STEP($4)
	SAVE $21, 5*STEP($4)
	SAVE $22, 6*STEP($4)
	SAVE $23, 7*STEP($4)
	SAVE $28, 8*STEP($4)
	SAVE $29, 9*STEP($4)
	SAVE $30, 10*STEP($4)
	SAVE $31, 11*STEP($4)
	jr $31
	move $2, $0
	.globl slat_longjmp
	.type slat_longjmp, @function
slat_longjmp:
	LOAD $16, 0*STEP($4)
	LOAD $17, 1*STEP($4)
	LOAD $18, 2*STEP($4)
	LOAD $19, 3*STEP($4)
	LOAD $20, 4*STEP($4)
	LOAD $21, 5*STEP($4)
	LOAD $22, 6*STEP($4)
	LOAD $23, 7*STEP($4)
	LOAD $28, 8*STEP($4)
	LOAD $29, 9*STEP($4)
	LOAD $30, 10*STEP($4)
	LOAD $31, 11*STEP($4)
	jr $31
	move $2, $5
	.globl slat_wide
	.type slat_wide, @function
/* 64-bit addresses everywhere: Status.KX, SX and UX, as a 64-bit kernel runs. */
slat_wide:
#ifdef __mips64
	mfc0 $8, $12
	ori $8, $8, 0xe0
	mtc0 $8, $12
	nop
	nop
#endif
	jr $31
	nop
	.globl slat_stop
	.type slat_stop, @function
slat_stop:
	b slat_stop
	nop
