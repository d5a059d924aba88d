/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Values of the maps that are about the whole node: its switches, what the daemon leaves behind,
 * and names. The first two are the same in every ABI, as struct sluice_meta is: new fields take
 * padding. */
#pragma once

#include <linux/types.h>

/*
 * Switches of the whole node, one entry: one cache line that every packet reads. User space writes
 * each word by one store; the daemon may be dead, so a time ends in the packet path by itself. Times
 * are ns of the packet path's clock.
 */
struct sluice_control {
	__u64 bypass_limits_until_ns; /* until then refusals by limits are only counted; 0: none */
	__u64 bypass_lists_until_ns;  /* the same for access lists */
	__u64 deadline_ns;	      /* "try": from then on everything is passed; 0: none */
	__u64 capture;		      /* packets are captured until then; 0: none */
	__u64 flags;		      /* SLUICE_CONTROL_F_* */
	__u64 host_limits;	/* limits of all packets to this host, as sluice_service.limits */
	__u64 measure_until_ns; /* until then sources are measured; 0: none are */
	__u64 pad;
};

/* How long a bypass lasts unless said, and at most. */
#define SLUICE_BYPASS_DEFAULT_S 900
#define SLUICE_BYPASS_MAX_S 86400

#define SLUICE_CONTROL_F_ACTIVE (1ULL << 0)   /* this node answers ARP and ND */
#define SLUICE_CONTROL_F_LISTS (1ULL << 1)    /* list 0, or a limit's exceptions */
#define SLUICE_CONTROL_F_BANS (1ULL << 2)     /* `bans` may have entries */
#define SLUICE_CONTROL_F_BANS_ALL (1ULL << 3) /* some of them with SLUICE_BAN_F_ALL */
#define SLUICE_CONTROL_F_CUT_OFF (1ULL << 4)  /* active, but cut off: it answers no ARP or ND */

_Static_assert(sizeof(struct sluice_control) == 64, "control");

/* Who set a bypass and when. */
struct sluice_bypass_note {
	__u64 since_s; /* CLOCK_REALTIME */
	char by[56];   /* text, terminated */
};

enum sluice_trial {
	SLUICE_TRIAL_NONE,
	SLUICE_TRIAL_START,  /* the daemon was started on trial: it ends by detaching */
	SLUICE_TRIAL_RELOAD, /* a configuration is on trial: it ends by going back */
	SLUICE_TRIAL_MAX
};

/* What the daemon leaves for whoever looks when it is gone; one entry, which the packet path never
 * reads. */
struct sluice_notes {
	__u64 heartbeat_s; /* CLOCK_REALTIME, once a second while the daemon turns */
	__u64 started_s;
	__u64 stopped_s; /* it ended orderly; 0 while it runs, and after it was killed */
	__u64 revision;	 /* of the configuration in force */
	__u64 trial_since_s;
	__u32 pid;
	__u32 trial;	  /* enum sluice_trial; its end is control.deadline_ns */
	char version[32]; /* text, terminated */
	struct sluice_bypass_note bypass_limits;
	struct sluice_bypass_note bypass_lists;
	__u32 route_table; /* where it may have left routes, for whoever cleans up; 0: nowhere */
	__u32 route_protocol;
	__u8 pad[40];
};

_Static_assert(sizeof(struct sluice_notes) == 256, "notes");

/* Names of what the other maps hold by number: a hash that the packet path never reads. */
enum sluice_name_kind {
	SLUICE_NAME_NONE,
	SLUICE_NAME_SERVICE, /* id: service id */
	SLUICE_NAME_POOL,    /* id: service id, position: sluice_member.pool */
	SLUICE_NAME_LIMIT,   /* id: limit index */
	/* The state directory's path: position: its part of 63 bytes; a shorter one is the last */
	SLUICE_NAME_STATE,
	SLUICE_NAME_KIND_MAX
};

struct sluice_name_key {
	__u32 kind; /* enum sluice_name_kind */
	__u32 id;
	__u32 position;
};

struct sluice_name {
	char text[64]; /* terminated */
};

_Static_assert(sizeof(struct sluice_name_key) == 12, "name key");
