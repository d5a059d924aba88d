/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The kernel's neighbours (ARP, ND) that next hops use: watched, asked for, kept fresh. */
#pragma once

#include <linux/netlink.h>
#include <stdbool.h>
#include <stdint.h>

#include <sluice/types.h>

struct neigh_table;
struct netlink;

enum neigh_state {
	NEIGH_MISSING, /* the kernel has no entry */
	NEIGH_RESOLVING,
	NEIGH_VALID,
	NEIGH_FAILED
};

struct neigh_table *neigh_table_new(struct netlink *netlink);
void neigh_table_free(struct neigh_table *table);
/* RTM_NEWNEIGH and RTM_DELNEIGH. Returns whether a neighbour changed its state or MAC. */
bool neigh_take(struct neigh_table *table, const struct nlmsghdr *message);
void neigh_table_clear(struct neigh_table *table); /* before a new dump; keeps who is held */

/* Reference counted interest: the kernel is asked to resolve it and to keep it fresh. */
void neigh_hold(struct neigh_table *table, uint32_t ifindex, const struct sluice_addr *addr);
void neigh_release(struct neigh_table *table, uint32_t ifindex, const struct sluice_addr *addr);
enum neigh_state neigh_get(const struct neigh_table *table, uint32_t ifindex,
			   const struct sluice_addr *addr, uint8_t ret_mac[6]);
/* Asks a held neighbour now, by the kernel: whether it is there still, however sure the kernel is of
 * it. Meant for one that is asked again and again: the kernel does not keep it fresh by itself then.
 * Static entries are never asked. */
void neigh_question(struct neigh_table *table, uint32_t ifindex, const struct sluice_addr *addr,
		    uint64_t now_ms);
/* When the first question was asked that nothing was heard after; 0: there is none. */
uint64_t neigh_unanswered_since(const struct neigh_table *table, uint32_t ifindex,
				const struct sluice_addr *addr);
/* Asks again for held neighbours that the kernel forgot or does not keep fresh by itself. */
void neigh_tick(struct neigh_table *table, uint64_t now_ms);
