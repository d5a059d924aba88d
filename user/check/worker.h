/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The process that makes probes: one loop, any number of them at once, none waits for another. */
#pragma once

#include <uv.h>

#include "base/util.h"
#include "core/check_message.h"

struct lookup;
struct multi;

/* Host names that are looked up, each by a thread of its own: see lookup.c. */
struct lookups {
	size_t threads;
	struct lookup *first, *last; /* wait for one */
};

struct worker {
	uv_loop_t loop;
	uv_poll_t requests;
	int fd;
	size_t running;
	size_t programs; /* of exec that run */
	struct lookups lookups;
	struct multi *http;
};

struct job {
	struct worker *worker;
	struct check_request request;
	int socket_fd; /* that the probe is to use, -1: any; closed with the job unless it was taken */
	uint64_t start_ns;
};

/* Until the other end of fd is closed. */
int worker_run(int fd);

/* Since the probe began; at least 1. */
uint32_t job_us(const struct job *job);
/* The socket that the probe is to use, now the caller's; -1: none. */
int job_take_socket(struct job *job);
/* The end of a job: sends the answer with its id and frees it. */
void job_answer(struct job *job, struct check_answer *answer);
/* The same of a failure, or an error of this side's. */
void job_fail(struct job *job, enum probe_result result, enum health_cause cause, const char *fmt,
	      ...) PRINTF(4, 5);

/* Each answers the job once, before it takes much longer than its timeout. */
void http_begin(struct job *job);
void udp_begin(struct job *job);
void dns_begin(struct job *job);
void exec_begin(struct job *job);
void lookup_begin(struct job *job);

/* NULL: libcurl does not work, which is logged. */
struct multi *http_new(uv_loop_t *loop);
