/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Capturing packets for somebody who asked: what they want, and how far it has come. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <sluice/capture_types.h>
#include <sluice/verdict.h>

#include "base/err.h"

#define CAPTURE_PACKETS_MAX 10000
#define CAPTURE_PACKETS_DEFAULT 100
#define CAPTURE_S_MAX 300
#define CAPTURE_S_DEFAULT 10
#define CAPTURE_UNREAD_MS 5000
#define CAPTURE_BYTES_MIN 64
#define CAPTURE_PER_S 1000 /* of matching packets, a CPU */

struct capture_request {
	struct sluice_capture_filter filter; /* session: filled when it starts */
	uint32_t packets;		     /* ends it */
	uint32_t for_s;			     /* ends it, too */
	uid_t uid;			     /* who asked */
	pid_t pid;
};

enum capture_state {
	CAPTURE_RUNNING,
	CAPTURE_FULL,
	CAPTURE_TIME_OVER,
	CAPTURE_STOPPED,
	CAPTURE_UNREAD, /* nobody has asked for its packets for CAPTURE_UNREAD_MS */
	CAPTURE_STATE_MAX
};

struct capture {
	uint32_t id; /* the session; never 0 */
	struct capture_request request;
	enum capture_state state;
	uint64_t started_ms, ends_ms;
	struct sluice_capture *packets; /* time_ns: wall clock */
	size_t count;
	uint64_t withheld; /* matched, but more than CAPTURE_PER_S */
	uint64_t lost;	   /* matched, but nobody read in time */
};

const char *capture_state_name(enum capture_state state);

/* A verdict's name, or an action's (forward, answer, pass, drop) for all that have it. Negative errno and
 * *e: neither. */
int capture_parse_verdict(const char *text, uint64_t *ret_verdicts, struct err *e);
/* ADDRESS or ADDRESS/LENGTH as filter->mask and filter->source; bits behind the prefix are an
 * error. */
int capture_parse_source(const char *text, struct sluice_capture_filter *filter, struct err *e);

/* The flags byte of the TCP header, when that is among the bytes that were kept. */
bool capture_tcp_flags(const struct sluice_capture *packet, uint8_t *ret_flags);
