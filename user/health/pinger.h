/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Echo requests, from one socket a family that is opened while there are rights to. */
#pragma once

#include "health/probe.h"

struct pinger;

struct pinger *pinger_new(uv_loop_t *loop);
/* No probe may be left. Memory goes when the loop has run the close callbacks. */
void pinger_free(struct pinger *pinger);
/* Why there is no socket of the family, NULL when there is. */
const char *pinger_problem(const struct pinger *pinger, enum sluice_family family);
/* Never answers from within the call. */
struct probe *pinger_probe(struct pinger *pinger, const struct sluice_addr *addr,
			   uint32_t timeout_ms, probe_fn fn, void *arg);
