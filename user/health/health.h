/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Active health checks. One stream of probes per distinct target (address, port, check; through
 * the path the service, too), however
 * many members share it; it follows the model, and a change elsewhere leaves a target's state and
 * schedule alone. Runs on the caller's loop, one thread.
 */
#pragma once

#include <stdint.h>

#include <uv.h>

#include "core/check_report.h"
#include "core/model.h"
#include "health/path.h"
#include "health/probe.h"

struct health;

/* One result that the model should know: a new state, a new text, or a fresher latency. cause: of
 * the last failure. Never called from within health_follow(), nor may it call that. */
typedef void (*health_report_fn)(void *arg, uint64_t member_id, enum health_state state,
				 enum health_cause cause, const char *text, uint32_t latency_us);

/* The certificate of the member's target ends soon, as its check has it, or has ended: told once of
 * each. Under the same conditions. */
typedef void (*health_certificate_fn)(void *arg, uint64_t member_id, int64_t expires_s);

/* It is known why the member, which is down, is silent through the path, or that has changed; or several
 * probes in a row could not be made, or one could again. Told with what the last report said of it. Under
 * the same conditions. */
typedef void (*health_diagnosis_fn)(void *arg, uint64_t member_id, const char *text);

struct health_listener {
	health_report_fn report;
	health_certificate_fn certificate;
	health_diagnosis_fn diagnosis;
	void *arg;
};

/* program: sluice-check, started at once, while there are rights to make it another user's. path: for
 * probes through it, NULL: those are undecided. */
struct health *health_new(uv_loop_t *loop, const char *program,
			  const struct health_listener *listener, const struct health_path *path);
/* Stops every probe; memory goes when the loop has run the close callbacks. Accepts NULL. */
void health_free(struct health *health);

/* Makes the targets those of the model: call after services or members changed. A new target
 * starts from the state its first member has in the model; a member that joins a known target gets
 * a report at the next turn. */
void health_follow(struct health *health, const struct model *model);

/* Other things than probes speak against the member: its target is probed at the fast interval for
 * so long, unless it is down. To be told again before that is over. */
void health_suspect(struct health *health, const struct model_service *service,
		    const struct model_pool *pool, const struct model_member *member,
		    uint32_t for_ms);
/* Asks sluice-check which addresses a host name has. fn gets them, or why there are none, once, and
 * never from within the call: PROBE_FAIL with HEALTH_ANSWERED when the name has none, with
 * HEALTH_SILENT when nobody could say. The probe may be cancelled until then. */
struct probe *health_lookup(struct health *health, const char *name, uint32_t timeout_ms,
			    probe_fn fn, void *arg);

/* Of the member's target so far; zeros when it has none. */
void health_member_report(const struct health *health, const struct model_service *service,
			  const struct model_pool *pool, const struct model_member *member,
			  struct check_report *ret_report);
/* So many targets are probed through the path. */
size_t health_path_targets(const struct health *health);
/* What it points at is health's. */
void health_totals(const struct health *health, struct check_totals *ret_totals);
/* Why echo requests of the family cannot be sent, NULL when they can. */
const char *health_icmp_problem(const struct health *health, enum sluice_family family);
