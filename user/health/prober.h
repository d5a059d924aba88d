/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Makes probes of every type, to a member's own address or through the path. */
#pragma once

#include "core/check_report.h"
#include "health/path.h"
#include "health/probe.h"

struct prober;

/* program: see health_new(). path: NULL when there is none. */
struct prober *prober_new(uv_loop_t *loop, const char *program, const struct health_path *path);
/* No probe may be left. Memory goes when the loop has run the close callbacks. */
void prober_free(struct prober *prober);

/* An index for a target's probes through the path; 0: there is none left. now_ms: monotonic. */
uint32_t prober_take_index(struct prober *prober, uint64_t now_ms);
/* Nobody else gets it for as long as sockets with its mark may be left in sluice-check, by the check of
 * the probes that it was for. Accepts 0. */
void prober_give_index(struct prober *prober, uint32_t index, const struct check_config *check,
		       uint64_t now_ms);

/* By the host's own routes. Never answers from within the call. */
struct probe *prober_direct(struct prober *prober, const struct sluice_addr *addr, uint16_t port,
			    const struct check_config *check, probe_fn fn, void *arg);

/* The same through the path, by an index that no other probe uses now. What went another way, or no
 * way at all, is undecided. */
struct path_target {
	uint32_t index;	   /* 0: undecided */
	uint64_t *members; /* ids; the first one that can be reached */
	size_t member_count;
};
struct probe *prober_through(struct prober *prober, const struct path_target *target,
			     const struct sluice_addr *addr, uint16_t port,
			     const struct check_config *check, probe_fn fn, void *arg);

/* Can anything leave for these members now? False: why not; what fails then says nothing of them. */
bool prober_can_leave(const struct prober *prober, const struct path_target *target,
		      char problem[HEALTH_TEXT_MAX]);

/* The part of the totals that is about sluice-check. */
void prober_describe(const struct prober *prober, struct check_totals *totals);
/* Why echo requests of the family cannot be sent, NULL when they can. */
const char *prober_icmp_problem(const struct prober *prober, enum sluice_family family);
