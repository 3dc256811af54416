/* SPDX-License-Identifier: GPL-2.0-only */
/* How a program for RISC-V begins, and calls the system. */
enum { SYS_WRITE = 64, SYS_EXIT_GROUP = 94 };

static void system_call(long number, long a, long b, long c)
{
	register long a7 __asm__("a7") = number;
	register long a0 __asm__("a0") = a;
	register long a1 __asm__("a1") = b;
	register long a2 __asm__("a2") = c;

	__asm__ __volatile__("ecall" : "+r"(a0) : "r"(a7), "r"(a1), "r"(a2) : "memory");
}

/* Sets the stack up and calls enter(). */
#define SLAT_START \
__asm__(".text\n" \
	".globl slat_start\n" \
	".type slat_start, @function\n" \
	"slat_start:\n" \
	"la sp, slat_stack_top\n" \
	"call enter\n");
