/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A recorded sequence of changes, one a line:
 *
 *     # comment
 *     members 100              10.0.0.1 and so on, of weight 100, from the start
 *     60 add 101               at second 60 (steps of 0.1 s); several members: 101-110
 *     60 weight 1-10 50
 *     60 VERB 5                drain, ready, maint, remove, die (silent), refuse, up
 *     60 restart               the daemon dies and comes back
 *     55 syns 10000000 10      SYNs of forged connections, over 10 s
 *     55 acks 10000000 10      other packets of connections that nobody opened
 *     700 end                  `end 5`: 5 % of the slots may still wait for room
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SEQUENCE_TICK_MS 100
#define SEQUENCE_MEMBERS_MAX 200

enum sequence_verb {
	SEQUENCE_ADD,
	SEQUENCE_WEIGHT,
	SEQUENCE_DRAIN,
	SEQUENCE_READY,
	SEQUENCE_MAINT,
	SEQUENCE_REMOVE,
	SEQUENCE_DIE,
	SEQUENCE_REFUSE,
	SEQUENCE_UP,
	SEQUENCE_RESTART,
	SEQUENCE_SYNS,
	SEQUENCE_ACKS,
	SEQUENCE_VERB_MAX
};

struct sequence_step {
	uint32_t tick;
	enum sequence_verb verb;
	uint32_t first, last; /* members */
	uint32_t weight;
	uint32_t count, seconds; /* of forged packets */
};

struct sequence {
	char name[40]; /* of the file, without its ending */
	uint32_t members;
	struct sequence_step *steps; /* by time */
	size_t count;
	uint32_t end_tick;
	uint32_t waiting_percent; /* of the slots, at the end, at most */
};

/* NULL and a message on stderr, with file and line, if it cannot be understood. */
struct sequence *sequence_read(const char *path);
void sequence_free(struct sequence *sequence);
