/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Probes that read what strangers send: made by sluice-check, a process without rights. Here it is
 * started, asked, listened to without trust, and started again when it dies.
 */
#pragma once

#include "core/check_report.h"
#include "health/probe.h"

struct apart;

/* Starts the program now, for rights to become another user may be given up later. */
struct apart *apart_new(uv_loop_t *loop, const char *program);
/* Ends it. No probe may be left. Memory goes when the loop has run the close callbacks. */
void apart_free(struct apart *apart);

/* With a mark, which only we may set, the probe gets its socket from us. Never answers from within the
 * call. Errors of the process itself are undecided probes. */
struct probe *apart_probe(struct apart *apart, const struct way *way,
			  const struct check_config *check, probe_fn fn, void *arg);
/* The part of the totals that is about the process. */
void apart_describe(const struct apart *apart, struct check_totals *totals);
