/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The process that an image runs in: it maps what it is handed, gives up whatever it could do, and
 * calls functions of the image one by one. It has no library, and runs nothing of the image before
 * that. Once the image runs, what this process says is what the image may have made it say.
 */
#include "confine.h"

static u8 signal_stack[65536] __attribute__((aligned(64)));
static struct plan plan;

static void say(u32 what, u32 number, u64 place, u64 detail)
{
	struct answer answer = { what, number, place, detail };

	if (CALL(SYS_WRITE, ANSWERS, &answer, sizeof(answer)) != sizeof(answer))
		leave(2);
}

static void hear(void *what, unsigned long bytes)
{
	u8 *at = what;

	while (bytes) {
		long got = CALL(SYS_READ, ORDERS, at, bytes);

		if (got <= 0)
			leave(0);	/* nobody is there any more */
		at += got;
		bytes -= got;
	}
}

/* --- calls on the stack of the image --- */
void call_on(unsigned long stack, unsigned long function);
#ifdef __x86_64__
__asm__(".text\n"
	"call_on:\n"
	"push %rbp\n" "push %rbx\n" "push %r12\n" "push %r13\n" "push %r14\n" "push %r15\n"
	"mov %rsp, (%rdi)\n"
	"mov %rdi, %rsp\n"
	"call *%rsi\n"
	"cld\n"
	"mov (%rsp), %rsp\n"
	"pop %r15\n" "pop %r14\n" "pop %r13\n" "pop %r12\n" "pop %rbx\n" "pop %rbp\n"
	"ret\n");
#else
__asm__(".text\n"
	"call_on:\n"
	"mov 4(%esp), %eax\n"
	"mov 8(%esp), %ecx\n"
	"push %ebp\n" "push %ebx\n" "push %esi\n" "push %edi\n"
	"mov %esp, (%eax)\n"
	"mov %eax, %esp\n"
	"call *%ecx\n"
	"cld\n"
	"mov (%esp), %esp\n"
	"pop %edi\n" "pop %esi\n" "pop %ebx\n" "pop %ebp\n"
	"ret\n");
#endif

/* --- faults: where they were, and that is the end --- */
enum { SIGILL = 4, SIGTRAP = 5, SIGBUS = 7, SIGFPE = 8, SIGSEGV = 11, SIGSYS = 31 };
enum { SA_SIGINFO = 4, SA_RESTORER = 0x04000000, SA_ONSTACK = 0x08000000 };
/* In words: where siginfo has the address or the system call, and ucontext the instruction. */
#ifdef __x86_64__
enum { AT_ADDRESS = 2, AT_CALL = 3, AT_PLACE = 21 };
#else
enum { AT_ADDRESS = 3, AT_CALL = 4, AT_PLACE = 19 };
#endif
struct action { void *handler; unsigned long flags; void *restorer; u32 mask[2]; };
struct signal_place { void *base; int flags; unsigned long size; };

static void faulted(int number, const unsigned long *about, const unsigned long *context)
{
	u64 detail = number == SIGSYS ? (u32)about[AT_CALL] : about[AT_ADDRESS];

	say(FAULT, number, context[AT_PLACE], detail);
	leave(1);
}

static long catch_faults(void)
{
	static const u8 signals[] = { SIGILL, SIGTRAP, SIGBUS, SIGFPE, SIGSEGV, SIGSYS };
	struct signal_place place = { signal_stack, 0, sizeof(signal_stack) };
	struct action action = { faulted, SA_SIGINFO | SA_RESTORER | SA_ONSTACK, leave, { ~0U, ~0U } };
	long failed = CALL(SYS_SIGALTSTACK, &place, 0, 0);
	u32 i;

	for (i = 0; i < sizeof(signals); i++)
		failed |= system_call(SYS_RT_SIGACTION, signals[i], (long)&action, 0, 8, 0, 0);
	return failed;
}

static long map(const struct mapping *one)
{
	long at = system_call(SYS_MMAP, one->address, one->bytes, one->protection, one->flags, one->file,
			      one->offset >> PAGES);

	return at != (long)one->address;
}

void start(void)
{
	u32 i;

	hear(&plan, sizeof(plan));
	for (i = 0; i < plan.mappings && i < MAX_MAPPINGS; i++)
		if (map(&plan.mapping[i])) {
			say(FAILED, i, plan.mapping[i].address, 0);
			leave(3);
		}
	if (catch_faults()) {
		say(FAILED, MAX_MAPPINGS, 0, 0);
		leave(3);
	}
	say(READY, confine(&plan), 0, 0);
	for (;;) {
		struct order order;

		hear(&order, sizeof(order));
		call_on(plan.stack, order.function);
		say(DONE, 0, 0, 0);
	}
}

/* The stack is where the system put it, at some multiple of 16 bytes. */
__asm__(".text\n" ".globl slat_start\n" "slat_start:\n" "call start\n");
