/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "daemon/daemon.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/clock.h"
#include "base/program.h"
#include "core/check_spec.h"

#define CERTIFICATES_SHOWN 4
#define UNCHECKED_SHOWN 4 /* services */

/* "ends in 5 d", "ended 3 h ago". */
static const char *end_text(int64_t expires_s, char *text, size_t size)
{
	int64_t left_s = expires_s - (int64_t)clock_wall_s();
	uint64_t s = (uint64_t)(left_s < 0 ? -left_s : left_s), n = s / 60;
	const char *unit = "min";

	if (s >= 2 * 86400) {
		n = s / 86400;
		unit = "d";
	} else if (s >= 2 * 3600) {
		n = s / 3600;
		unit = "h";
	}
	snprintf(text, size, left_s < 0 ? "ended %" PRIu64 " %s ago" : "ends in %" PRIu64 " %s", n,
		 unit);
	return text;
}

/* False: the member has gone. */
static bool name_member(const struct daemon *daemon, uint64_t member_id, struct event *event)
{
	const struct model_member *member;
	struct model_service *service;
	struct model_pool *pool;

	member = model_member_by_id(daemon->model, member_id, &service, &pool);
	if (!member)
		return false;
	util_copy(event->service, sizeof(event->service), service->name);
	util_copy(event->pool, sizeof(event->pool), pool->name);
	addr_format_endpoint(&member->addr, member->port, event->member);
	return true;
}

static void say(struct daemon *daemon, const struct event *event)
{
	event_log_add(daemon->events, event);
	log_warning("check", "member %s/%s/%s: %s", event->service, event->pool, event->member,
		    event->text);
}

void checks_certificate(void *arg, uint64_t member_id, int64_t expires_s)
{
	struct event event = {.type = EVENT_member_certificate};
	char text[64];

	if (!name_member(arg, member_id, &event))
		return;
	snprintf(event.text, sizeof(event.text), "its certificate %s",
		 end_text(expires_s, text, sizeof(text)));
	say(arg, &event);
}

void checks_diagnosis(void *arg, uint64_t member_id, const char *text)
{
	struct event event = {.type = EVENT_member_diagnosis};

	if (!name_member(arg, member_id, &event))
		return;
	util_copy(event.text, sizeof(event.text), text);
	say(arg, &event);
}

static bool is_due(const struct daemon *daemon, const struct model_service *service,
		   const struct model_pool *pool, const struct model_member *member,
		   int64_t *ret_expires_s)
{
	const struct check_config *check = model_check_of(pool, member);
	struct check_report report;

	if (check->type != CHECK_HTTPS)
		return false;
	health_member_report(daemon->health, service, pool, member, &report);
	*ret_expires_s = report.expires_s;
	return report.is_expiry_near;
}

static size_t find_certificates(const struct daemon *daemon, struct control_finding *list,
				size_t max)
{
	char endpoint[ENDPOINT_TEXT_MAX], text[64];
	size_t count = 0, s, p, m;
	int64_t expires_s;

	for (s = 0; s < model_service_count(daemon->model); s++) {
		const struct model_service *service = model_service_at(daemon->model, s);

		for (p = 0; p < service->pool_count; p++) {
			const struct model_pool *pool = &service->pools[p];

			for (m = 0; m < pool->member_count && count < max; m++) {
				const struct model_member *member = &pool->members[m];

				if (!is_due(daemon, service, pool, member, &expires_s))
					continue;
				addr_format_endpoint(&member->addr, member->port, endpoint);
				list[count].severity = CONTROL_NOTE;
				snprintf(list[count].text, sizeof(list[count].text),
					 "%s %s: its certificate %s", service->name, endpoint,
					 end_text(expires_s, text, sizeof(text)));
				snprintf(list[count].fix, sizeof(list[count].fix),
					 "renew it on the member");
				count++;
			}
		}
	}
	return count;
}

static size_t find_apart(const struct daemon *daemon, struct control_finding *list, size_t max)
{
	struct check_totals totals;

	health_totals(daemon->health, &totals);
	if (!max || !totals.apart.is_wanted || !totals.apart.problem[0])
		return 0;
	list->severity = totals.apart.is_up ? CONTROL_NOTE : CONTROL_DEGRADED;
	snprintf(list->text, sizeof(list->text), "%s%s", totals.apart.problem,
		 totals.apart.is_up
			 ? ""
			 : ": checks that read answers are blind until it runs again; if "
			   "it does not by itself, restart sluiced: packets keep flowing");
	util_copy(list->fix, sizeof(list->fix), totals.apart.is_up ? "" : "sluicectl events");
	return 1;
}

/* The members of a service that cannot be checked, and the one for which that is so for longest. */
struct unchecked {
	size_t count, of;
	uint64_t since_ms;
	const char *text;
};

static void count_unchecked(const struct daemon *daemon, const struct model_service *service,
			    bool is_apart_told, bool is_path_told, struct unchecked *ret_found)
{
	struct unchecked found = {0};
	struct check_report report;
	size_t p, m;

	for (p = 0; p < service->pool_count; p++) {
		const struct model_pool *pool = &service->pools[p];

		for (m = 0; m < pool->member_count; m++) {
			const struct model_member *member = &pool->members[m];
			const struct check_config *check = model_check_of(pool, member);

			if (check->type == CHECK_NONE)
				continue;
			found.of++;
			if ((is_apart_told && check_type_is_apart(check->type)) ||
			    (is_path_told && check->via == CHECK_VIA_PATH))
				continue;
			health_member_report(daemon->health, service, pool, member, &report);
			if (report.undecided < CHECK_UNDECIDED_MAX)
				continue;
			if (!found.count++ || report.undecided_ms < found.since_ms) {
				found.since_ms = report.undecided_ms;
				found.text = util_text(member->health_text);
			}
		}
	}
	*ret_found = found;
}

/* Nobody knows how they are, whatever their state says. is_path_told: why probes cannot take the path is
 * among the findings. */
static size_t find_unchecked(const struct daemon *daemon, bool is_path_told,
			     struct control_finding *list, size_t max)
{
	struct check_totals totals;
	size_t count = 0, s;

	health_totals(daemon->health, &totals);
	if (!totals.unchecked || daemon->cut_off.why)
		return 0;
	for (s = 0; s < model_service_count(daemon->model) && count < max; s++) {
		const struct model_service *service = model_service_at(daemon->model, s);
		struct unchecked found;

		count_unchecked(daemon, service, totals.apart.is_wanted && !totals.apart.is_up,
				is_path_told, &found);
		if (!found.count)
			continue;
		list[count].severity = CONTROL_DEGRADED;
		snprintf(list[count].text, sizeof(list[count].text),
			 "%s: %zu of %zu members not checked for %" PRIu64 " s: %s", service->name,
			 found.count, found.of, (clock_now_ms() - found.since_ms) / 1000,
			 found.text);
		snprintf(list[count].fix, sizeof(list[count].fix), "sluicectl member list %s",
			 service->name);
		count++;
	}
	return count;
}

size_t checks_findings(const struct daemon *daemon, struct control_finding *list, size_t max)
{
	size_t count;

	if (!daemon->health)
		return 0;
	count = probing_findings(daemon, list, max);
	count += find_unchecked(daemon, probing_is_blind(daemon), list + count,
				MIN(max - count, (size_t)UNCHECKED_SHOWN));
	count += find_apart(daemon, list + count, max - count);
	return count + find_certificates(daemon, list + count,
					 MIN(max - count, (size_t)CERTIFICATES_SHOWN));
}

/* ---- what a configuration asks of this host -------------------------------------------------- */

static const char *find_icmp_problem(const struct daemon *daemon, const struct pool_config *pool)
{
	const char *problem = NULL;
	size_t m;

	if (pool->names) { /* their addresses may be of either */
		problem = health_icmp_problem(daemon->health, SLUICE_FAMILY_V4);
		if (!problem)
			problem = health_icmp_problem(daemon->health, SLUICE_FAMILY_V6);
	}
	for (m = 0; !problem && m < pool->member_count; m++)
		problem = health_icmp_problem(daemon->health, addr_family(&pool->members[m].addr));
	return problem;
}

static void check_set_on_host(const struct daemon *daemon, const struct pool_config *pool,
			      const char *path, struct errs *errors)
{
	const char *problem;
	struct err *e;
	uint32_t i;

	for (i = 0; pool->checks && i < pool->checks->count; i++) {
		enum check_type type = pool->checks->list[i].type;

		if (type == CHECK_ICMP && (problem = find_icmp_problem(daemon, pool))) {
			e = errs_add(errors, ERR_UNSUPPORTED, path,
				     "no socket for checks of type icmp: %s", problem);
			err_hint(e, "sluiced needs CAP_NET_RAW when it starts "
				    "(CapabilityBoundingSet=): restart it with that");
		} else if (check_type_is_apart(type) && access(daemon->checker, X_OK)) {
			e = errs_add(errors, ERR_UNSUPPORTED, path,
				     "checks of type %s take %s, which cannot be run",
				     check_type_name(type), daemon->checker);
			err_hint(e, "install all of Sluice's programs into the same folder (make "
				    "install)");
		} else {
			continue;
		}
		e->line = pool->line;
		return;
	}
}

void checks_check(const struct daemon *daemon, const struct config *config, struct errs *errors)
{
	char path[2 * NAME_MAX_LENGTH + 32];
	size_t s, p;

	config_check_files(config, program_look, errors);

	for (s = 0; s < config->service_count; s++)
		for (p = 0; p < config->services[s].pool_count; p++) {
			const struct service_config *service = &config->services[s];
			const struct pool_config *pool = &service->pools[p];

			snprintf(path, sizeof(path), "services.%s.%s%s%scheck", service->name,
				 service->has_pools ? "pools." : "",
				 service->has_pools ? pool->name : "",
				 service->has_pools ? "." : "");
			check_set_on_host(daemon, pool, path, errors);
		}
}
