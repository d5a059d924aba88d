/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* One datagram out, and those that come back looked at until one decides. */
#pragma once

#include "check/worker.h"

struct datagram;

/* Says what an answer means: true when it decides, with answer->result and text; false: not meant for
 * us, wait for another. */
typedef bool (*datagram_judge_fn)(const struct datagram *datagram, const uint8_t *data,
				  size_t length, struct check_answer *answer);

struct datagram {
	struct job *job;
	uint8_t sent[512];
	size_t sent_length;
	datagram_judge_fn judge;
	int fd;
	uv_poll_t poll;
	uv_timer_t timer;
	int handles; /* not yet closed */
};

/* Takes over the job; what is to be sent is copied. */
void datagram_begin(struct job *job, const uint8_t *data, size_t length, datagram_judge_fn judge);
