/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What sources send, from repeated looks at counters of each of them, and a limit that would have
 * refused none of them. Pure: counters and time are handed in.
 *
 * Looked at about once a second, a source has an average and a busiest second in each unit. Percentiles
 * are over sources, by nearest rank. The limit: the rate is MEASUREMENT_HEADROOM times the 99.9th
 * percentile of busiest seconds, rounded up to two digits, the burst twice that. A source whose busiest
 * second is not above the rate is never refused by it: any t seconds touch at most t + 2 looks, so they
 * hold at most rate * t + 2 * rate packets, which is what the bucket admits. Of what is beyond every limit
 * the largest is suggested, and that it falls short.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/dataplane_sources.h"
#include "core/rate.h"

#define MEASUREMENT_S_DEFAULT 60
#define MEASUREMENT_S_MAX 3600
#define MEASUREMENT_HEADROOM 1.5
#define MEASUREMENT_SOURCES_MIN 20 /* fewer say nothing of what honest ones do */
#define MEASUREMENT_LOUD_SHOWN 5

enum measurement_unit {
	MEASUREMENT_PACKETS,
	MEASUREMENT_BYTES,
	MEASUREMENT_CONNECTIONS,
	MEASUREMENT_UNIT_MAX
};
enum measurement_rank {
	MEASUREMENT_P50,
	MEASUREMENT_P99,
	MEASUREMENT_P999,
	MEASUREMENT_TOP,
	MEASUREMENT_RANK_MAX
};

struct measurement_loud {
	struct prefix source;
	double per_s; /* in its busiest second */
};

/* A limit, and whom it would have refused. */
struct measurement_limit {
	struct rate rate;
	struct amount burst;
	bool is_short; /* no limit can have what it takes: it may refuse others than those above */
	uint64_t
		above; /* sources whose busiest second is above the rate, of those that were seen */
	struct measurement_loud loud[MEASUREMENT_LOUD_SHOWN]; /* the loudest of them */
	size_t loud_count;
};

/* Of one unit, all a second. */
struct measurement_result {
	double average[MEASUREMENT_RANK_MAX];
	double busiest[MEASUREMENT_RANK_MAX];
	char why[128]; /* nothing is suggested; "" something is */
	struct measurement_limit limit;
	/* The 99.9th percentile is far above the 99th: then `lower` is from the latter, in case that the
	 * loudest are not honest. */
	bool is_uneven;
	struct measurement_limit lower;
};

struct measurement;

enum measurement_state { MEASUREMENT_RUNNING, MEASUREMENT_DONE, MEASUREMENT_STOPPED };

/* Who is measured, and how long. */
struct measurement_request {
	uint32_t service; /* id; 0: all */
	uint8_t prefix4, prefix6;
	uint32_t for_s;
};

/* A measurement as it stands: the one that runs, or the last one. */
struct measurement_run {
	uint32_t id; /* 0: there is none */
	enum measurement_state state;
	struct measurement_request request;
	uint64_t ends_ms;
	uint8_t sample_log2; /* one source in 2^sample_log2 is looked at */
	uint64_t missed;     /* packets of sources that there was no room for */
	uint32_t tick_ns;
	const struct measurement *measured;
};

struct measurement *measurement_new(uint64_t now_ms);
void measurement_free(struct measurement *measurement); /* accepts NULL */

/* One look: begin, add for each source, end. Counters only grow. */
void measurement_begin(struct measurement *measurement, uint64_t now_ms);
void measurement_add(struct measurement *measurement, const struct dp_measured *measured);
void measurement_end(struct measurement *measurement);

size_t measurement_sources(const struct measurement *measurement);
uint64_t
measurement_seconds(const struct measurement *measurement); /* between first and last look */
/* tick_ns: the kernel's, for the least burst. */
void measurement_result(const struct measurement *measurement, enum measurement_unit unit,
			uint32_t tick_ns, struct measurement_result *ret_result);
const char *measurement_unit_name(enum measurement_unit unit); /* as a limit's `count` */
