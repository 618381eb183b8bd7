/* SPDX-License-Identifier: GPL-2.0-only */
/* Functions are what makes a program short enough for the card. On the host each call costs time, 20 ns where the
 * processor's returns are guarded (docs/decisions.md): there they are inlined, but for those that the verifier is to
 * look at but once. */
#ifndef NICSENTRY_FUNCTIONS_H
#define NICSENTRY_FUNCTIONS_H

#ifdef INLINE_FUNCTIONS
#define FUNCTION static __always_inline
#else
#define FUNCTION static __noinline
#endif

#endif
