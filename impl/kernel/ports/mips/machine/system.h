/* SPDX-License-Identifier: GPL-2.0-only */
/* How a program for MIPS begins, and calls the system. */
#ifdef __mips64
enum { SYS_WRITE = 5001, SYS_EXIT_GROUP = 5205 };
#else
enum { SYS_WRITE = 4004, SYS_EXIT_GROUP = 4246 };
#endif

static void system_call(long number, long a, long b, long c)
{
	register long v0 __asm__("$2") = number;
	register long a0 __asm__("$4") = a;
	register long a1 __asm__("$5") = b;
	register long a2 __asm__("$6") = c;
	register long a3 __asm__("$7") = 0;

	__asm__ __volatile__("syscall"
			     : "+r"(v0), "+r"(a3)
			     : "r"(a0), "r"(a1), "r"(a2)
			     : "memory", "$1", "$3", "$8", "$9", "$10", "$11", "$12", "$13", "$14", "$15",
			       "$24", "$25");
}

#ifdef __mips64
#define SLAT_ADDRESS "dla "
#else
#define SLAT_ADDRESS "la "
#endif

/* Sets the stack up and calls enter(). */
#define SLAT_START \
__asm__(".text\n" \
	".set noreorder\n" \
	".globl slat_start\n" \
	".type slat_start, @function\n" \
	"slat_start:\n" \
	SLAT_ADDRESS "$29, slat_stack_top\n" \
	SLAT_ADDRESS "$25, enter\n" \
	"jalr $25\n" \
	"nop\n" \
	".set reorder\n");
