/* SPDX-License-Identifier: GPL-2.0-only */
/* Steps of pointers that LLVM may not turn into an index or into two copies of what follows: the verifiers of the
 * kernel and of the card's driver follow a pointer that moves by constants, and what follows is there but once. */
#ifndef NICSENTRY_POINTERS_H
#define NICSENTRY_POINTERS_H

#define step(pointer, bytes) asm volatile("%0 += %1" : "+r"(pointer) : "i"(bytes))

#define step_by(pointer, word) asm volatile("%0 += %1" : "+r"(pointer) : "r"((__u64)(word)))

/* A step where a 32-bit word is not 0. */
#define step_if(word, pointer, bytes)                                                                                  \
	asm volatile("if %1 == 0 goto +1; %0 += %2" : "+r"(pointer) : "w"((__u32)(word)), "i"(bytes))

/* word |= bits, where they have none in common: of Linux 6.1's verifier an `or` with a variable takes all that it
 * knows. */
#define join(word, bits) asm volatile("%0 += %1" : "+r"(word) : "r"((__u64)(bits)))

/* Of what LLVM knows of a variable nothing holds any more. */
#define make_anew(variable) asm volatile("" : "+r"(variable))

/* Likewise, of a variable of 32 bits that a 32-bit operation has set: without a move from or to a 64-bit register. */
#define make_word_anew(word) asm volatile("" : "+w"(word))

#endif
