/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "dataplane/ethtool.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/util.h"

#define FEATURES_MAX 256 /* the kernel has about 64 */

static int ask(const char *interface, void *command)
{
	AUTO_CLOSE int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = {.ifr_data = command};

	util_copy(request.ifr_name, sizeof(request.ifr_name), interface);
	return fd < 0 ? -1 : ioctl(fd, SIOCETHTOOL, &request);
}

void ethtool_driver(const char *interface, char *buffer, size_t size)
{
	struct ethtool_drvinfo info = {.cmd = ETHTOOL_GDRVINFO};

	util_copy(buffer, size, ask(interface, &info) ? "" : info.driver);
}

static uint32_t count_features(const char *interface)
{
	struct {
		struct ethtool_sset_info info;
		uint32_t count;
	} sets = {.info = {.cmd = ETHTOOL_GSSET_INFO, .sset_mask = 1ULL << ETH_SS_FEATURES}};

	if (ask(interface, &sets) || !(sets.info.sset_mask & 1ULL << ETH_SS_FEATURES))
		return 0;
	return MIN(sets.count, FEATURES_MAX);
}

/* Position of a feature's name, or -1. */
static int find_feature(const char *interface, const char *feature, uint32_t count)
{
	AUTO_FREE struct ethtool_gstrings *names =
		util_alloc(sizeof(*names) + (size_t)count * ETH_GSTRING_LEN);
	uint32_t i;

	names->cmd = ETHTOOL_GSTRINGS;
	names->string_set = ETH_SS_FEATURES;
	names->len = count;
	if (ask(interface, names))
		return -1;
	for (i = 0; i < count; i++)
		if (!strncmp((const char *)names->data + (size_t)i * ETH_GSTRING_LEN, feature,
			     ETH_GSTRING_LEN))
			return (int)i;
	return -1;
}

enum fact ethtool_feature(const char *interface, const char *feature)
{
	uint32_t count = count_features(interface), words = (count + 31) / 32;
	int at = count ? find_feature(interface, feature, count) : -1;
	AUTO_FREE struct ethtool_gfeatures *state = NULL;

	if (at < 0)
		return FACT_UNKNOWN;
	state = util_alloc(sizeof(*state) + words * sizeof(state->features[0]));
	state->cmd = ETHTOOL_GFEATURES;
	state->size = words;
	if (ask(interface, state))
		return FACT_UNKNOWN;
	return state->features[at / 32].active & 1U << at % 32 ? FACT_YES : FACT_NO;
}

int ethtool_checksums_off(const char *interface)
{
	struct ethtool_value value = {.cmd = ETHTOOL_GTXCSUM};

	if (!ask(interface, &value) && !value.data)
		return 0;
	/* Scattered packets and segmentation go with it. */
	value = (struct ethtool_value){.cmd = ETHTOOL_STXCSUM};
	return ask(interface, &value) ? -errno : 0;
}

struct doctor_channels ethtool_channels(const char *interface)
{
	struct ethtool_channels channels = {.cmd = ETHTOOL_GCHANNELS};

	if (ask(interface, &channels))
		return (struct doctor_channels){};
	return (struct doctor_channels){
		.rx = channels.rx_count,
		.tx = channels.tx_count,
		.combined = channels.combined_count,
		.max_rx = channels.max_rx,
		.max_tx = channels.max_tx,
		.max_combined = channels.max_combined,
	};
}
