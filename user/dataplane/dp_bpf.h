/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The packet path in the kernel: program, pinned maps, attachments. The only folder that includes
 * libbpf or libxdp. Pins live in SLUICE_PIN_ROOT/INSTANCE/abiN/ and outlive the daemon.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <sluice/capture_types.h>
#include <sluice/event.h>
#include <sluice/map_types.h>
#include <sluice/node_types.h>

#include "base/err.h"
#include "core/config.h"
#include "core/dataplane.h"
#include "core/where.h"
#include "dataplane/routes.h"
#include "dataplane/node.h"

struct dp_bpf;
struct model;

struct dp_bpf_options {
	const char *instance;
	struct dp_capacity capacity;
	bool has_key; /* from `hash_seed`; else random when maps are created */
	struct sluice_hash_key key;
	uint32_t events_per_s;
	bool is_standby;     /* the role of new maps; adopted ones have theirs */
	bool may_start_cold; /* where the maps in force cannot be adopted: new ones beside them */
	enum xdp_sharing sharing;
	const char *cold_reason; /* with that: why those in force are of no use; NULL: to be seen */
	bool is_unpinned;	 /* tests: no pins, no adoption */
};

/* The hash key that a configured seed of 32 bytes stands for (expanded with a counter and
 * sluice_hash_mix; deterministic). */
void dp_bpf_key_from_seed(const uint8_t seed[32], struct sluice_hash_key *ret_key);

/* The sizes that a configuration stands for, and the memory that maps of these sizes take (0 when
 * it cannot be told). */
void dp_bpf_capacity(const struct config *config, struct dp_capacity *ret_capacity);
uint64_t dp_bpf_map_bytes(const struct dp_capacity *capacity);

/* Creates and pins the maps, or adopts pinned ones of this ABI (their sizes must fit: ERR_CONFLICT
 * names the difference and the fix), and loads the program. Fails with a reason and fix when
 * bpffs is not mounted, capabilities are missing, or the kernel lacks a feature. */
int dp_bpf_open(const struct dp_bpf_options *options, struct dp_bpf **ret_dp, struct err *e);
/* What dp_bpf_open() and adoption of a build with this ABI would say of the maps in force, without opening or
 * changing anything, and start with this model (NULL: not known). Sizes, shapes and contents are judged
 * only for our own ABI. */
struct dp_judgement {
	bool is_pinned;		 /* else the rest says nothing */
	bool is_adopted;	 /* else only a cold start will do */
	bool is_key_kept;	 /* also by that */
	enum sluice_trial trial; /* of what runs: then no cold start, either */
	uint32_t abi;
	char version[32]; /* of the daemon that wrote them last, "" unknown */
	bool is_too_much; /* for them, with what is there: then no cold start, either */
	char why[320];	  /* they are not adopted */
	char fix[256];
};
int dp_bpf_judge(const struct dp_bpf_options *options, uint32_t abi, const struct model *model,
		 struct dp_judgement *ret_judgement, struct err *e);

/* Frees user-space state; pins and attachments stay. */
void dp_bpf_close(struct dp_bpf *dp);

bool dp_bpf_is_adopted(const struct dp_bpf *dp);
/* Why there are new maps beside those in force; NULL: there are not. Such a start fills its tables,
 * takes over, attaches to every interface, and settles. */
const char *dp_bpf_cold_reason(const struct dp_bpf *dp);
/* From now on the new maps are in force: whatever happens, the next start goes on with them. */
void dp_bpf_take_over(struct dp_bpf *dp);
/* Nothing came of it: the maps in force stay. Does nothing after dp_bpf_take_over(). */
void dp_bpf_discard(struct dp_bpf *dp);
/* Removes all maps but these, once no interface of this namespace runs a program on them. */
int dp_bpf_settle(struct dp_bpf *dp, struct err *e);
const struct sluice_meta *dp_bpf_meta(const struct dp_bpf *dp);
struct dataplane dp_bpf_port(struct dp_bpf *dp);

struct dp_attachment {
	char interface[16];
	uint32_t ifindex;
	bool is_generic;
	bool is_dispatched; /* under libxdp's multi-program dispatcher */
	char beside[160];   /* then: the others there, "NAME (id N)" with commas */
	bool is_adopted;    /* was ours already: replaced in place */
	uint32_t program_id;
	char driver[32];
	uint64_t since_s; /* wall clock */
};

/* Attaches to the interface: alone where it is free, beside the others where libxdp's dispatcher runs
 * already and sharing says so (docs/decisions/attach.md). A program of ours (pinned) is replaced in
 * place; anybody else's is refused naming it (ERR_CONFLICT). A
 * device that cannot do native XDP is refused unless mode allows generic. */
int dp_bpf_attach(struct dp_bpf *dp, const char *interface, enum xdp_attach_mode mode,
		  struct dp_attachment *ret_attachment, struct err *e);
int dp_bpf_detach(struct dp_bpf *dp, const char *interface, struct err *e);
/* Whether the interface runs the program that this process loaded. -ENODEV: there is no such
 * interface; -ENOENT: it does not. */
int dp_bpf_find(const struct dp_bpf *dp, const char *interface,
		struct dp_attachment *ret_attachment);
/* Interfaces of this network namespace that run our program. Returns the count. */
size_t dp_bpf_attachments(const struct dp_bpf *dp, struct dp_attachment *attachments, size_t max);
/* Without a daemon: withdraws the instance's routes, detaches every program of it in this namespace,
 * removes what probes needed on the host (probe_path.h) and its pins.
 * Interfaces are appended to names, comma separated. Nothing there: 0 and an empty text. */
int dp_bpf_cleanup(const char *instance, char *names, size_t size, struct err *e);

/* Reads the MAC addresses of attached interfaces and their masters again: call once a second. True
 * when an interface has another one than before. */
bool dp_bpf_refresh_macs(struct dp_bpf *dp);

/* The node's role, pinned: an active one answers ARP and ND. */
bool dp_bpf_is_active(const struct dp_bpf *dp);
void dp_bpf_set_active(struct dp_bpf *dp, bool is_active);
/* One that is cut off answers nothing meanwhile. */
void dp_bpf_set_cut_off(struct dp_bpf *dp, bool is_cut_off);
/* Says on all attached interfaces and their VLAN devices that these addresses are here. fd: of
 * gratuitous_open(), or negative. Returns the number of frames sent. */
size_t dp_bpf_announce(struct dp_bpf *dp, int fd, const struct sluice_addr *addrs, size_t count);
/* Where routes of ours may be, pinned, so that a cleanup without a daemon finds them. */
void dp_bpf_note_routes(struct dp_bpf *dp, const struct routes_place *place);
void dp_bpf_noted_routes(const struct dp_bpf *dp, struct routes_place *ret_place);

/* Lets the program redirect to an interface (devmap). */
int dp_bpf_tx_port_add(struct dp_bpf *dp, uint32_t ifindex, struct err *e);
int dp_bpf_tx_port_remove(struct dp_bpf *dp, uint32_t ifindex);

/* Sampled packet events: poll the descriptor, then call read. */
typedef void (*dp_bpf_event_fn)(void *arg, const struct sluice_event *event);
int dp_bpf_events_fd(const struct dp_bpf *dp);
int dp_bpf_events_read(struct dp_bpf *dp, dp_bpf_event_fn fn, void *arg);
uint64_t dp_bpf_events_suppressed(const struct dp_bpf *dp);

/* Captures packets that the filter matches, in place of an earlier capture, for some time: it ends
 * by itself then, whether or not this process lives. The filter's session is chosen here. */
int dp_bpf_capture_start(struct dp_bpf *dp, const struct sluice_capture_filter *filter,
			 uint64_t for_ms, uint32_t *ret_session);
void dp_bpf_capture_stop(struct dp_bpf *dp); /* what was captured can still be read */
typedef void (*dp_bpf_capture_fn)(void *arg, const struct sluice_capture *packet);
/* Those of the last capture that have arrived since the last call; nobody tells when: poll. */
int dp_bpf_capture_read(struct dp_bpf *dp, dp_bpf_capture_fn fn, void *arg);
/* How many packets the last capture has missed: over the rate, and for want of room. */
void dp_bpf_capture_missed(struct dp_bpf *dp, uint64_t *ret_withheld, uint64_t *ret_lost);

/* Zeroes words of limits whose TAT is past: call once a second, walks everything within a second. */
void dp_bpf_sweep_limits(struct dp_bpf *dp);
/* Words of a limit that the last sweep found in use. */
uint32_t dp_bpf_limit_sources(const struct dp_bpf *dp, uint32_t index);

/* Switches and notes of the node, and the packet path's time. 0 or negative errno. */
int dp_bpf_node(const struct dp_bpf *dp, struct dp_node *ret_node);

/* Names of what the maps hold by number, for those who come without a daemon. */
int dp_bpf_name_set(struct dp_bpf *dp, const struct sluice_name_key *key, const char *text);
/* Where this daemon keeps its state, for dp_pinned_state_directory(). */
int dp_bpf_state_directory_set(struct dp_bpf *dp, const char *path);
/* Removes those that is_used() denies, but of no limit that is in the maps: a daemon that finds it there knows it
 * by its name. */
void dp_bpf_names_prune(struct dp_bpf *dp,
			bool (*is_used)(void *arg, const struct sluice_name_key *key), void *arg);

/* Runs the loaded program on a frame with side effects off. */
int dp_bpf_explain(struct dp_bpf *dp, const void *frame, uint32_t length,
		   struct sluice_explain *ret_explain);
/* The same for a described packet that arrives on the interface, which is in this network namespace
 * (0: on none of ours), addressed to its MAC. 0 or negative errno. */
int dp_bpf_where(struct dp_bpf *dp, const struct where_packet *packet, uint32_t ifindex,
		 struct where_answer *ret_answer);
/* What the packet's source may still do under a limit (index); -ENOENT: the limit is not there. */
int dp_bpf_tokens(struct dp_bpf *dp, uint32_t limit, const struct sluice_tuple *tuple,
		  struct where_tokens *ret_tokens);
