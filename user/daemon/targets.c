/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "daemon/targets.h"

#include <net/if.h>
#include <string.h>

#include "base/log.h"
#include "base/util.h"
#include "dataplane/ethtool.h"
#include "dataplane/xdp_features.h"

struct targets {
	struct xdp_features *features; /* NULL: the kernel does not tell */
	uint32_t sources[CONFIG_INTERFACES_MAX];
	size_t source_count;
	bool is_attached;
	bool is_noted;
};

struct targets *targets_new(void)
{
	struct targets *targets = util_alloc(sizeof(*targets));

	targets->features = xdp_features_open();
	return targets;
}

void targets_free(struct targets *targets)
{
	if (!targets)
		return;
	xdp_features_close(targets->features);
	free(targets);
}

void targets_set_sources(struct targets *targets, const uint32_t *ifindexes, size_t count,
			 bool is_attached)
{
	targets->source_count = MIN(count, ARRAY_SIZE(targets->sources));
	memcpy(targets->sources, ifindexes, targets->source_count * sizeof(*ifindexes));
	targets->is_attached = is_attached;
}

/* Do frames for the device come from elsewhere, or is sending back on it the same to the driver? */
static bool is_asked_of(const struct targets *targets, uint32_t ifindex, bool is_veth)
{
	bool is_source = false, has_others = false;
	size_t i;

	for (i = 0; i < targets->source_count; i++) {
		is_source |= targets->sources[i] == ifindex;
		has_others |= targets->sources[i] != ifindex;
	}
	if (is_source && is_veth)
		return true;
	/* Many drivers can once they run a program: before that their answer means nothing. */
	return has_others && (targets->is_attached || !is_source);
}

static void note_unknown(struct targets *targets, const char *name)
{
	if (!targets->is_noted)
		log_info("nexthops",
			 "this kernel does not tell whether %s and others transmit what XDP sends "
			 "(Linux does from 6.3 on): taken for granted",
			 name);
	targets->is_noted = true;
}

bool targets_can(struct targets *targets, uint32_t ifindex, char text[TARGETS_TEXT_MAX])
{
	char name[IF_NAMESIZE], driver[32];
	uint64_t bits;
	bool is_veth;

	text[0] = '\0';
	if (!targets->source_count || !if_indextoname(ifindex, name))
		return true; /* what is wrong with a device that is gone, others say */
	ethtool_driver(name, driver, sizeof(driver));
	is_veth = !strcmp(driver, "veth");
	if (!is_asked_of(targets, ifindex, is_veth))
		return true;
	if (!xdp_features_get(targets->features, ifindex, &bits)) {
		note_unknown(targets, name);
		return true;
	}
	if (bits & DOCTOR_XDP_TARGET)
		return true;
	if (is_veth)
		snprintf(text, TARGETS_TEXT_MAX,
			 "%s loses what XDP sends: attach a program that passes all at its far end",
			 name);
	else
		snprintf(text, TARGETS_TEXT_MAX,
			 "%s transmits no redirected frames now: add it to `interfaces`", name);
	return false;
}
