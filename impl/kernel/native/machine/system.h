/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How a program for the host begins, calls the system, and hears of faults: x86 of either width.
 * The macros that name the processor are those of the tree's, so that the width alone is asked for.
 */
#ifdef __LP64__
enum {
	SYS_WRITE = 1, SYS_MPROTECT = 10, SYS_RT_SIGACTION = 13, SYS_SETITIMER = 38, SYS_SIGALTSTACK = 131,
	SYS_EXIT_GROUP = 231,
};
enum { AT_ADDRESS = 16, AT_ERROR = 192, AT_PLACE = 168 };

static long system_call4(long number, long a, long b, long c, long d)
{
	register long r10 __asm__("r10") = d;
	long result;

	__asm__ __volatile__("syscall"
			     : "=a"(result)
			     : "0"(number), "D"(a), "S"(b), "d"(c), "r"(r10)
			     : "rcx", "r11", "memory");
	return result;
}

#define SLAT_START \
__asm__(".text\n" \
	".globl slat_start\n" \
	".type slat_start, @function\n" \
	"slat_start:\n" \
	"mov %rsp, slat_arguments\n" \
	"mov $slat_stack_top, %rsp\n" \
	"xor %ebp, %ebp\n" \
	"call enter\n" \
	"ud2\n");
#else
enum {
	SYS_WRITE = 4, SYS_SETITIMER = 104, SYS_MPROTECT = 125, SYS_RT_SIGACTION = 174,
	SYS_SIGALTSTACK = 186, SYS_EXIT_GROUP = 252,
};
enum { AT_ADDRESS = 12, AT_ERROR = 72, AT_PLACE = 76 };

static long system_call4(long number, long a, long b, long c, long d)
{
	long result;

	__asm__ __volatile__("int $0x80"
			     : "=a"(result)
			     : "0"(number), "b"(a), "c"(b), "d"(c), "S"(d)
			     : "memory");
	return result;
}

#define SLAT_START \
__asm__(".text\n" \
	".globl slat_start\n" \
	".type slat_start, @function\n" \
	"slat_start:\n" \
	"mov %esp, slat_arguments\n" \
	"mov $slat_stack_top, %esp\n" \
	"xor %ebp, %ebp\n" \
	"call enter\n" \
	"ud2\n");
#endif

static void system_call(long number, long a, long b, long c)
{
	system_call4(number, a, b, c, 0);
}

unsigned long *slat_arguments;	/* how many, and behind that where each is */

/* --- signals: what the kernel is told and tells, as it lays them out --- */
enum { SIGILL = 4, SIGTRAP = 5, SIGBUS = 7, SIGFPE = 8, SIGSEGV = 11, SIGVTALRM = 26 };
enum { SA_SIGINFO = 4, SA_RESTORER = 0x4000000, SA_ONSTACK = 0x8000000, SA_NODEFER = 0x40000000 };

struct signal_action {
	void (*handler)(int number, void *info, void *context);
	unsigned long flags;
	void (*restorer)(void);
	unsigned long mask[8 / sizeof(long)];
};
struct signal_stack { void *from; int flags; unsigned long bytes; };

static char signal_stack[16384] __attribute__((aligned(16)));

static void on_signal(int number, void (*handler)(int number, void *info, void *context))
{
	/* handlers do not return, so that nothing has to be restored, nor a signal let in again */
	struct signal_action action = {
		.handler = handler,
		.flags = SA_SIGINFO | SA_RESTORER | SA_ONSTACK | SA_NODEFER,
	};
	struct signal_stack stack = { .from = signal_stack, .bytes = sizeof(signal_stack) };

	system_call4(SYS_SIGALTSTACK, (long)&stack, 0, 0, 0);
	system_call4(SYS_RT_SIGACTION, number, (long)&action, 0, 8);
}

static unsigned long signal_address(const void *info)
{
	return *(const unsigned long *)((const char *)info + AT_ADDRESS);
}

static unsigned long signal_place(const void *context)
{
	return *(const unsigned long *)((const char *)context + AT_PLACE);
}

static int signal_of_store(const void *context)
{
	return *(const unsigned long *)((const char *)context + AT_ERROR) >> 1 & 1;
}

/* SIGVTALRM after so many seconds of this program's own time; never where it is 0. */
static void alarm_after(long seconds)
{
	const long timer[4] = { 0, 0, seconds, 0 };

	system_call4(SYS_SETITIMER, 1, (long)timer, 0, 0);
}

static void make_read_only(const char *from, const char *to)
{
	system_call4(SYS_MPROTECT, (long)from, to - from, 1, 0);
}

/* --- what is said is kept back, so that a test which passes can say nothing --- */
static struct { char text[1 << 18]; unsigned int bytes, dropped; } held_back;

static void keep(const char *text, unsigned int bytes)
{
	unsigned int i;

	for (i = 0; i < bytes; i++) {
		if (held_back.bytes < sizeof(held_back.text))
			held_back.text[held_back.bytes++] = text[i];
		else
			held_back.dropped = 1;
	}
}
#define SLAT_PRINT(text, bytes) keep(text, bytes)

static void say_nothing(void)
{
	held_back.bytes = held_back.dropped = 0;
}

static void say_all(void)
{
	static const char more[] = "   (and more)\n";

	system_call(SYS_WRITE, 1, (long)held_back.text, held_back.bytes);
	if (held_back.dropped)
		system_call(SYS_WRITE, 1, (long)more, sizeof(more) - 1);
	say_nothing();
}
