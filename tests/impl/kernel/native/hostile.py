# SPDX-License-Identifier: GPL-2.0-only
"""What a hostile tree may have in its mmu.c, each with the verdict that it gets."""

from __future__ import annotations

from typing import NamedTuple


class Hostile(NamedTuple):
    """Statements where a flush begins, text in front of it, and what becomes of it.

    ``cause`` is a regular expression for the detail of the event; '' where the code is left out
    of the image or does no harm, so that the outcomes are those of the tree without it. {FILE}
    and {PID} are replaced by a file that is not there and by the process that tests.
    """

    name: str
    body: str
    cause: str
    outside: str = ""
    bits: int = 64


CALLS = {
    64: """
static long hostile(long n, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long r;
	__asm__ volatile("syscall" : "=a"(r)
		: "0"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11", "memory");
	return r;
}
""",
    32: """
static long hostile(long n, long a, long b, long c, long d, long e, long f)
{
	long r;
	__asm__ volatile("int $0x80" : "=a"(r)
		: "0"(n), "b"(a), "c"(b), "d"(c), "S"(d), "D"(e) : "memory");
	return r;
}
""",
}
"""A system call, which every hostile tree has at hand."""


def call(name: str, number: int, *operands: str, bits: int = 64) -> Hostile:
    """Return a tree that makes one system call."""
    given = ", ".join([*operands, *["0"] * (6 - len(operands))])
    told = rf"system call {number}, which is not permitted"
    return Hostile(f"{name}-{bits}", f"hostile({number}, {given});", told, bits=bits)


_PASSWD = '(long)"/etc/passwd"'
_BUFFER = "(long)&kvm->arch"
FILES = (
    call("open", 2, _PASSWD, "0"),
    call("open", 5, _PASSWD, "0", bits=32),
    call("openat", 257, "-100", _PASSWD, "0"),
    call("openat2", 437, "-100", _PASSWD, _BUFFER, "24"),
    call("create", 2, '(long)"{FILE}"', "0x41", "0600"),
    call("create", 8, '(long)"{FILE}"', "0600", bits=32),
    call("mkdir", 83, '(long)"{FILE}"', "0700"),
    call("unlink", 87, '(long)"{FILE}.kept"'),
    call("read-another-file", 0, "3", _BUFFER, "8"),
    call("read-answers", 0, "1", _BUFFER, "8"),
    call("write-to-errors", 1, "2", '(long)"forged"', "6"),
    call("write-to-errors", 4, "2", '(long)"forged"', "6", bits=32),
    call("write-to-orders", 1, "0", '(long)"forged"', "6"),
    call("pwrite", 18, "1", '(long)"forged"', "6"),
    call("sendfile", 40, "1", "0", "0", "8"),
    call("memfd", 319, '(long)"x"', "0"),
    call("close", 3, "0"),
    call("dup", 32, "1"),
    call("chroot", 161, '(long)"/"'),
    call("mount", 165, '(long)"x"', '(long)"/tmp"', '(long)"tmpfs"'),
)
SOCKETS = (
    call("socket", 41, "2", "1", "0"),
    call("socketpair", 53, "1", "1", "0", _BUFFER),
    call("socketcall", 102, "1", _BUFFER, bits=32),
    call("connect", 42, "3", _BUFFER, "16"),
    call("io-uring", 425, "8", _BUFFER),
)
PROCESSES = (
    call("fork", 57),
    call("fork", 2, bits=32),
    call("vfork", 58),
    call("vfork", 190, bits=32),
    call("clone", 56, "17"),
    call("clone3", 435, _BUFFER, "64"),
    call("execve", 59, '(long)"/bin/sh"', "0", "0"),
    call("execve", 11, '(long)"/bin/sh"', "0", "0", bits=32),
    call("execveat", 322, "-100", '(long)"/bin/sh"', "0", "0"),
    call("kill", 62, "{PID}", "10"),
    call("kill", 37, "{PID}", "10", bits=32),
    call("tgkill", 234, "{PID}", "{PID}", "10"),
    call("ptrace", 101, "16", "{PID}"),
    call("process-vm-writev", 311, "{PID}", _BUFFER, "1", _BUFFER, "1"),
    call("prlimit", 302, "{PID}", "0", _BUFFER),
    call("setns", 308, "3"),
    call("unshare", 272, "0x10000000"),
    call("setuid", 105, "0"),
)
MEMORY = (
    call("mmap-huge", 9, "0", "1UL << 40", "3", "0x22", "-1"),
    call("mmap2-huge", 192, "0", "1UL << 30", "3", "0x22", "-1", bits=32),
    call("brk", 12, "-1"),
    call("mprotect", 10, "0x400000", "0x100000", "7"),
    call("munmap", 11, "0x400000", "0x100000"),
    call("mremap", 25, "0x400000", "4096", "8192", "1"),
)
FENCES = (
    call("seccomp", 317, "1", "0", _BUFFER),
    call("prctl", 157, "4", "1"),
    call("rt-sigaction", 13, "31", _BUFFER, "0", "8"),
    call("rt-sigreturn", 15),
    call("sigreturn", 119, bits=32),
    call("sigaltstack", 131, _BUFFER),
    call("bpf", 321, "5", _BUFFER, "128"),
    call("userfaultfd", 323),
    call("of-x32", 0x4000_0002, _PASSWD, "0"),
    Hostile(
        "int-0x80-in-64",
        '__asm__ volatile("int $0x80" : : "a"(5), "b"("/etc/passwd"), "c"(0));',
        "system call 5,",
    ),
    Hostile(
        "allowed-number-of-i386-in-64",
        # write(1, ..) of x86-64 has the number of exit(..) of i386, and write's there is stat's.
        '__asm__ volatile("int $0x80" : : "a"(4), "b"(1), "c"("forged"), "d"(6));',
        "system call 4,",
    ),
    Hostile(
        "far-to-32-bit-code",
        '__asm__ volatile("pushq $0x23; pushq $1f; lretq; .code32; 1: mov $5, %%eax; int $0x80; '
        'ud2; .code64" : : : "rax", "memory");',
        "system call 5,",
    ),
    Hostile(
        "far-to-64-bit-code",
        '__asm__ volatile("ljmp $0x33, $1f; 1: .byte 0xb8, 2, 0, 0, 0, 0x0f, 5" : : : "eax");',
        "system call 2,",
        bits=32,
    ),
    Hostile("vsyscall", "((long (*)(long))0xffffffffff600000UL)(0);", "access|system call|trap"),
)
ENDS = (
    Hostile("loop", 'for (;;) __asm__ volatile("");', "no end in sight"),
    Hostile("loop-32", 'for (;;) __asm__ volatile("");', "no end in sight", bits=32),
    Hostile(
        "loop-with-accesses",
        "for (;;) (void)*(volatile long *)kvm->arch.gpa_mm.pgd;",
        "^$|no end in sight",
    ),
    Hostile(
        "recursion",
        "deeper(1);",
        "an access to 0x1ff",
        "static int deeper(int n) { volatile char room[4096]; room[0] = n; "
        "return deeper(n + 1) + room[0]; }",
    ),
    Hostile("exit", "hostile(231, 0, 0, 0, 0, 0, 0);", "ended by itself, with status 0"),
    Hostile("exit-32", "hostile(252, 3, 0, 0, 0, 0, 0);", "status 3", bits=32),
    Hostile("steals-orders", f"hostile(0, 0, {_BUFFER}, 8, 0, 0, 0);", "no end in sight"),
)
FAULTS = (
    Hostile("undefined", '__asm__ volatile("ud2");', "an instruction that there is not"),
    Hostile("undefined-32", '__asm__ volatile("ud2");', "an instruction that", bits=32),
    Hostile(
        "debug-information",
        '__asm__ volatile("ud2");',
        "an instruction that there is not",
        '__asm__(".section .debug_info; .fill 64, 1, 0xff; .section .debug_line; "'
        '".fill 99, 1, 0x7f; .section .debug_abbrev; .fill 64, 1, 0xff; .text");',
    ),
    Hostile("halt", '__asm__ volatile("hlt");', "an access"),
    Hostile("interrupts-off", '__asm__ volatile("cli");', "an access"),
    Hostile("port", '__asm__ volatile("outb %al, $0x80");', "an access"),
    Hostile("clock", '__asm__ volatile("rdtsc" : : : "eax", "edx");', "an access"),
    Hostile("breakpoint", '__asm__ volatile("int3");', "a trap"),
    Hostile(
        "single-step",
        '__asm__ volatile("pushfq; orq $0x100, (%%rsp); popfq; nop; nop" : : : "cc");',
        "a trap",
    ),
    Hostile(
        "division",
        '__asm__ volatile("div %0" : : "r"(0), "a"(1), "d"(0));',
        "a division that has no result",
    ),
    Hostile("write-code", '__asm__ volatile("movl $0, 0x400000");', "an access to 0x400000"),
    Hostile("write-loader", '__asm__ volatile("movl $0, 0x70000000");', "an access to 0x70000000"),
    Hostile(
        "write-empty-table", '__asm__ volatile("movl $0, 0x10000000");', "an access to 0x10000000"
    ),
    Hostile("write-null", '__asm__ volatile("movl $0, 0");', "an access to 0x0"),
    Hostile("write-null-32", '__asm__ volatile("movl $0, 0");', "an access to 0x0", bits=32),
    Hostile("jump-null", "((void (*)(void))0)();", "an access to 0x0"),
    Hostile(
        "run-data",
        "((void (*)(void))code)();",
        "an access to 0x5",
        "unsigned char code[] = { 0xc3 };",
    ),
    Hostile(
        "run-stack",
        '__asm__ volatile("movb $0xc3, -256(%rsp); lea -256(%rsp), %rax; jmp *%rax");',
        "an access to 0x200f",
    ),
    Hostile(
        "run-data-32",
        "((void (*)(void))code)();",
        "an access to 0x5",
        "unsigned char code[] = { 0xc3 };",
        32,
    ),
    Hostile("no-stack", '__asm__ volatile("xor %esp, %esp; push %rax");', "an access"),
)
FORGED = 'extern int forged[] __asm__("slat_control");'
FORGERIES = (
    Hostile("flood", "for (;;) hostile(1, 1, 0x400000, 65536, 0, 0, 0);", "an answer that"),
    Hostile("short-answer", "hostile(1, 1, 0x400000, 1, 0, 0, 0);", "an answer that"),
    Hostile(
        "claims-of-a-fault",
        "static struct { int what, n; long at, detail; } said = { 2, 99, 0x400000, 0 };"
        "hostile(1, 1, (long)&said, 24, 0, 0, 0); for (;;) ;",
        "signal 99",
    ),
    Hostile("events-without-end", "forged[7] = -1;", "overwritten", FORGED),
    Hostile(
        "changes-without-end",
        "forged[5] = 70000;",
        "overwritten",
        FORGED,
    ),
    Hostile("cursor", "forged[2] = 1 << 20;", "an access|overwritten", FORGED),
    Hostile(
        "event-of-no-kind",
        "events[0] = 999; forged[7] = 1;",
        "overwritten",
        FORGED + 'extern int events[] __asm__("slat_events");',
    ),
)
LINKED = (
    Hostile(
        "constructor",
        "",
        "",
        "static void __attribute__((constructor, used)) early(void)\n"
        "{ hostile(2, 0, 0, 0, 0, 0, 0); }",
    ),
    Hostile(
        "interpreter",
        "",
        "",
        '__asm__(".section .interp, \\"a\\"; .asciz \\"/bin/sh\\"; .text");',
    ),
    Hostile(
        "assembler-beside",
        "",
        "",
        '__asm__(".section .init, \\"ax\\"; mov $60, %eax; syscall; .text");',
    ),
    Hostile(
        "indirect-function",
        "",
        "",
        "static int plain(void) { return 0; }\n"
        "static void *chosen(void) { hostile(2, 0, 0, 0, 0, 0, 0); return plain; }\n"
        'static int __attribute__((ifunc("chosen"), used)) indirect(void);',
    ),
)
REFUSED = (
    Hostile("thread-local", "local = 1;", "PT_TLS", "static __thread volatile int local;"),
    Hostile("second-runner", "", "duplicate symbol", "void slat_run(void) { }"),
    Hostile("second-function", "", "duplicate symbol", "void slat_lock_changed(void) { }"),
    Hostile("embedded", "", "embeds", '__asm__(".incbin \\"/etc/passwd\\"");'),
    Hostile("of-another-processor", '__asm__ volatile("ssnop");', "emulated only, .*ssnop"),
    Hostile("unknown", "getenv(0);", "undefined symbol", "char *getenv(const char *name);"),
)
"""Trees of which no image is made, with the reason."""
HOSTILE = (
    *FILES, *SOCKETS, *PROCESSES, *MEMORY, *FENCES, *ENDS, *FAULTS, *FORGERIES, *LINKED,
)  # fmt: skip
_SHOWN = frozenset(
    (
        *("open-32", "openat-64", "create-64", "write-to-errors-64", "write-to-errors-32"),
        *("read-answers-64", "socket-64", "socketcall-32", "io-uring-64", "fork-64", "fork-32"),
        *("execve-64", "kill-64", "kill-32", "ptrace-64", "mmap-huge-64", "mprotect-64"),
        *("seccomp-64", "rt-sigreturn-64", "of-x32-64"),
    )
)
SWEPT = frozenset(
    one.name
    for one in (*FILES, *SOCKETS, *PROCESSES, *MEMORY, *FENCES)
    if one.body.startswith("hostile(") and one.name not in _SHOWN
)
"""Those whose system call is tried with all others in one sweep as well."""
