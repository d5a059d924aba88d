/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the running kernel allows, asked before it is needed, so that a refusal names its fix. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/* libbpf's and libxdp's messages are collected instead of printed. Forget what was collected. */
void kernel_messages_start(void);
/* The last message that says why (the kernel's own where there is one), "" if none. The verifier's
 * verdict is its last line. Valid until the next start. */
const char *kernel_message(void);

/* Those of CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON that this process lacks, with commas; "" none.
 * False when it cannot be told. */
bool kernel_missing_capabilities(char *text, size_t size);
/* All three, or those that stand for them; else ERR_FORBIDDEN naming what is missing. */
int kernel_check_capabilities(struct err *e);
/* Asks for the features that the packet path needs, one an index: the name, and 0 or -errno in
 * *ret_code (-EPERM: we may not ask). NULL after the last. */
const char *kernel_probe_feature(size_t index, int *ret_code);
/* XDP programs, mmapable arrays, ring buffer, device map: else ERR_UNSUPPORTED. */
int kernel_check_features(struct err *e);
/* Is a bpffs mounted at /sys/fs/bpf, writable for us? */
int kernel_check_bpffs(struct err *e);
