/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* One stream of probes: when the next one goes out, what became of it, and how that is told. health.c has
 * whose it is. */
#pragma once

#include <uthash.h>

#include "health/alarms.h"
#include "health/health.h"
#include "health/hosts.h"
#include "health/look.h"
#include "health/target_key.h"

struct looking {
	struct look_target target;
	struct check_answer failure; /* the last one */
};

struct target {
	struct target_key *key;
	struct health *health;
	struct host *host;
	struct check_config check;
	struct health_machine machine;
	enum health_cause cause; /* of the last failure */
	struct alarm alarm;	 /* to the next probe */
	uint64_t due_us;	 /* when it should go out */
	uint64_t began_us;	 /* the last one */
	struct probe *probe;	 /* running, or NULL; also a look */
	struct path_target path; /* also of those who are told of other probes */
	uint64_t looked_ms;
	enum look_result look;	 /* of the failure that the text tells */
	struct looking *looking; /* while a look goes on; else NULL */
	bool is_wanted;		 /* by the model, in health_follow() */
	bool is_news;		 /* a member joined, or is told of a latency */
	bool is_failing;	 /* as its last probe had it */
	bool is_running;	 /* a probe, or the look that follows */
	bool was_failing;	 /* when that began */
	uint8_t lost;		 /* probes in a row during which their process died */
	bool is_waiting;	 /* is due: for the host's other probes to begin, or for a place */
	size_t member_capacity;
	char *text; /* may be NULL */
	uint32_t latency_us;
	uint64_t reported_ms;
	uint64_t suspect_until_ms; /* see health_suspect() */
	struct check_report report;
	uint32_t expiry_s; /* so long before its end a certificate is news; 0: never */
	enum expiry { EXPIRY_FAR, EXPIRY_NEAR, EXPIRY_OVER } expiry;
	UT_hash_handle hh;
};

struct health {
	struct health_listener listener;
	struct target *targets;
	uv_timer_t news; /* reports those with is_news together */
	struct alarms *alarms;
	struct hosts *hosts;
	struct prober *prober;
	size_t apart_count;			      /* targets that are probed by sluice-check */
	size_t path_count;			      /* and through the path */
	size_t failing_count;			      /* targets whose last probe failed */
	size_t unchecked_count;			      /* with CHECK_UNDECIDED_MAX undecided ones */
	size_t running, waiting;		      /* targets that are so */
	size_t doubtful[2];			      /* running, was failing: jobs, programs */
	size_t looks;				      /* that go on */
	uint64_t passed_ms;			      /* when one passed last */
	uint64_t lag_us, lag_before_us, lag_since_ms; /* the worst, of this window and the last */
	uint64_t dice;
	struct check_durations durations[CHECK_TYPE_MAX][2]; /* by type, and pass or fail */
};

/* Reports those with is_news, so many milliseconds from now or sooner. */
void health_tell_news(struct health *health, uint32_t wait_ms);
/* To all of its members. */
void target_report(struct target *target);
/* The next probe, at least a millisecond from now. */
void target_schedule(struct target *target, uint64_t now_us, uint64_t due_us);
/* Is it probed through the path? */
bool target_is_through(const struct target *target);
/* Does it wait because its probes end sluice-check? Nothing makes that shorter. */
bool target_is_held_back(const struct target *target);
void target_set_failing(struct target *target, bool is_failing);
/* One more of its probes was undecided, or it is over with that. True: it begins, or ends, not to be
 * checked at all. */
bool target_note_undecided(struct target *target, bool is_undecided);
/* A probe of it begins, or it is over with the look that follows, or cancelled. */
void target_set_running(struct target *target, bool is_running);
/* When its look is over, or cancelled. */
void target_end_looking(struct target *target);
/* The call of its alarm. */
void target_on_due(struct alarm *alarm);
