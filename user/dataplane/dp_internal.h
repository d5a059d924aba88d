/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the files behind dp_bpf.h share. */
#pragma once

#include <stddef.h>

#include "dataplane/dp_bpf.h"
#include "dataplane/placement.h"

struct sluice_bpf;
struct clock_bpf;
struct dp_access;
struct dp_bans;
struct dp_hosts;
struct dp_refusals;
struct bpf_map;
struct ring_buffer;

#define DP_PIN_PATH_MAX 192

/* The mmapable arrays. */
struct dp_maps {
	struct sluice_service *services;
	__u64 *slots;
	__u64 *runners;
	struct sluice_member *members;
	struct sluice_nexthop *nexthops;
	struct sluice_limit *limits;
	struct sluice_limit_set *limit_sets;
	struct sluice_flow_set *flows, *pending, *tracked;
	struct sluice_flow_settings *flow_settings;
	struct sluice_interface *interfaces;
	struct sluice_meta *meta;
	struct sluice_control *control;
	struct sluice_notes *notes;
	__u64 *access_bits;
	struct sluice_capture_filter *capture_filter;
	struct sluice_explain *explain;
	const struct sluice_refusal *refusals;
	struct sluice_ceiling *ceilings;
	struct sluice_measure_filter *measure_filter;
	struct sluice_measure *measures;
	int names_fd; /* the skeleton's, or of pinned maps */
	struct dp_capacity capacity;
};

struct dp_bpf {
	struct sluice_bpf *skel;
	struct clock_bpf *clock; /* reads the packet path's time */
	char instance_dir[96];
	char pin_dir[DP_PIN_PATH_MAX]; /* below it: these maps and their programs */
	bool is_unpinned;
	bool is_adopted;
	char cold_reason[320]; /* why these maps are beside those in force, "" if they are not */
	uint32_t generation;   /* of new maps, when they take over */
	bool is_discardable;   /* pinned, and no packet depends on them yet */
	uint32_t program_id;
	enum xdp_sharing sharing;
	uint32_t *dispatched_ids; /* programs that this process put under dispatchers */
	size_t dispatched_count;
	size_t dispatched_capacity;
	uint32_t events_per_s;
	struct dp_maps maps;
	struct placement *placement;
	uint32_t *sources_in_use; /* by limit, as of the last sweep; NULL: none yet */
	struct dp_access *access; /* the table of access lists; NULL: not written yet */
	struct sluice_limit moved_from, moved_to;   /* whose sources moved last; word 0: settled */
	struct dp_bans *bans;			    /* how many there are */
	struct dp_refusals *refusals;		    /* what has been read of them */
	struct dp_hosts *hosts;			    /* which members are of one */
	uint32_t interfaces[CONFIG_INTERFACES_MAX]; /* attached: their MACs are kept fresh */
	size_t interface_count;
	int cpus;
	void *percpu; /* room for one value of the largest per-CPU map */
	struct ring_buffer *ring;
	dp_bpf_event_fn event_fn;
	void *event_arg;
	struct ring_buffer *capture_ring;
	dp_bpf_capture_fn capture_fn;
	void *capture_arg;
	uint64_t capture_withheld, capture_lost; /* before the current capture */
};

/* adopt.c: which maps to use. */
struct dp_origin {
	struct sluice_meta meta;
	bool has_node; /* new maps beside old ones: the node's switches go over */
	struct sluice_control control;
	struct sluice_notes notes;
};
/* Before loading: puts pinned maps in place of new ones, or decides where new ones will be pinned. */
int dp_origin_find(struct dp_bpf *dp, const struct dp_bpf_options *options,
		   struct dp_origin *ret_origin, struct err *e);
/* After it: what new maps begin with. */
void dp_origin_write(struct dp_bpf *dp, const struct dp_origin *origin, bool is_standby);
int dp_pin(struct dp_bpf *dp, struct err *e);
bool dp_is_pinned_kind(const struct bpf_map *map);

/* maps.c: maps all arrays of the loaded skeleton. */
int dp_maps_open(struct dp_bpf *dp, struct err *e);
void dp_maps_close(struct dp_bpf *dp);

/* macs.c: whose frames are ours on an interface, from attach to detach. Adopt: also where a
 * predecessor attached, whose addresses may have changed since it ended. */
void dp_macs_adopt(struct dp_bpf *dp);
void dp_macs_add(struct dp_bpf *dp, uint32_t ifindex);
void dp_macs_remove(struct dp_bpf *dp, uint32_t ifindex);

/* names.c: false and "": there is none. */
bool dp_name_read(int names_fd, const struct sluice_name_key *key, char ret_text[64]);

/* stats.c */
int dp_stats_open(struct dp_bpf *dp);
int dp_member_stats(void *arg, uint32_t index, struct sluice_member_stats *ret_stats);
int dp_member_stats_reset(void *arg, uint32_t index);
int dp_limit_stats(void *arg, uint32_t index, struct sluice_limit_stats *ret_stats);
/* Sums a per-CPU value of 64-bit counters, of at most DP_PERCPU_BYTES_MAX; buffer: one for each CPU. */
#define DP_PERCPU_BYTES_MAX 128
int dp_sum_percpu(int fd, size_t value_bytes, uint32_t index, int cpus, void *buffer,
		  void *ret_sums);
int dp_clear_percpu(const struct dp_bpf *dp, const struct bpf_map *map, uint32_t index);
int dp_list_stats(void *arg, uint32_t list, struct sluice_list_stats *ret_stats);
int dp_verdict_stats(void *arg, struct sluice_verdict_stats ret_stats[SLUICE_V_MAX]);
int dp_flow_stats(void *arg, struct sluice_flow_stats *ret_stats);

/* unreachable.c */
int dp_host_stats(void *arg, const struct sluice_addr *addr, struct sluice_host *ret_stats);
/* Before the member gets this word, and before its address is another one: its host is known while it
 * is used in a tunnel. What cannot be written is tried again with the member's next word. */
void dp_hosts_update(struct dp_bpf *dp, uint32_t index, uint64_t word);
void dp_hosts_adopt(struct dp_bpf *dp);
void dp_hosts_open(struct dp_bpf *dp);
void dp_hosts_close(struct dp_bpf *dp); /* before the maps */

/* slots.c, flows.c: operations of the port */
int dp_slots_write(void *arg, uint32_t base, uint32_t log2, const uint64_t *words,
		   const uint32_t *runner);
int dp_slots_read(void *arg, uint32_t first, uint32_t count, uint64_t *ret_words);
int dp_slot_swap(void *arg, uint32_t slot, uint64_t *word, uint64_t new);
int dp_runners_read(void *arg, uint32_t first, uint32_t count, uint32_t *ret_runners);
int dp_runner_set(void *arg, uint32_t slot, uint32_t member);
int dp_flow_scan(void *arg, enum dp_flow_table table, uint32_t first, uint32_t count, dp_flow_fn fn,
		 void *fn_arg);
int dp_flow_settings(void *arg, const struct sluice_flow_settings *settings);
int dp_packet_second(void *arg, uint32_t *ret_second);

/* access.c */
int dp_access_replace(void *arg, const struct dp_access_entry *entries, size_t count);
/* What a list says about an address, as it was written last. */
bool dp_access_find(const struct dp_bpf *dp, uint16_t list, const struct sluice_addr *addr,
		    uint64_t *ret_word);
void dp_access_close(struct dp_bpf *dp);

/* open.c: the object once more, on the same maps, for a dispatcher to load as an extension. NULL
 * with the reason in e. */
struct sluice_bpf *dp_open_copy(struct dp_bpf *dp, struct err *e);

/* open.c: sizes the maps of an object that is not loaded yet. */
void dp_set_entries(struct sluice_bpf *skel, const struct dp_capacity *capacity);

/* capture.c */
int dp_capture_open(struct dp_bpf *dp, struct err *e);
void dp_capture_close(struct dp_bpf *dp);
void dp_capture_missed(struct dp_bpf *dp, uint64_t *ret_withheld, uint64_t *ret_lost);

/* events.c */
int dp_events_open(struct dp_bpf *dp, struct err *e);
void dp_events_close(struct dp_bpf *dp);

/* packet_clock.c */
int dp_clock_open(struct clock_bpf **ret_clock, struct err *e);
void dp_clock_close(struct clock_bpf *clock); /* accepts NULL */
/* The packet path's now, bpf/clock.h. 0 or negative errno. */
int dp_clock_now(const struct clock_bpf *clock, uint32_t tick_ns, uint64_t *ret_now_ns);
