/* SPDX-License-Identifier: GPL-2.0-only */
/* Metrics of sessions, for the detection of mining. */
#define PROGRAM crypto
#include "program.h"
