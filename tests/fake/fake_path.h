/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Where the packet program sends a packet, on the maps in memory: bpf/flow_rules.h itself, compiled
 * for this machine. */
#pragma once

#include "fake/fake_dataplane.h"

enum fake_packet { FAKE_SYN, FAKE_DATA, FAKE_CLOSE };

/* The member that the packet of this flow gets, SLUICE_MEMBER_NONE: nobody. */
uint32_t fake_path_send(struct fake_dataplane *fake, const struct dp_service *service,
			uint64_t flow_hash, enum fake_packet packet);
/* Whether the flow has an entry that holds, in `flows` or in `pending`; its member. */
bool fake_path_find(struct fake_dataplane *fake, uint64_t flow_hash, uint32_t *ret_member);
