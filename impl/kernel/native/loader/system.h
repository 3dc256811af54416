/* SPDX-License-Identifier: GPL-2.0-only */
/* The system as the loader calls it, without a C library: numbers and structures of both widths. */
#ifndef SLAT_SYSTEM_H
#define SLAT_SYSTEM_H
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

#ifdef __x86_64__
enum {
	SYS_READ = 0, SYS_WRITE = 1, SYS_CLOSE = 3, SYS_MMAP = 9, SYS_RT_SIGACTION = 13,
	SYS_SIGALTSTACK = 131, SYS_PRCTL = 157, SYS_EXIT_GROUP = 231, SYS_UNSHARE = 272,
	SYS_PRLIMIT64 = 302, SYS_SECCOMP = 317,
};
enum { PAGES = 0 };		/* mmap counts its offset in 2^PAGES bytes */
#define AUDIT_ARCH 0xc000003eU
#else
enum {
	SYS_READ = 3, SYS_WRITE = 4, SYS_CLOSE = 6, SYS_MMAP = 192, SYS_RT_SIGACTION = 174,
	SYS_SIGALTSTACK = 186, SYS_PRCTL = 172, SYS_EXIT_GROUP = 252, SYS_UNSHARE = 310,
	SYS_PRLIMIT64 = 340, SYS_SECCOMP = 354,
};
enum { PAGES = 12 };
#define AUDIT_ARCH 0x40000003U
#endif
enum { SYS_CLOSE_RANGE = 436, SYS_LANDLOCK_CREATE = 444, SYS_LANDLOCK_RESTRICT = 446 };

#ifdef __x86_64__
static long system_call(long number, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "0"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return result;
}
#else
/* The sixth argument is in the frame pointer, which no constraint can name. */
long system_call(long number, long a, long b, long c, long d, long e, long f);
__asm__(".text\n"
	"system_call:\n"
	"push %ebx\n" "push %esi\n" "push %edi\n" "push %ebp\n"
	"mov 20(%esp), %eax\n" "mov 24(%esp), %ebx\n" "mov 28(%esp), %ecx\n"
	"mov 32(%esp), %edx\n" "mov 36(%esp), %esi\n" "mov 40(%esp), %edi\n"
	"mov 44(%esp), %ebp\n"
	"int $0x80\n"
	"pop %ebp\n" "pop %edi\n" "pop %esi\n" "pop %ebx\n"
	"ret\n");
#endif
#define CALL(number, a, b, c) system_call(number, (long)(a), (long)(b), (long)(c), 0, 0, 0)

static __attribute__((noreturn)) void leave(int status)
{
	for (;;)
		CALL(SYS_EXIT_GROUP, status, 0, 0);
}
#endif
