/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The program that sends probes through the path, on the maps of a world. */
#pragma once

#include <sluice/probe_types.h>

#include "packet/world.h"
#include "probe.skel.h"

#define PROBER_MARK SLUICE_PROBE_MARK(3U)
#define PROBER_TARGETS 8

struct prober {
	struct probe_bpf *skel;
	struct sluice_probe_target *targets;
};

struct prober *prober_new(struct world *world);
void prober_free(struct prober *prober);
/* Target at index: probes to service for the member at this index. */
void prober_set(struct prober *prober, uint32_t index, uint32_t member, const char *service);
/* run->action: TC_ACT_*; run->verdict is of no meaning. False: the kernel runs nothing on a frame that
 * is so short. */
bool prober_run(struct prober *prober, uint32_t mark, const struct frame *frame,
		struct world_run *run);
