/* SPDX-License-Identifier: GPL-2.0-only */
/* Leaves the code under test from wherever a fatal event finds it: x86, of either width. */
	.text
	.globl slat_setjmp
	.type slat_setjmp, @function
	.globl slat_longjmp
	.type slat_longjmp, @function
#ifdef __LP64__
slat_setjmp:
	mov %rbx, 0(%rdi)
	mov %rbp, 8(%rdi)
	mov %r12, 16(%rdi)
	mov %r13, 24(%rdi)
	mov %r14, 32(%rdi)
	mov %r15, 40(%rdi)
	lea 8(%rsp), %rdx	/* the stack pointer as it is after the return */
	mov %rdx, 48(%rdi)
	mov (%rsp), %rdx
	mov %rdx, 56(%rdi)
	xor %eax, %eax
	ret
slat_longjmp:
	mov 0(%rdi), %rbx
	mov 8(%rdi), %rbp
	mov 16(%rdi), %r12
	mov 24(%rdi), %r13
	mov 32(%rdi), %r14
	mov 40(%rdi), %r15
	mov 48(%rdi), %rsp
	mov %esi, %eax
	jmp *56(%rdi)
#else
slat_setjmp:
	mov 4(%esp), %ecx
	mov %ebx, 0(%ecx)
	mov %ebp, 4(%ecx)
	mov %esi, 8(%ecx)
	mov %edi, 12(%ecx)
	lea 4(%esp), %edx	/* the stack pointer as it is after the return */
	mov %edx, 16(%ecx)
	mov (%esp), %edx
	mov %edx, 20(%ecx)
	xor %eax, %eax
	ret
slat_longjmp:
	mov 4(%esp), %ecx
	mov 8(%esp), %eax
	mov 0(%ecx), %ebx
	mov 4(%ecx), %ebp
	mov 8(%ecx), %esi
	mov 12(%ecx), %edi
	mov 16(%ecx), %esp
	jmp *20(%ecx)
#endif
	.globl slat_wide
	.type slat_wide, @function
/* The width is the process's own: there is nothing to set. */
slat_wide:
	ret
	.globl slat_stop
	.type slat_stop, @function
/* Calls return to the loader, and nobody comes here. */
slat_stop:
	ud2
