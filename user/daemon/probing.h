/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The path that probes take as the service's packets do: made when a check asks for it, kept right,
 * taken away when none does any more; and why it is not there. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/config.h"
#include "health/path.h"

struct control_finding;
struct daemon;
struct probe_path;

struct probing {
	struct probe_path *path; /* NULL: not wanted, or not to be had */
	bool is_wanted[SLUICE_FAMILY_MAX];
	bool is_cleared;   /* what a predecessor may have left on the host is gone */
	char problem[320]; /* why there is none, "" */
	char fix[256];
	char told[320];	    /* as the last event said */
	uint64_t looked_ms; /* at the host, or tried to make it */
	uint64_t addresses; /* resolver_addresses() then */
	/* The last probe that did not take it, until one to the same address does. */
	struct sluice_addr stray_addr;
	char stray[HEALTH_TEXT_MAX], stray_fix[256];
	uint64_t stray_ms;
	uint32_t carrier_ifindex; /* by it packets could leave, at carrier_ms */
	uint64_t carrier_ms;
};

/* For health_new(). */
struct health_path probing_health_path(struct daemon *daemon);
/* The model has other services or members; what health probes follows it already. */
void probing_follow(struct daemon *daemon);
/* Once a second. */
void probing_tick(struct daemon *daemon);
/* Can no probe take the path? The findings say why. */
bool probing_is_blind(const struct daemon *daemon);
size_t probing_findings(const struct daemon *daemon, struct control_finding *list, size_t max);
/* What is on the host stays. */
void probing_done(struct daemon *daemon);
