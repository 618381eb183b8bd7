/* SPDX-License-Identifier: GPL-2.0-only */
/* Operations that LLVM cannot look into. The verifiers of the kernel and of the card's driver follow a pointer that
 * moves by constants; LLVM would turn the moves into an index. It would also copy the code behind a branch into both
 * arms, for which the card has no room. libbpf's barrier_var() hides what LLVM knows of a variable. */
#ifndef NICSENTRY_OPAQUE_H
#define NICSENTRY_OPAQUE_H

#include <bpf/bpf_helpers.h>

/* barrier_var() for a 32-bit variable: it stays in a 32-bit register, which saves the moves to and from a 64-bit one.
 * Only for the result of a 32-bit operation or load: LLVM relies on the register's upper half being 0. */
#define barrier_word(word) asm volatile("" : "+w"(word))

/* Moves a pointer by a constant number of bytes. */
#define advance(pointer, bytes) asm volatile("%0 += %1" : "+r"(pointer) : "i"(bytes))

/* Moves a pointer by a variable number of bytes. */
#define advance_by(pointer, bytes) asm volatile("%0 += %1" : "+r"(pointer) : "r"((__u64)(bytes)))

/* Moves a pointer by a constant number of bytes if a 32-bit condition is not 0. */
#define advance_if(condition, pointer, bytes)                                                                          \
	asm volatile("if %1 == 0 goto +1; %0 += %2" : "+r"(pointer) : "w"((__u32)(condition)), "i"(bytes))

/* word |= bits, where they have no bit in common. By an addition: Linux 6.1's verifier forgets all that it knows of a
 * word at an `or` with a variable. */
#define add_opaque(word, bits) asm volatile("%0 += %1" : "+r"(word) : "r"((__u64)(bits)))

/* The same for constant bits. Code that several jumps lead to stays one piece of code with it. */
#define add_opaque_constant(word, bits) asm volatile("%0 += %1" : "+r"(word) : "i"(bits))

#endif
