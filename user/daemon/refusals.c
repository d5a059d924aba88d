/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "daemon/refusals.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "daemon/daemon.h"

#define READ_MS 200	/* a ring holds a second's samples at least */
#define READ_ON_MS 3000 /* so long after the last one */
#define SAVE_MS 5000
#define SAVE_ATTACK_MS 15000 /* that it still goes on */
#define TOLD_AT_ONCE 50
#define TOLD_PER_S 5

static struct bans_now now(void)
{
	return (struct bans_now){clock_now_ms(), clock_wall_s()};
}

/* ---- events ---------------------------------------------------------------------------------- */

static void tell(struct daemon *daemon, enum event_type type, enum log_level level, uint32_t id,
		 const struct prefix *source, const char *fmt, ...) PRINTF(6, 7);
static void tell(struct daemon *daemon, enum event_type type, enum log_level level, uint32_t id,
		 const struct prefix *source, const char *fmt, ...)
{
	const struct model_limit *limit = model_limit_by_id(daemon->model, id);
	struct event event = {.type = type};
	va_list args;

	if (limit)
		util_copy(event.limit, sizeof(event.limit), limit->config.name);
	if (source)
		prefix_format(source, event.source);
	va_start(args, fmt);
	vsnprintf(event.text, sizeof(event.text), fmt, args);
	va_end(args);
	event_log_add(daemon->events, &event);
	log_line(level, "limit", "limit %s%s%s: %s", event.limit, source ? " " : "", event.source,
		 event.text);
}

/* Whether one more may be told; then ret_more says how many were not. */
static bool may_tell(struct refusals_told *told, char ret_more[64])
{
	uint64_t now_ms = clock_now_ms();

	told->budget += (double)(now_ms - told->ms) * TOLD_PER_S / 1000;
	told->budget = MIN(told->budget, TOLD_AT_ONCE);
	told->ms = now_ms;
	if (told->budget < 1) {
		told->untold++;
		return false;
	}
	told->budget--;
	ret_more[0] = '\0';
	if (told->untold)
		snprintf(ret_more, 64, "; %llu others since the last such event",
			 (unsigned long long)told->untold);
	told->untold = 0;
	return true;
}

static void on_begun(struct daemon *daemon, const struct ban *ban, const char *more)
{
	uint64_t now_ms = clock_now_ms(), for_s;
	char text[UTIL_DURATION_MAX];

	for_s = ban->until_ms > now_ms ? (ban->until_ms - now_ms + 999) / 1000 : 0;
	tell(daemon, EVENT_ban, LOG_LEVEL_INFO, ban->limit, &ban->source,
	     "banned for %s%s%s%s%s%s%s", util_format_duration(for_s, text),
	     ban->is_all ? ", all packets" : "", ban->by[0] ? ", by " : "", ban->by,
	     ban->reason[0] ? ": " : "", ban->reason, more);
}

static void on_ban(void *arg, enum bans_news news, const struct ban *ban, const char *text)
{
	struct daemon *daemon = arg;
	struct refusals *refusals = &daemon->refusals;
	char more[64];

	if (news == BANS_PROBLEM) {
		tell(daemon, EVENT_ban_problem, LOG_LEVEL_WARNING, ban->limit, NULL, "%s", text);
		return;
	}
	refusals->is_unsaved = true;
	if (!may_tell(&refusals->told[news == BANS_ENDED], more))
		return;
	if (news == BANS_BEGUN)
		on_begun(daemon, ban, more);
	else
		tell(daemon, EVENT_unban, LOG_LEVEL_INFO, ban->limit, &ban->source,
		     "no longer banned: %s (%llu packets dropped)%s", text,
		     (unsigned long long)ban->hits, more);
}

static void on_first(struct daemon *daemon, const struct offenders_notice *notice)
{
	char more[64] = "";

	if (notice->untold)
		snprintf(more, sizeof(more), "; %llu others since the last such event",
			 (unsigned long long)notice->untold);
	tell(daemon, EVENT_first_refusal, LOG_LEVEL_INFO, notice->limit, notice->source,
	     "%s for the first time in %d min%s",
	     notice->kind == SLUICE_REFUSAL_WOULD ? "would be refused" : "refused",
	     OFFENDERS_FORGET_MS / 60000, more);
}

static void on_offender(void *arg, const struct offenders_notice *notice)
{
	struct daemon *daemon = arg;
	char lasted[UTIL_DURATION_MAX];

	daemon->refusals.is_unsaved |= notice->news != OFFENDERS_FIRST;
	if (notice->news == OFFENDERS_FIRST)
		on_first(daemon, notice);
	else if (notice->news == OFFENDERS_ATTACK)
		tell(daemon, EVENT_attack_begun, LOG_LEVEL_WARNING, notice->limit, NULL,
		     "under attack: %.0f packets/s refused, %.0f passed, %.0f sources in debt "
		     "crowded out, about %llu sources refused",
		     notice->refused, notice->passed, notice->replaced,
		     (unsigned long long)notice->sources);
	else
		tell(daemon, EVENT_attack_over, LOG_LEVEL_WARNING, notice->limit, NULL,
		     "no longer under attack, after %s",
		     util_format_duration(notice->lasted_ms / 1000, lasted));
}

/* ---- samples --------------------------------------------------------------------------------- */

static void on_refusal(void *arg, const struct dp_refusal *refusal)
{
	struct daemon *daemon = arg;
	const struct model_limit *limit = model_limit_by_id(daemon->model, refusal->limit);
	const struct bans_now at = now();
	struct prefix source;

	if (!limit)
		return;
	source = bans_source_of(limit, &refusal->source);
	daemon->refusals.sampled_ms = at.ms;
	offenders_add(daemon->refusals.offenders, refusal, &source, at.ms);
	if (daemon->refusals.is_adopted)
		bans_refused(daemon->refusals.bans, refusal, &at);
}

static void on_timer(uv_timer_t *timer);

static void read_samples(struct daemon *daemon)
{
	struct refusals *refusals = &daemon->refusals;

	daemon->port.ops->refusals_read(daemon->port.dp, on_refusal, daemon, &refusals->lost);
	if (!refusals->sampled_ms || clock_now_ms() - refusals->sampled_ms > READ_ON_MS)
		uv_timer_stop(&refusals->timer);
	else if (!uv_is_active((uv_handle_t *)&refusals->timer))
		uv_timer_start(&refusals->timer, on_timer, READ_MS, READ_MS);
}

static void on_timer(uv_timer_t *timer)
{
	struct daemon *daemon = timer->data;

	if (daemon->is_detached)
		uv_timer_stop(timer);
	else
		read_samples(daemon);
}

static bool is_limit(void *arg, uint32_t id)
{
	const struct daemon *daemon = arg;

	return model_limit_by_id(daemon->model, id);
}

static void follow_model(struct daemon *daemon)
{
	struct refusals *refusals = &daemon->refusals;

	if (refusals->revision == model_revision(daemon->model))
		return;
	refusals->revision = model_revision(daemon->model);
	offenders_keep(refusals->offenders, is_limit, daemon);
	bans_follow(refusals->bans);
}

static void judge_limits(struct daemon *daemon)
{
	size_t i;

	for (i = 0; i < model_limit_count(daemon->model); i++) {
		uint32_t id = model_limit_at(daemon->model, i)->id;
		uint64_t total[STATS_COUNTERS];
		struct offenders_counts counts;

		stats_total(daemon->stats, STATS_KEY(STATS_LIMIT, id), total);
		counts = (struct offenders_counts){
			.passed = total[0],
			.refused = total[1] + total[2] + total[4],
			.replaced_debt = total[3],
		};
		offenders_tick(daemon->refusals.offenders, id, &counts, clock_now_ms());
	}
}

static void save_soon(struct daemon *daemon, bool is_now)
{
	struct refusals *refusals = &daemon->refusals;
	uint64_t now_ms = clock_now_ms();

	refusals->is_unsaved |= refusals->has_attacks &&
				now_ms - refusals->saved_ms >= SAVE_ATTACK_MS;
	if (!refusals->is_unsaved || (!is_now && now_ms - refusals->saved_ms < SAVE_MS))
		return;
	refusals->is_unsaved = false;
	refusals->saved_ms = now_ms;
	state_mark(daemon->state, STATE_BANS);
}

void refusals_follow(struct daemon *daemon)
{
	if (!daemon->refusals.is_adopted)
		return;
	follow_model(daemon);
	save_soon(daemon, true);
}

void refusals_tick(struct daemon *daemon)
{
	const struct bans_now at = now();

	if (!daemon->refusals.is_adopted)
		refusals_adopt(daemon);
	if (!daemon->refusals.is_adopted)
		return;
	follow_model(daemon);
	read_samples(daemon);
	judge_limits(daemon);
	bans_tick(daemon->refusals.bans, &at);
	save_soon(daemon, false);
}

/* ---- commands -------------------------------------------------------------------------------- */

int refusals_ban(void *arg, const struct ban_order *order, struct err *e)
{
	struct daemon *daemon = arg;
	const struct bans_now at = now();
	int r;

	if (daemon->is_detached || !daemon->refusals.is_adopted)
		return err_set(e, ERR_BUSY, "", "the daemon %s",
			       daemon->is_detached ? "is detached and about to stop"
						   : "is not ready yet");
	follow_model(daemon);
	r = bans_set(daemon->refusals.bans, order, &at, e);
	save_soon(daemon, true);
	return r;
}

int refusals_lift(void *arg, uint32_t limit, const struct prefix *source, const char *by)
{
	struct daemon *daemon = arg;
	char text[80];
	int r;

	if (daemon->is_detached || !daemon->refusals.is_adopted)
		return -ESHUTDOWN;
	snprintf(text, sizeof(text), "lifted by %s", by);
	r = bans_lift(daemon->refusals.bans, limit, source, text);
	daemon->refusals.is_unsaved = true; /* what waited is in the file alone */
	save_soon(daemon, true);
	return r;
}

size_t refusals_lift_all(void *arg, uint32_t limit, const char *by, int *ret_failed)
{
	struct daemon *daemon = arg;
	char text[80];
	size_t lifted;

	if (daemon->is_detached || !daemon->refusals.is_adopted) {
		*ret_failed = -ESHUTDOWN;
		return 0;
	}
	snprintf(text, sizeof(text), "lifted by %s", by);
	lifted = bans_lift_all(daemon->refusals.bans, limit, text, ret_failed);
	daemon->refusals.is_unsaved = true;
	save_soon(daemon, true);
	return lifted;
}

uint64_t refusals_lost(void *arg)
{
	const struct daemon *daemon = arg;

	return daemon->refusals.lost;
}

/* ---- life ------------------------------------------------------------------------------------ */

void refusals_begin(struct daemon *daemon)
{
	struct refusals *refusals = &daemon->refusals;
	struct dp_capacity capacity;
	uint64_t secret = 0;

	/* Without a secret the number of sources could be made to look small; no more. */
	if (getrandom(&secret, sizeof(secret), GRND_NONBLOCK) < 0)
		secret = clock_now_ns();
	daemon->port.ops->capacity(daemon->port.dp, &capacity);
	refusals->offenders = offenders_new(secret, on_offender, daemon);
	refusals->bans = bans_new(&daemon->port, daemon->model, capacity.bans, on_ban, daemon);
	uv_timer_init(&daemon->loop, &refusals->timer);
	refusals->timer.data = daemon;
	state_load(daemon->state, STATE_BANS);
}

static void forget_kept(struct refusals_kept *kept)
{
	free(kept->list);
	*kept = (struct refusals_kept){0};
}

void refusals_adopt(struct daemon *daemon)
{
	struct refusals *refusals = &daemon->refusals;
	const struct bans_now at = now();
	int ret = bans_adopt(refusals->bans, refusals->kept.list, refusals->kept.count,
			     !dp_bpf_is_adopted(daemon->dp), &at);

	if (ret) {
		if (!refusals->is_unreadable)
			log_error("limit", "the pinned bans cannot be read: %s (tried again)",
				  strerror(-ret));
		refusals->is_unreadable = true;
		return;
	}
	bans_wait(refusals->bans, refusals->waiting.list, refusals->waiting.count);
	forget_kept(&refusals->kept);
	forget_kept(&refusals->waiting);
	refusals->revision = model_revision(daemon->model);
	refusals->is_adopted = true;
	if (bans_count(refusals->bans))
		log_info("limit", "%zu bans go on", bans_count(refusals->bans));
}

void refusals_end(struct daemon *daemon)
{
	daemon->refusals.is_unsaved |= bans_count(daemon->refusals.bans) > 0 ||
				       daemon->refusals.has_attacks;
	save_soon(daemon, true);
}

void refusals_done(struct daemon *daemon)
{
	bans_free(daemon->refusals.bans);
	offenders_free(daemon->refusals.offenders);
	forget_kept(&daemon->refusals.kept);
	forget_kept(&daemon->refusals.waiting);
}
