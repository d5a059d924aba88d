/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* States of the world that give a packet its verdict. Each but the first changes it as it is. */
#pragma once

#include "packet/world.h"

#define V4 "192.0.2.1"
#define V6 "2001:db8::1"
#define CLIENT4 "198.51.100.7"
#define CLIENT6 "2001:db8:c::7"

#define TCP4 .src = CLIENT4, .dst = V4, .proto = IPPROTO_TCP, .sport = 40000, .dport = 80
#define UDP4 .src = CLIENT4, .dst = V4, .proto = IPPROTO_UDP, .sport = 40000, .dport = 53
#define TCP6 .src = CLIENT6, .dst = V6, .proto = IPPROTO_TCP, .sport = 40000, .dport = 80
#define UDP6 .src = CLIENT6, .dst = V6, .proto = IPPROTO_UDP, .sport = 40000, .dport = 53

/* Who has V4? Tell CLIENT4. */
#define ARP                                                                                        \
	.dmac = "\xff\xff\xff\xff\xff\xff", .ethertype = 0x0806, .payload_len = 28,                \
	.payload = "\0\1\x08\0\6\4\0\1" CLIENT_MAC "\xc6\x33\x64\x07\0\0\0\0\0\0\xc0\0\2\1"

void state_base(struct world *world);
void state_all_ports(struct world *world);
void state_pass_unknown(struct world *world);
void state_local(struct world *world);
void state_limit(struct world *world);
void state_host_limit(struct world *world);
void state_limit_bypassed(struct world *world);
void state_limit_bypass_over(struct world *world);
void state_trial(struct world *world);
void state_trial_over(struct world *world);
void state_limit_trial_over(struct world *world);
void state_denied(struct world *world);
void state_ban(struct world *world);
void state_allow_only(struct world *world);
void state_service_ceiling(struct world *world);
void state_member_ceiling(struct world *world);
void state_nobody(struct world *world);
void state_dead_owner(struct world *world);
void state_freed_owner(struct world *world);
void state_dead_both(struct world *world);
void state_dead_alone(struct world *world);
void state_unresolved(struct world *world);
void state_no_source(struct world *world);
void state_no_source6(struct world *world);
void state_closed_port(struct world *world);
void state_small_mtu(struct world *world);
void state_exact_mtu(struct world *world);
void state_small_mtu_l2(struct world *world);
void state_exact_mtu_l2(struct world *world);
void state_bad_log2(struct world *world);
void state_bad_base(struct world *world);
void state_bad_member(struct world *world);
void state_bad_runner(struct world *world);
void state_bad_nexthop(struct world *world);
void state_free_nexthop(struct world *world);
void state_bad_mode(struct world *world);
void state_bad_limit(struct world *world);
void state_bad_limit_region(struct world *world);
void state_macs(struct world *world);
void state_foreign_macs(struct world *world);
void state_arp(struct world *world);
void state_arp_flood(struct world *world);
