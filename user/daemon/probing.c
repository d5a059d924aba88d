/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "daemon/daemon.h"

#include <errno.h>
#include <net/if.h>
#include <string.h>

#include <sluice/probe_types.h>

#include "base/addr.h"
#include "base/clock.h"
#include "dataplane/iface.h"
#include "dataplane/probe_path.h"

#define LOOK_MS 5000   /* between looks at the host, and between attempts */
#define STRAY_MS 30000 /* so long one that went astray is worth telling */
#define CARRIER_MS                                                                                 \
	100 /* so long an interface by which packets could leave is not looked at again */

/* ---- what health asks for -------------------------------------------------------------------- */

static bool refuse(char problem[HEALTH_TEXT_MAX], const char *text)
{
	util_copy(problem, HEALTH_TEXT_MAX, text);
	return false;
}

/* False: the interface is at fault, which is this host's, and none of whoever is behind it. */
static bool can_leave(void *arg, uint64_t member_id, char problem[HEALTH_TEXT_MAX])
{
	const struct daemon *daemon = arg;
	const struct model_member *member =
		model_member_by_id(daemon->model, member_id, NULL, NULL);
	char name[IF_NAMESIZE];
	const char *why;

	if (!member || !member->nexthop.ifindex)
		return true; /* nothing is known */
	if (!if_indextoname(member->nexthop.ifindex, name))
		return errno != ENXIO || refuse(problem, "its interface is gone");
	why = iface_problem(name);
	if (why)
		snprintf(problem, HEALTH_TEXT_MAX, "%s %s", name, why);
	return !why;
}

/* The same, for a probe that begins: when nothing comes back it is asked anew. */
static bool could_leave(struct daemon *daemon, const struct model_member *member,
			char problem[HEALTH_TEXT_MAX])
{
	struct probing *probing = &daemon->probing;
	uint64_t now_ms = clock_now_ms();

	if (member->nexthop.ifindex == probing->carrier_ifindex &&
	    now_ms - probing->carrier_ms < CARRIER_MS)
		return true;
	if (!can_leave(daemon, member->id, problem))
		return false;
	probing->carrier_ifindex = member->nexthop.ifindex;
	probing->carrier_ms = now_ms;
	return true;
}

static bool aim(void *arg, uint32_t index, uint64_t member_id, const struct sluice_addr *addr,
		struct path_aim *ret_aim, char problem[HEALTH_TEXT_MAX])
{
	struct daemon *daemon = arg;
	struct probe_path *path = daemon->probing.path;
	struct probe_path_counts counts;
	const struct model_member *member;
	const char *missing;
	uint32_t at;

	if (!path)
		return refuse(problem, *daemon->probing.problem ? daemon->probing.problem
								: "the path is not made yet");
	missing = probe_path_problem(path, addr_family(addr));
	if (missing)
		return refuse(problem, missing);
	at = sync_member_index(daemon->sync, member_id);
	member = model_member_by_id(daemon->model, member_id, NULL, NULL);
	if (!at || !member)
		return refuse(problem, "the member is in no table yet");
	if (!could_leave(daemon, member, problem))
		return false;
	if (probe_path_set(path, index, at, addr))
		return refuse(problem, "too many are probed through the path");
	probe_path_counts(path, index, &counts);
	*ret_aim = (struct path_aim){
		.mark = probe_path_mark(path, index),
		/* As traffic's to it: the member knows a way back to whom it is reached from. */
		.source = addr_family(addr) == SLUICE_FAMILY_V4 ? member->nexthop.src4
								: member->nexthop.src6,
		.sent = counts.sent,
		.dropped = counts.dropped,
	};
	return true;
}

/* A member without a next hop is out for that alone; anything else is worth a word of its own. */
static void note_stray(struct probing *probing, const struct sluice_addr *addr, const struct err *e)
{
	char address[ADDR_TEXT_MAX];

	snprintf(probing->stray, sizeof(probing->stray),
		 "probes of %s do not take the path: %.120s", addr_format(addr, address), e->text);
	util_copy(probing->stray_fix, sizeof(probing->stray_fix), e->hint);
	probing->stray_addr = *addr;
	probing->stray_ms = clock_now_ms();
}

static bool went(void *arg, uint32_t index, const struct sluice_addr *addr,
		 const struct path_aim *aim, bool has_passed, char problem[HEALTH_TEXT_MAX])
{
	struct daemon *daemon = arg;
	struct probing *probing = &daemon->probing;
	const struct probe_path_counts before = {.sent = aim->sent, .dropped = aim->dropped};
	struct probe_path_counts after = {0};
	struct err e = {0};

	if (!probing->path)
		return refuse(problem, "the path was taken away");
	probe_path_counts(probing->path, index, &after);
	if (after.sent > aim->sent && addr_equal(addr, &probing->stray_addr))
		probing->stray[0] = '\0';
	switch (probe_path_judge(&before, &after, has_passed)) {
	case PROBE_PATH_WENT:
		return true;
	case PROBE_PATH_DROPPED:
		return refuse(problem, after.reason);
	case PROBE_PATH_ASTRAY:
		break;
	}
	if (!probe_path_check(probing->path, addr, &aim->source, &e))
		err_set(&e, ERR_SYSTEM, "", "its packets went another way");
	if (!*e.hint)
		err_hint(&e, "does a firewall of this host set or clear marks of packets?");
	note_stray(probing, addr, &e);
	return refuse(problem, e.text);
}

static void clear(void *arg, uint32_t index)
{
	struct daemon *daemon = arg;

	if (daemon->probing.path)
		probe_path_clear(daemon->probing.path, index);
}

/* Two for each target: what a reload puts in its place begins while the old one's rests. */
struct health_path probing_health_path(struct daemon *daemon)
{
	return (struct health_path){
		.indices = MIN(2 * daemon->config->capacity.members, SLUICE_PROBE_TARGETS_MAX - 1),
		.aim = aim,
		.went = went,
		.clear = clear,
		.can_leave = can_leave,
		.arg = daemon,
	};
}

/* ---- the path -------------------------------------------------------------------------------- */

static void set_problem(struct probing *probing, const struct err *e)
{
	util_copy(probing->problem, sizeof(probing->problem), e->text);
	util_copy(probing->fix, sizeof(probing->fix), e->hint);
}

/* The family's problem counts only for who is probed in it. */
static const char *find_problem(const struct probing *probing)
{
	const char *problem = NULL;
	int family;

	if (*probing->problem)
		return probing->problem;
	for (family = 0; probing->path && !problem && family < SLUICE_FAMILY_MAX; family++)
		if (probing->is_wanted[family])
			problem = probe_path_problem(probing->path, family);
	return problem;
}

static void tell(struct daemon *daemon)
{
	struct probing *probing = &daemon->probing;
	const char *problem = find_problem(probing);

	if (!strcmp(problem ? problem : "", probing->told))
		return;
	util_copy(probing->told, sizeof(probing->told), problem ? problem : "");
	if (problem) {
		daemon_event(daemon, EVENT_probe_path, "probes cannot take the path: %s", problem);
		log_error("check", "probes cannot take the path: %s; members stay as they are",
			  problem);
	} else {
		daemon_event(daemon, EVENT_probe_path, "probes take the path again");
		log_info("check", "probes take the path again");
	}
}

/* For those that are aimed without one. As those of the tunnels to members do: who can send to that
 * address can answer. */
static void set_sources(struct daemon *daemon)
{
	struct sluice_addr sources[2] = {daemon->config->outer_source4,
					 daemon->config->outer_source6};
	size_t s, p, m;

	for (s = 0; s < model_service_count(daemon->model); s++) {
		const struct model_service *service = model_service_at(daemon->model, s);

		for (p = 0; p < service->pool_count; p++)
			for (m = 0; m < service->pools[p].member_count; m++) {
				const struct nexthop *nexthop =
					&service->pools[p].members[m].nexthop;

				if (!(sources[0].d[0] | sources[0].d[1]))
					sources[0] = nexthop->src4;
				if (!(sources[1].d[0] | sources[1].d[1]))
					sources[1] = nexthop->src6;
			}
	}
	probe_path_set_sources(daemon->probing.path, &sources[0], &sources[1]);
}

static void close_path(struct daemon *daemon)
{
	probe_path_close(daemon->probing.path);
	daemon->probing.path = NULL;
}

/* Nobody wants it: nothing of it shall be left on the host, by whomever it was made. */
static void take_away(struct daemon *daemon)
{
	struct probing *probing = &daemon->probing;
	struct err e = {0};

	close_path(daemon);
	probing->problem[0] = probing->fix[0] = '\0';
	if (probe_path_cleanup(daemon->instance, NULL, &e))
		daemon_log_err(LOG_LEVEL_WARNING, daemon, &e);
	else
		probing->is_cleared = true;
}

static void make(struct daemon *daemon)
{
	struct probing *probing = &daemon->probing;
	struct err e = {0};

	probing->is_cleared = false;
	if (!probe_path_open(daemon->dp, daemon->instance, probing_health_path(daemon).indices,
			     &probing->path, &e)) {
		probing->problem[0] = probing->fix[0] = '\0';
		return;
	}
	probing->path = NULL;
	set_problem(probing, &e);
}

static void look(struct daemon *daemon)
{
	struct probing *probing = &daemon->probing;
	struct err e = {0};

	probing->looked_ms = clock_now_ms();
	probing->addresses = resolver_addresses(nexthops_resolver(daemon->nexthops));
	if (!health_path_targets(daemon->health)) {
		if (probing->path || !probing->is_cleared)
			take_away(daemon);
		return;
	}
	if (!probing->path)
		make(daemon);
	if (probing->path) {
		set_sources(daemon);
		probe_path_refresh(probing->path, &e); /* find_problem() tells of what fails */
		util_copy(probing->fix, sizeof(probing->fix), e.hint);
	}
}

void probing_follow(struct daemon *daemon)
{
	struct probing *probing = &daemon->probing;
	size_t s, p;
	uint32_t i;

	memset(probing->is_wanted, 0, sizeof(probing->is_wanted));
	for (s = 0; s < model_service_count(daemon->model); s++) {
		const struct model_service *service = model_service_at(daemon->model, s);

		for (p = 0; p < service->pool_count; p++) {
			const struct check_set *checks = service->pools[p].checks;

			for (i = 0; checks && i < checks->count; i++)
				probing->is_wanted[addr_family(&service->addr)] |=
					checks->list[i].via == CHECK_VIA_PATH;
		}
	}
	look(daemon);
	tell(daemon);
}

void probing_tick(struct daemon *daemon)
{
	struct probing *probing = &daemon->probing;

	if (clock_now_ms() - probing->looked_ms < LOOK_MS &&
	    probing->addresses == resolver_addresses(nexthops_resolver(daemon->nexthops)))
		return;
	look(daemon);
	tell(daemon);
}

bool probing_is_blind(const struct daemon *daemon)
{
	return find_problem(&daemon->probing) != NULL;
}

size_t probing_findings(const struct daemon *daemon, struct control_finding *list, size_t max)
{
	const struct probing *probing = &daemon->probing;
	const char *problem = find_problem(probing);
	bool is_stray = *probing->stray && clock_now_ms() - probing->stray_ms < STRAY_MS;

	if (!max || !health_path_targets(daemon->health) || !(problem || is_stray))
		return 0;
	list->severity = CONTROL_DEGRADED;
	snprintf(list->text, sizeof(list->text), "%s%s: members stay as their checks had them",
		 problem ? "probes cannot take the path: " : "",
		 problem ? problem : probing->stray);
	util_copy(list->fix, sizeof(list->fix), problem ? probing->fix : probing->stray_fix);
	return 1;
}

void probing_done(struct daemon *daemon)
{
	close_path(daemon);
}
