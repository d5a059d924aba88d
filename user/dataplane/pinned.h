/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The pinned maps of an instance for those who do without its daemon: to look, and to change the few
 * words that may be changed while nobody else writes.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <sluice/map_types.h>
#include <sluice/verdict.h>

#include "base/err.h"
#include "core/dataplane_sources.h"
#include "dataplane/node.h"

struct clock_bpf;
struct model;

struct dp_pinned_array {
	void *data;
	uint32_t count;
	size_t bytes;
};

struct dp_pinned {
	char dir[192];
	struct dp_pinned_array meta, control, notes, services, members, slots, runners;
	int names_fd, member_stats_fd, verdict_stats_fd;
	struct clock_bpf *clock;
	int cpus;
	void *percpu;
};

/* Opens what an instance has in force. -ENOENT: nothing; otherwise negative errno with the reason. */
int dp_pinned_open(const char *instance, struct dp_pinned **ret_pinned, struct err *e);
/* Maps one more array, whose values must have this size; dp_pinned_unmap() accepts zeros. */
int dp_pinned_map(const struct dp_pinned *pinned, const char *name, size_t value_bytes,
		  struct dp_pinned_array *ret_array, struct err *e);
void dp_pinned_unmap(struct dp_pinned_array *array);
void dp_pinned_close(struct dp_pinned *pinned); /* accepts NULL */

/* Switches, notes and the packet path's now. */
int dp_pinned_node(struct dp_pinned *pinned, struct dp_node *ret_node, struct err *e);

/* Name of a service, pool or limit; "" and false when it has none. */
bool dp_pinned_name(const struct dp_pinned *pinned, enum sluice_name_kind kind, uint32_t id,
		    uint32_t position, char ret_text[64]);

/* The daemon's state directory. 0; or -ENOENT: not known, or longer than that. */
int dp_pinned_state_directory(const struct dp_pinned *pinned, char *ret_path, size_t size);

/* The service in a cell, NULL if the cell has none (free, or an address alone). */
const struct sluice_service *dp_pinned_service(const struct dp_pinned *pinned, uint32_t cell);
/* The member at an index, NULL if there is none. */
struct sluice_member *dp_pinned_member(const struct dp_pinned *pinned, uint32_t index);
/* Slots of the service, and how many of them each member gets now: *ret_owned, allocated, one for
 * each member index. Dead owners are replaced as the packet path does. */
uint32_t dp_pinned_owned(const struct dp_pinned *pinned, const struct sluice_service *service,
			 uint32_t **ret_owned);

/* As a start reads them, which changes nothing here. -EUCLEAN with the reason: they contradict
 * themselves, and it would refuse; -ENOSPC: the model's limits (NULL: not known) are too many beside
 * those that are there. */
int dp_pinned_check(const struct dp_pinned *pinned, const struct model *model, struct err *e);

/* What new maps would not have. Entries are counted whether or not their time is over, which a daemon
 * would know: there are at most so many. */
struct dp_pinned_loss {
	uint32_t flows;	  /* entries of flows that do not follow their slot */
	uint32_t moving;  /* slots: flows of them may have no entry yet */
	uint32_t limits;  /* whose sources have states */
	uint32_t offline; /* members whose maintenance was changed while no daemon ran */
};
int dp_pinned_count_loss(const struct dp_pinned *pinned, struct dp_pinned_loss *ret_loss,
			 struct err *e);

/* Calls fn for each ban that is in force, and removes those for which it returns true. now_ns: of the
 * packet path. 0 or negative errno. */
typedef bool (*dp_pinned_ban_fn)(void *arg, const struct dp_ban *ban);
int dp_pinned_bans(const struct dp_pinned *pinned, uint64_t now_ns, dp_pinned_ban_fn fn, void *arg,
		   struct err *e);

int dp_pinned_member_stats(const struct dp_pinned *pinned, uint32_t index,
			   struct sluice_member_stats *ret_stats);
int dp_pinned_verdict_stats(const struct dp_pinned *pinned,
			    struct sluice_verdict_stats ret_stats[SLUICE_V_MAX]);
