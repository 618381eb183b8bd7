/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef NICSENTRY_FUNCTIONS_H
#define NICSENTRY_FUNCTIONS_H

#include "features.h"

/* Functions are what makes a program short enough for the card. On the host each call costs time, 20 ns where the
 * processor's returns are guarded (docs/decisions/0009-three-builds-of-each-program.md): there FUNCTION is inlined, and
 * ONCE is a function that is global, so that the kernel's verifier looks at it once, not once for every way to it. */
#if ON_HOST
#define FUNCTION static __always_inline
#define ONCE __noinline
#else
#define FUNCTION static __noinline
#define ONCE static __always_inline
#endif

#endif
