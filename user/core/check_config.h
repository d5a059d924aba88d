/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* How members are checked, and what follows from that, as it is configured. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum check_type {
	CHECK_NONE,
	CHECK_TCP,
	CHECK_ICMP,
	CHECK_HTTP,
	CHECK_HTTPS,
	CHECK_UDP,
	CHECK_DNS,
	CHECK_EXEC,
	CHECK_LOOKUP, /* no check of a member: which addresses has a host name? */
	CHECK_TYPE_MAX
};

struct check_spec; /* core/check_spec.h */
struct check_set;

/* Where probes go: to the service's address by the way that its packets take to the member, or to the
 * member's own address. */
enum check_via { CHECK_VIA_DEFAULT, CHECK_VIA_PATH, CHECK_VIA_MEMBER, CHECK_VIA_MAX };

struct check_config {
	enum check_type type;
	enum check_via via;	       /* the default stands only while it is read */
	const struct check_spec *spec; /* what else a probe needs; NULL: nothing */
	uint16_t port;		       /* 0: the member's */
	uint32_t interval_ms;	       /* 2000; 100 ms .. 1 h */
	uint32_t timeout_ms;	       /* 1000; <= interval */
	uint32_t fast_ms;	       /* 500: interval while in doubt */
	uint32_t down_ms;	       /* 5000: interval while down */
	uint32_t fall;		       /* 3; 1..100 */
	uint32_t rise;		       /* 2; 1..100 */
	uint32_t jitter_percent;       /* 10; 0..50 */
};

/* What the packets of clients do to a member's circuit (core/passive.h). */
enum passive_mode {
	PASSIVE_MODE_OBSERVE,  /* they are counted, compared and shown */
	PASSIVE_MODE_SUSPECT,  /* a member that looks bad is probed faster, too */
	PASSIVE_MODE_DISABLED, /* nobody looks at them */
	PASSIVE_MODE_MAX
};

/* When a member is out, and how it comes back (core/breaker.h). */
struct circuit_config {
	bool is_enabled;	/* else its check decides alone */
	uint32_t open_ms;	/* 5 s: the pause of the first time out */
	uint32_t open_max_ms;	/* 300 s; >= open */
	uint32_t trial_ms;	/* 30 s */
	uint32_t trial_percent; /* 2: of its weight, on trial */
	uint32_t ratio_percent; /* 50: so many failing probes of the window eject; 0: none do */
	uint32_t volume;	/* 10: of at least so many */
	uint32_t window_ms;	/* 60 s */
	enum passive_mode passive;
};
