/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A program around the machine: it begins at slat_start(), speaks through write() and ends through
 * exit_group(), and makes no other system call. So it runs in the emulator, which answers just
 * these two, and as an ordinary static program under any Linux of the architecture.
 */
#include "program.h"
/* Already 64 bits wide: the emulator sets the mode, and Linux runs programs in it. */
#define slat_wide() ((void)0)
#include "machine.c"

void slat_stop(void);
#include "system.h"
#ifndef SLAT_PRINT
#define SLAT_PRINT(text, bytes) system_call(SYS_WRITE, 1, (long)(text), bytes)
#endif

static void leave(int status)
{
	system_call(SYS_EXIT_GROUP, status, 0, 0);
	slat_stop();
}

static char line[512];
static unsigned int length;

static void put(char c)
{
	if (length < sizeof(line))
		line[length++] = c;
	if (c == '\n' || length == sizeof(line)) {
		SLAT_PRINT(line, length);
		length = 0;
	}
}

static void put_text(const char *text)
{
	while (*text)
		put(*text++);
}

static void put_hex(u64 value)
{
	int shift = 60;

	put_text("0x");
	while (shift && !(value >> shift & 15))
		shift -= 4;
	for (; shift >= 0; shift -= 4)
		put("0123456789abcdef"[value >> shift & 15]);
}

static void put_decimal(u32 value)
{
	if (value >= 10)
		put_decimal(value / 10);
	put('0' + value % 10);
}

/* Numbers that a person reads as such in decimal, all others in hex. */
static void put_number(s64 value)
{
	if (value < 0 && value >= -4096) {
		put('-');
		value = -value;
	}
	if (value >= 0 && value <= 4096)
		put_decimal(value);
	else
		put_hex(value);
}

void slat_vsay(const char *format, __builtin_va_list *values)
{
	for (; *format; format++) {
		if (*format != '%') {
			put(*format);
			continue;
		}
		switch (*++format) {
		case 's':
			put_text(__builtin_va_arg(*values, const char *));
			break;
		case 'x':	/* u64 */
			put_hex(__builtin_va_arg(*values, u64));
			break;
		case 'n':	/* s64 */
			put_number(__builtin_va_arg(*values, s64));
			break;
		case 'u':	/* u32 */
			put_decimal(__builtin_va_arg(*values, u32));
			break;
		default:
			put('%');
			format--;
		}
	}
}

void slat_say(const char *format, ...)
{
	__builtin_va_list values;

	__builtin_va_start(values, format);
	slat_vsay(format, &values);
	__builtin_va_end(values);
}

/* On the runner's stack, so that the checks know it. */
__attribute__((used)) static void enter(void)
{
	slat_boot();
	slat_control.budget = SLAT_BUDGET;
	slat_hot.fuel = SLAT_BUDGET;
	slat_control.instrumented = SLAT_INSTRUMENTED;
	start();
	leave(slat_program());
}

SLAT_START

#ifdef SLAT_KUNIT
#include "kunit.c"
#elif defined(SLAT_MMU_TEST)
#include "mmu-test.c"
#else
#include "reproduce.c"
#endif
