/* SPDX-License-Identifier: GPL-2.0-only */
/* Parts of a program on the host that a run asks for. The loader sets them before the kernel's verifier looks at the
 * program, which then leaves out what is off. */
#ifndef NICSENTRY_SWITCHES_H
#define NICSENTRY_SWITCHES_H

#include <bpf/bpf_helpers.h>

#include "features.h"
#include "types.h"

#if HAS_SWITCHES

const volatile struct switches switches SEC(".rodata.live") = {};

#endif

#endif
