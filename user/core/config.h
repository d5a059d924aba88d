/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The configuration as a user writes it: plain data without references to the running state.
 * config_parse() turns YAML text into it, or into a list of every mistake. Strings are owned by
 * the config. The schema (types, defaults, bounds, units, help) is one table: config_schema.c.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <sluice/map_types.h>
#include <sluice/types.h>

#include "base/err.h"
#include "core/check_config.h"
#include "core/discovery.h"
#include "core/host_name.h"
#include "core/limit_exceptions.h"
#include "core/prefix_set.h"
#include "core/rate.h"

#define NAME_MAX_LENGTH 63
#define CONFIG_INTERFACES_MAX 16
#define CONFIG_BYTES_MAX (16U << 20)
#define CONFIG_FILES_MAX 100
#define CONFIG_ADMIN_ABSENT 100U /* a member that is written, but does not count */
#define CONFIG_PATH_MAX 255

enum xdp_attach_mode {
	XDP_ATTACH_NATIVE,
	XDP_ATTACH_GENERIC,
	XDP_ATTACH_AUTO,
	XDP_ATTACH_MODE_MAX
};
/* Beside other programs, under libxdp's dispatcher. */
enum xdp_sharing {
	XDP_SHARED_NEVER,
	XDP_SHARED_JOIN,   /* where a dispatcher runs already */
	XDP_SHARED_ALWAYS, /* also a dispatcher of our own, which others may join */
	XDP_SHARED_MAX
};
/* Who makes a service's address reachable. */
enum announce {
	ANNOUNCE_NONE,	/* somebody else */
	ANNOUNCE_ARP,	/* the packet path answers ARP and neighbour solicitations */
	ANNOUNCE_ROUTE, /* a route in a table of our own, which routing daemons learn */
	ANNOUNCE_MAX
};
enum admin_state { ADMIN_READY, ADMIN_DRAIN, ADMIN_MAINT, ADMIN_STATE_MAX };
/* One of the files that make a configuration. */
struct config_file {
	const char *path; /* may be NULL for the first */
	const char *text;
	size_t length;
};

/* Every `line` below tells the file, too: read it by config_place() or config_where(). */

struct member_config {
	struct sluice_addr addr;
	uint16_t port;		/* host byte order; always the service's port (0 for all ports) */
	uint32_t weight;	/* 100; 0..65535 */
	enum admin_state admin; /* ready */
	uint32_t check;		/* position in its pool's checks; 0: the pool's own */
	struct rate max_new;	/* ceiling on new connections, n 0: none; else the pool's */
	uint32_t name; /* of the pool's names, from 1: one of its addresses; 0: written as one */
	enum discovery_state discovery; /* of a name's address */
	int line;
};

/* Members by name: what each of its addresses is but for the address. */
struct named_member {
	char name[HOST_NAME_MAX_LENGTH + 2];
	struct member_config member;
};

struct pool_config {
	char name[NAME_MAX_LENGTH + 1]; /* "default" when the service lists members directly */
	uint32_t share;			/* of the service, relative to the other pools; 100 */
	enum sluice_mode mode;		/* the service's, or the pool's own */
	uint16_t gue_port;		/* so is this; 0 in other modes than gue */
	struct check_config check;	/* the first of checks */
	struct check_set *checks;
	struct rate max_new_per_member; /* the service's, or the pool's own */
	struct circuit_config circuit;
	struct name_set *names;	       /* NULL: none */
	struct member_config *members; /* written as addresses, then those of names */
	size_t member_count, member_capacity, written_count;
	int line;
};

/* What keeps a flow at its member when the service's table changes (docs/flows.md). */
enum affinity {
	AFFINITY_HASH,	 /* TCP: the connection; UDP: nothing */
	AFFINITY_SOURCE, /* the slot follows from the source alone; else as hash */
	AFFINITY_TRACK,	 /* UDP: every flow is remembered */
	AFFINITY_WINDOW, /* UDP: flows of a while before a change are */
	AFFINITY_MAX
};

struct flows_config {
	uint32_t pre_ms;	 /* 3 s; from the announcement of a change to the change */
	uint32_t pending_life_s; /* 10 */
	uint32_t closing_life_s; /* 60; of an entry after FIN or RST */
	uint32_t refresh_s;	 /* 4 */
	uint32_t overwrite_s;	 /* 120; silence after which a SYN takes an entry over */
};

struct service_config {
	char name[NAME_MAX_LENGTH + 1];
	struct sluice_addr addr;
	uint16_t port; /* host byte order, 0: all ports */
	uint8_t proto; /* IPPROTO_TCP, IPPROTO_UDP */
	enum sluice_mode mode;
	uint16_t gue_port;	     /* 6080; of pools that say nothing else */
	bool has_pools;		     /* written as pools, not as members */
	bool is_unknown_port_passed; /* must agree for all services on one address */
	enum announce announce;	     /* so must this; the node's without one of its own */
	uint32_t slots;		     /* 0: chosen; else a power of two, 4096..2^20 */
	enum affinity affinity;	     /* hash; source with several pools */
	uint32_t learn_s;      /* 600; the longest silence of a connection that is protected */
	uint32_t idle_s;       /* 120; of a flow, with affinity track */
	uint32_t window_s;     /* 45; of a flow, with affinity window */
	uint32_t slow_start_s; /* 0: a member that comes up gets all of its weight at once */
	struct rate max_new;   /* ceiling on new connections; n 0: none */
	struct rate max_new_per_member;
	struct circuit_config circuit; /* of pools that say nothing else */
	uint32_t min_healthy;	       /* 1; fewer members with a share are a panic */
	bool is_panic_dropped;	       /* then nobody is re-admitted */
	bool is_withdrawn_when_down;   /* announce: route; no route while no member is healthy */
	char fallback[NAME_MAX_LENGTH + 1]; /* pool that serves only then; "" none */
	struct pool_config *pools;	    /* none in mode local */
	size_t pool_count;
	char limits[SLUICE_SERVICE_LIMITS_MAX][NAME_MAX_LENGTH + 1]; /* "" ends */
	char allow[SLUICE_SERVICE_ALLOW_MAX][NAME_MAX_LENGTH + 1];   /* lists; "" ends */
	int line;
};

/* Which packets a limit counts. */
enum limit_scope {
	LIMIT_SCOPE_SERVICE,	/* of the services that name it */
	LIMIT_SCOPE_SERVICES,	/* of all services, one bucket for a source */
	LIMIT_SCOPE_EVERYTHING, /* all that arrive */
	LIMIT_SCOPE_MAX
};

/* Sources that are kept away after too many refusals. */
struct limit_ban {
	uint32_t after;	    /* refused packets; 0: nobody is */
	uint32_t within_s;  /* 10 */
	uint32_t for_s;	    /* 600; <= max_s */
	uint32_t max_s;	    /* 600 */
	uint32_t max_per_s; /* 100; bans made */
	bool is_all;	    /* all packets, not only those that open connections */
};

struct limit_config {
	char name[NAME_MAX_LENGTH + 1];
	enum limit_scope scope;
	enum sluice_limit_count count; /* no default */
	enum sluice_limit_mode mode;   /* no default */
	struct rate rate;
	struct amount burst; /* 0 in YAML is an error, absent: default rule of gcra_config.h */
	uint8_t prefix4;     /* 32; 1..32 */
	uint8_t prefix6;     /* 64; 1..128 */
	uint32_t sources;    /* words; rounded up to a power of two; 262144; 1024..16M */
	bool is_closed;	     /* overload: who takes the place of a source in debt takes it over */
	bool counts_replies; /* to connections that this host opened; with scope everything */
	struct limit_exceptions *exceptions; /* NULL: none */
	struct limit_ban ban;
	int line;
};

enum list_action { LIST_NONE, LIST_DENY, LIST_EXEMPT, LIST_ALLOW, LIST_ACTION_MAX };

struct list_config {
	char name[NAME_MAX_LENGTH + 1];
	enum list_action action; /* no default */
	bool is_unguarded;	 /* may cover what a deny list should not: see list_guard.h */
	char file[CONFIG_PATH_MAX + 1]; /* of more prefixes, absolute; "" none */
	struct prefix_set *prefixes;	/* of the text, then of the file too; NULL: none */
	struct prefix_set *written;	/* of the text alone; NULL: none */
	int line;
};

struct capacity_config { /* entries; powers of two where the map needs it */
	uint32_t service_cells;
	uint32_t slots;
	uint32_t members;
	uint32_t limit_sources;
	uint32_t flows;
	uint32_t pending_flows;
	uint32_t tracked_flows;
};

struct config {
	char *files[CONFIG_FILES_MAX]; /* paths; the first may be NULL */
	size_t file_count;
	char instance[NAME_MAX_LENGTH + 1]; /* "default" */
	char *interfaces[CONFIG_INTERFACES_MAX];
	size_t interface_count;
	enum xdp_attach_mode xdp_mode; /* native */
	enum xdp_sharing sharing;      /* never */
	enum announce announce;	       /* none */
	bool is_standby_first;	       /* the role of a node that starts cold: `node.start` */
	uint32_t route_table;	       /* 201 */
	uint32_t route_protocol;       /* 201 */
	bool is_route_kept;	       /* when the daemon stops: `routes.stop` */
	bool has_hash_seed;
	uint8_t hash_seed[32];			  /* 64 hex digits */
	char metrics_listen[64];		  /* "127.0.0.1:9464"; "" is disabled */
	char admin_group[NAME_MAX_LENGTH + 1];	  /* may change everything; "" only root */
	char operator_group[NAME_MAX_LENGTH + 1]; /* may change members and limits */
	char viewer_group[NAME_MAX_LENGTH + 1];	  /* may read; "" everybody who can connect */
	struct sluice_addr outer_source4, outer_source6; /* zero: chosen by route */
	uint32_t events_per_s;				 /* sampled drop events a CPU; 100 */
	uint32_t resolve_ms; /* 30 s: between two lookups of a name; 5 s .. 1 h */
	struct capacity_config capacity;
	struct flows_config flows;
	struct service_config *services;
	size_t service_count;
	struct limit_config *limits;
	size_t limit_count;
	struct prefix_set *management; /* NULL: none */
	struct list_config *lists;
	size_t list_count;
};

/* Parses YAML (version: 1). On success *ret_config is a new config owned by the caller and errors
 * is untouched; else returns negative errno and errors has every mistake, with line and path. */
int config_parse(const char *yaml, size_t length, struct config **ret_config, struct errs *errors);
/* Adds what the files of lists hold; read as util_read_file(). 0, or negative errno and an error for
 * each mistake in each file: then the config is of no use. */
typedef int (*config_read_file_fn)(const char *path, size_t max, char **ret_text,
				   size_t *ret_length);
int config_load_lists(struct config *config, config_read_file_fn read, struct errs *errors);
/* The same for one list that has a file; and for what its file held. */
int config_load_list(struct list_config *list, config_read_file_fn read, struct errs *errors);
int config_take_list(struct list_config *list, const char *text, size_t length,
		     struct errs *errors);
/* Looks at each program of a check by exec, and each file of certificates of one by https. 0, or -EINVAL
 * and an error for each that cannot be run, or read. */
typedef bool (*config_look_fn)(const char *path, bool is_program, char text[200], char hint[200]);
int config_check_files(const struct config *config, config_look_fn look, struct errs *errors);
const char *list_action_name(enum list_action action);
/* The same from a main file and drop-ins in their order; core/config_merge.h says how they join. */
int config_parse_files(const struct config_file *files, size_t count, struct config **ret_config,
		       struct errs *errors);
/* An err whose line is one of the config's gets its file and the line in it. Config may be NULL. */
void config_place(const struct config *config, struct err *e);
void config_place_all(const struct config *config, struct errs *errors, size_t from);
/* "line 5", or "line 5 of /etc/sluice/sluice.d/dns.yaml". */
const char *config_where(const struct config *config, int line, char *buffer, size_t size);
/* Are any members written as host names? */
bool config_has_names(const struct config *config);
size_t config_member_count(const struct config *config);
void config_free(struct config *config); /* accepts NULL */
