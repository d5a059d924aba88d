/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "daemon/announce.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/log.h"
#include "base/util.h"
#include "core/weights.h"
#include "dataplane/gratuitous.h"

#define REPEATS 3	      /* of gratuitous frames */
#define REPEAT_MS 900	      /* between them; the loop turns once a second at least */
#define BATCH_MAX 1024	      /* addresses a turn */
#define ROUTES_CHECK_MS 10000 /* somebody may have flushed the table */

struct told { /* an address that is announced by ARP */
	struct sluice_addr addr;
	uint32_t left; /* frames to send */
	uint64_t next_ms;
};

struct addresses { /* sorted, each once */
	struct sluice_addr *list;
	size_t count, capacity;
};

struct announcer {
	struct event_log *events;
	int fd; /* packet socket; negative errno */
	bool is_active;
	struct told *told;
	size_t told_count;
	struct addresses routed; /* shall have a route now */
	struct addresses kept;	 /* had one, and may keep it when their members fail; sorted */
	bool is_heir;		 /* of a daemon that had them all */
	size_t routes;		 /* would have one if they could serve */
	struct routes_place place;
	size_t routes_installed;
	uint64_t routes_checked_ms; /* 0: compare at the next turn */
	char failure[240];
	uint64_t frames_sent;
};

struct announcer *announce_new(struct event_log *events)
{
	struct announcer *announcer = util_alloc(sizeof(*announcer));

	announcer->events = events;
	announcer->fd = gratuitous_open();
	return announcer;
}

void announce_free(struct announcer *announcer)
{
	if (!announcer)
		return;
	util_close_p(&announcer->fd);
	free(announcer->told);
	free(announcer->routed.list);
	free(announcer->kept.list);
	free(announcer);
}

void announce_adopt(struct announcer *announcer)
{
	announcer->is_heir = true;
}

static const struct service_config *find_service(const struct config *config, enum announce way)
{
	size_t i;

	for (i = 0; i < config->service_count; i++)
		if (config->services[i].announce == way)
			return &config->services[i];
	return NULL;
}

int announce_check(const struct announcer *announcer, const struct config *config,
		   struct errs *errors)
{
	const struct service_config *arp = find_service(config, ANNOUNCE_ARP);
	struct err rule = {0}, *e;
	char path[160];
	int ret = 0;

	if (arp && announcer->fd < 0) {
		snprintf(path, sizeof(path), "services.%s.announce", arp->name);
		e = errs_add(errors, ERR_FORBIDDEN, path,
			     "arp: this daemon may not send gratuitous ARP: %s",
			     strerror(-announcer->fd));
		err_hint(e, "give it CAP_NET_RAW (as the systemd unit does) and start it again; or "
			    "announce: route or none");
		e->line = arp->line;
		ret = -EPERM;
	}
	if (find_service(config, ANNOUNCE_ROUTE) &&
	    routes_check_rules(config->route_table, &rule)) {
		errs_add_err(errors, &rule);
		ret = -EEXIST;
	}
	return ret;
}

static void add_event(struct announcer *announcer, enum event_type type, const char *fmt, ...)
	PRINTF(3, 4);
static void add_event(struct announcer *announcer, enum event_type type, const char *fmt, ...)
{
	struct event event = {.type = type};
	va_list args;

	va_start(args, fmt);
	vsnprintf(event.text, sizeof(event.text), fmt, args);
	va_end(args);
	event_log_add(announcer->events, &event);
	log_info("announce", "%s", event.text);
}

/* ---- what shall be -------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
	return addr_compare(a, b);
}

static void add(struct addresses *addresses, const struct sluice_addr *addr)
{
	addresses->list = util_grow(addresses->list, &addresses->capacity, addresses->count + 1,
				    sizeof(*addresses->list));
	addresses->list[addresses->count++] = *addr;
}

static void sort(struct addresses *addresses)
{
	size_t i, kept = 0;

	if (addresses->count)
		qsort(addresses->list, addresses->count, sizeof(*addresses->list), compare);
	for (i = 0; i < addresses->count; i++)
		if (!kept || !addr_equal(&addresses->list[kept - 1], &addresses->list[i]))
			addresses->list[kept++] = addresses->list[i];
	addresses->count = kept;
}

/* Members that serve although their checks fail (a panic) are no reason to attract traffic; those on
 * trial are, for their checks pass. */
static bool can_serve(const struct model_service *service)
{
	size_t p, m;

	if (service->mode == SLUICE_MODE_LOCAL)
		return true;
	for (p = 0; p < service->pool_count; p++) {
		for (m = 0; service->pools[p].share && m < service->pools[p].member_count; m++) {
			enum member_state state = member_state_of(&service->pools[p].members[m]);

			if (member_state_serves(state) || state == MEMBER_ON_TRIAL)
				return true;
		}
	}
	return false;
}

/* Is it by failures that nobody does? Where a person took all members out there are none. */
static bool is_failing(const struct model_service *service)
{
	size_t p, m;

	for (p = 0; p < service->pool_count; p++) {
		for (m = 0; service->pools[p].share && m < service->pools[p].member_count; m++) {
			const struct model_member *member = &service->pools[p].members[m];
			enum member_state state = member_state_of(member);

			if (member->override != OVERRIDE_EJECTED &&
			    (state == MEMBER_EJECTED || state == MEMBER_ON_TRIAL ||
			     state == MEMBER_UNREACHABLE))
				return true;
		}
	}
	return false;
}

static bool has(const struct addresses *addresses, const struct sluice_addr *addr)
{
	return addresses->count &&
	       bsearch(addr, addresses->list, addresses->count, sizeof(*addresses->list), compare);
}

static void collect(const struct model *model, enum announce way, struct addresses *addresses)
{
	size_t s;

	for (s = 0; s < model_service_count(model); s++) {
		const struct model_service *service = model_service_at(model, s);

		if (service->announce == way)
			add(addresses, &service->addr);
	}
	sort(addresses);
}

/* That members fail together is no reason to withdraw, for other nodes see the same; but neither is
 * it one to attract traffic that did not come before. is_able: routes may be. */
static void collect_routed(struct announcer *announcer, const struct model *model, bool is_able,
			   struct addresses *routed)
{
	struct addresses kept = {0};
	size_t s;

	for (s = 0; s < model_service_count(model); s++) {
		const struct model_service *service = model_service_at(model, s);
		bool is_serving, is_kept;

		if (service->announce != ANNOUNCE_ROUTE)
			continue;
		is_serving = can_serve(service);
		is_kept = (announcer->is_heir || has(&announcer->kept, &service->addr)) &&
			  (is_serving || is_failing(service));
		if (is_able && (is_serving || (is_kept && !service->is_withdrawn_when_down)))
			add(routed, &service->addr);
		if (is_kept || (is_able && is_serving))
			add(&kept, &service->addr);
	}
	sort(routed);
	sort(&kept);
	free(announcer->kept.list);
	announcer->kept = kept;
	announcer->is_heir &= !is_able;
}

/* ---- gratuitous frames ---------------------------------------------------------------------- */

static int compare_told(const void *a, const void *b)
{
	return addr_compare(&((const struct told *)a)->addr, &((const struct told *)b)->addr);
}

/* Addresses that are new are told; those that were told keep what is left of it. */
static void follow_addresses(struct announcer *announcer, const struct addresses *wanted)
{
	struct told *told = util_alloc_array(wanted->count, sizeof(*told));
	size_t i;

	for (i = 0; i < wanted->count; i++) {
		struct told *old = NULL;

		told[i].addr = wanted->list[i];
		if (announcer->told_count)
			old = bsearch(&told[i], announcer->told, announcer->told_count,
				      sizeof(*told), compare_told);
		if (old)
			told[i] = *old;
		else
			told[i].left = REPEATS;
	}
	free(announcer->told);
	announcer->told = told;
	announcer->told_count = wanted->count;
}

void announce_again(struct announcer *announcer)
{
	size_t i;

	for (i = 0; i < announcer->told_count; i++) {
		announcer->told[i].left = REPEATS;
		announcer->told[i].next_ms = 0;
	}
}

static void send_due(struct announcer *announcer, struct dp_bpf *dp, uint64_t now_ms)
{
	struct addresses due = {0};
	size_t i;

	for (i = 0; i < announcer->told_count && due.count < BATCH_MAX; i++) {
		struct told *told = &announcer->told[i];

		if (!told->left || now_ms < told->next_ms)
			continue;
		told->left--;
		told->next_ms = now_ms + REPEAT_MS;
		add(&due, &told->addr);
	}
	announcer->frames_sent += dp_bpf_announce(dp, announcer->fd, due.list, due.count);
	free(due.list);
}

/* ---- routes --------------------------------------------------------------------------------- */

static bool is_same(const struct addresses *a, const struct addresses *b)
{
	return a->count == b->count &&
	       (!a->count || !memcmp(a->list, b->list, a->count * sizeof(*a->list)));
}

static void report_routes(struct announcer *announcer, const struct routes_place *place,
			  const struct routes_result *result, size_t wanted)
{
	size_t changed = result->added + result->removed;
	char example[ADDR_TEXT_MAX];

	if (!changed)
		return;
	add_event(announcer, EVENT_routes_changed,
		  "table %u: %zu installed, %zu withdrawn (%s%s); now %zu of %zu", place->table,
		  result->added, result->removed, addr_format(&result->example, example),
		  changed > 1 ? ", ..." : "", result->present, wanted);
}

static void set_routes(struct announcer *announcer, struct dp_bpf *dp,
		       const struct routes_place *place, const struct addresses *wanted)
{
	struct routes_result result = {0};
	struct err e = {0};
	bool was_failing = announcer->failure[0];

	/* Noted before the first is installed, forgotten after the last is gone. */
	if (wanted->count)
		dp_bpf_note_routes(dp, place);
	announcer->failure[0] = '\0';
	if (routes_set(place, wanted->list, wanted->count, &result, &e)) {
		snprintf(announcer->failure, sizeof(announcer->failure), "%.150s%s%.80s", e.text,
			 e.hint[0] ? "; see " : "", e.hint);
		if (!was_failing)
			log_error("announce", "%s", announcer->failure);
	} else if (!wanted->count) {
		dp_bpf_note_routes(dp, &(struct routes_place){0});
	}
	announcer->routes_installed = result.present;
	report_routes(announcer, place, &result, wanted->count);
}

/* An earlier configuration, or an earlier daemon's, had its routes elsewhere. */
static void leave_old_place(struct announcer *announcer, struct dp_bpf *dp,
			    const struct routes_place *place)
{
	static const struct addresses none;
	struct routes_place noted;

	dp_bpf_noted_routes(dp, &noted);
	if (noted.table && (noted.table != place->table || noted.protocol != place->protocol))
		set_routes(announcer, dp, &noted, &none);
}

static void follow_routes(struct announcer *announcer, struct dp_bpf *dp,
			  const struct routes_place *place, struct addresses *wanted,
			  uint64_t now_ms)
{
	bool is_changed = !is_same(&announcer->routed, wanted) ||
			  memcmp(&announcer->place, place, sizeof(*place)) != 0;
	struct addresses old = announcer->routed;

	announcer->routed = *wanted;
	*wanted = old; /* the caller's to free */
	announcer->place = *place;
	if (!is_changed && announcer->routes_checked_ms &&
	    now_ms - announcer->routes_checked_ms < ROUTES_CHECK_MS)
		return;
	/* Who announces nothing by route has no business in the table, but once to clean up. */
	if (!is_changed && !announcer->routed.count && announcer->routes_checked_ms)
		return;
	leave_old_place(announcer, dp, place);
	announcer->routes_checked_ms = now_ms;
	set_routes(announcer, dp, place, &announcer->routed);
}

/* ---- the turn ------------------------------------------------------------------------------- */

static void follow_role(struct announcer *announcer, bool is_active)
{
	if (announcer->is_active == is_active)
		return;
	announcer->is_active = is_active;
	if (is_active)
		announce_again(announcer);
}

void announce_run(struct announcer *announcer, struct dp_bpf *dp, const struct config *config,
		  const struct model *model, bool is_attached, bool is_cut_off, uint64_t now_ms)
{
	const struct routes_place place = {config->route_table, config->route_protocol};
	struct addresses arp = {0}, routed = {0}, all = {0};

	follow_role(announcer, dp_bpf_is_active(dp) && !is_cut_off);
	/* On standby the one before had nothing. Who is cut off may go on afterwards. */
	announcer->is_heir &= dp_bpf_is_active(dp);
	collect(model, ANNOUNCE_ARP, &arp);
	follow_addresses(announcer, &arp);
	if (announcer->is_active)
		send_due(announcer, dp, now_ms);
	collect(model, ANNOUNCE_ROUTE, &all);
	announcer->routes = all.count;
	collect_routed(announcer, model, announcer->is_active && is_attached, &routed);
	follow_routes(announcer, dp, &place, &routed, now_ms);
	free(arp.list);
	free(all.list);
	free(routed.list);
}

void announce_withdraw(struct announcer *announcer, struct dp_bpf *dp)
{
	static const struct addresses none;
	struct routes_place noted;

	dp_bpf_noted_routes(dp, &noted);
	if (noted.table)
		set_routes(announcer, dp, &noted, &none);
	announcer->routed.count = 0;
	announcer->routes_checked_ms = 0;
}

void announce_describe(const struct announcer *announcer, struct announce_state *ret_state)
{
	*ret_state = (struct announce_state){
		.is_active = announcer->is_active,
		.arp = announcer->told_count,
		.routes = announcer->routes,
		.routes_installed = announcer->routes_installed,
		.frames_sent = announcer->frames_sent,
	};
	util_copy(ret_state->failure, sizeof(ret_state->failure), announcer->failure);
}
