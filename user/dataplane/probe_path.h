/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Probes that take the way of their member's traffic. Such a probe is a plain socket to the SERVICE's
 * address and port with a mark (SO_MARK, before connect or send; CAP_NET_ADMIN). An ip rule of the
 * instance leads packets with its marks into a table of its own, whose default route is a device of
 * ours; behind it a program looks the mark's target up and encapsulates the packet, or rewrites its
 * MAC addresses, from the maps that the packet program works with. The kernel resolves nothing. The
 * answer comes straight from the backend, from the service's address.
 *
 * Everything on the host (device pair, two rules, routes) is named by the instance alone. It stays
 * when the daemon ends, and is taken over by the next one. Single thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <sluice/probe_types.h>
#include <sluice/types.h>

#include "base/err.h"

struct dp_bpf;
struct probe_path;

/* What an instance makes on the host. Two instances may have the same numbers: the second is
 * refused. */
struct probe_path_place {
	char device[16]; /* sluice0 for the instance `default`; else sluice-XXXXXXXX */
	char peer[16];	 /* its other end, where the program is */
	uint32_t preference;
	uint32_t table;
	uint32_t mark; /* with SLUICE_PROBE_MARK_MASK */
};
void probe_path_place(const char *instance, struct probe_path_place *ret_place);

/*
 * Loads the program onto dp's maps and makes device, rules and routes; what an earlier daemon of the
 * instance left is taken over, nothing is there twice. targets: indices are 1 to targets
 * (SLUICE_PROBE_TARGETS_MAX - 1 at most); 64 bytes each. dp must outlive it. Refused with reason and
 * fix, and with nothing left behind: somebody else's device of that name, rule of that preference or
 * mark, or routes in that table (ERR_CONFLICT), missing rights (ERR_FORBIDDEN), a kernel without veth,
 * policy routing or clsact (ERR_UNSUPPORTED).
 */
int probe_path_open(struct dp_bpf *dp, const char *instance, uint32_t targets,
		    struct probe_path **ret_path, struct err *e);
/* Frees memory and descriptors; what is on the host stays. Accepts NULL. */
void probe_path_close(struct probe_path *path);

/* The addresses that probes come from whose sockets are bound to none, one of each family. Zero, or
 * not (any more) this host's: the first address of the family that is up and not link-local, one on lo
 * if there is no other. Takes effect at the next probe_path_refresh(). */
void probe_path_set_sources(struct probe_path *path, const struct sluice_addr *v4,
			    const struct sluice_addr *v6);
/* Makes what is on the host what it should be, comparing with what the kernel has: call it when the
 * host's own addresses may have changed (resolver_addresses()) and every few seconds; it costs about
 * a dozen netlink requests. An error is what probe_path_problem() tells from then on, until a later
 * call mends it. */
int probe_path_refresh(struct probe_path *path, struct err *e);
/* Why no probe of the family can be sent now, "IPv6 is disabled on this host"; NULL: they can. */
const char *probe_path_problem(const struct probe_path *path, enum sluice_family family);

/* Would the kernel send a probe to this service address, from a socket bound to source (zero: to none),
 * through the path, asked of its routing as it is now? Else why not, and the fix: an address of this
 * host, another rule that comes first, no address of that family. One or two netlink requests. */
int probe_path_check(struct probe_path *path, const struct sluice_addr *service,
		     const struct sluice_addr *source, struct err *e);

/* SO_MARK for probes of the target at index. */
uint32_t probe_path_mark(const struct probe_path *path, uint32_t index);
/* From now on probes of the target go to the member at this index of the dataplane (sync_member_index();
 * 0: drops, "the member is in no table yet"), whatever next hop it has. service: to where probes of it
 * are addressed; another one zeroes the counters. Cheap when nothing changes. -EINVAL: index out of
 * range. */
int probe_path_set(struct probe_path *path, uint32_t index, uint32_t member,
		   const struct sluice_addr *service);
/* Probes of the target are dropped, its counters zeroed. */
void probe_path_clear(struct probe_path *path, uint32_t index);

/* Packets of the target since it was set. */
struct probe_path_counts {
	uint64_t sent;
	uint64_t dropped;
	const char *reason; /* of the last one dropped, "no next hop"; NULL: none was */
	bool is_late;	    /* that was of an earlier probe, of another target or member */
};
void probe_path_counts(const struct probe_path *path, uint32_t index,
		       struct probe_path_counts *ret_counts);

/*
 * What became of a probe, by its target's packets before and after. While `sent` did not grow it took
 * another way (somebody's firewall rewrote its mark, or took the rule away): whatever it heard proves
 * nothing. Nor does the failure of one of which a packet was dropped on the way; after->reason says why.
 */
enum probe_path_fate { PROBE_PATH_WENT, PROBE_PATH_DROPPED, PROBE_PATH_ASTRAY };
enum probe_path_fate probe_path_judge(const struct probe_path_counts *before,
				      const struct probe_path_counts *after, bool has_passed);

/* Without a daemon, or when nothing is probed through the path any more: removes rules, routes and the
 * device pair of the instance in this network namespace; what is not ours stays. *ret_device (16
 * bytes, may be NULL): the device that was removed, "" if none was there. */
int probe_path_cleanup(const char *instance, char *ret_device, struct err *e);
