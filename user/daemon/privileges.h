/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the daemon may do to the system: CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON, nothing else, unless
 * the configuration asks for more. */
#pragma once

#include <stdbool.h>

#include "base/err.h"

/* 0, or -EPERM and an err that names every missing capability and how to give it. */
int privileges_check(struct err *e);
/* The same for xdp_shared: CAP_SYS_ADMIN. */
int privileges_check_shared(struct err *e);
/* Gives up everything else for good. is_shared: holds CAP_SYS_ADMIN, without effect. */
int privileges_drop(bool is_shared, struct err *e);
/* As many descriptors as the system allows: each probe takes one. */
void privileges_raise_files(void);
