/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "control/audit.h"

#include <pwd.h>
#include <stdarg.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"

#define REFUSALS_A_SECOND 10

/* From the local file only: a directory service could keep the loop waiting. */
static void user_name(uid_t uid, char *name, size_t size)
{
	AUTO_FCLOSE FILE *f = fopen("/etc/passwd", "re");
	const struct passwd *entry;

	name[0] = '\0';
	while (f && (entry = fgetpwent(f))) {
		if (entry->pw_uid != uid)
			continue;
		util_copy(name, size, entry->pw_name);
		return;
	}
}

static void fill_who(const struct peer *peer, struct event *event)
{
	char name[33];

	user_name(peer->uid, name, sizeof(name));
	snprintf(event->who, sizeof(event->who), "%s%suid %u, pid %d%s", name, name[0] ? " (" : "",
		 peer->uid, peer->pid, name[0] ? ")" : "");
}

void audit_user(const struct peer *peer, char *name, size_t size)
{
	user_name(peer->uid, name, size);
	if (!name[0])
		snprintf(name, size, "uid %u", peer->uid);
}

static void fill_object(const struct route_params *params, struct event *event)
{
	const char *service = route_param(params, "service");
	const char *pool = route_param(params, "pool");
	const char *member = route_param(params, "member");

	util_copy(event->service, sizeof(event->service), service ? service : "");
	util_copy(event->pool, sizeof(event->pool), pool ? pool : "");
	util_copy(event->member, sizeof(event->member), member ? member : "");
}

void audit_say(const struct request *request, const char *fmt, ...)
{
	va_list args;

	if (!request->audit)
		return;
	va_start(args, fmt);
	vsnprintf(request->audit->event.text, sizeof(request->audit->event.text), fmt, args);
	va_end(args);
}

void audit_name_member(const struct request *request, const char *pool, const char *member)
{
	if (!request->audit)
		return;
	util_copy(request->audit->event.pool, sizeof(request->audit->event.pool), pool);
	util_copy(request->audit->event.member, sizeof(request->audit->event.member), member);
}

static void record(const struct control_host *host, enum log_level level, struct event *event)
{
	bool has_object = event->service[0];

	event->type = EVENT_audit;
	if (host->record)
		host->record(host->arg, event);
	log_line(level, "audit", "%s%s%s%s%s%s%s by=\"%s\"", event->service,
		 event->pool[0] ? "/" : "", event->pool, event->member[0] ? "/" : "", event->member,
		 has_object ? ": " : "", event->text, event->who);
}

static bool may_note(struct audit_budget *budget)
{
	uint64_t now_s = clock_now_ms() / 1000;

	if (budget->second_s != now_s) {
		if (budget->left_out)
			log_warning("audit", "%u more refused requests in one second",
				    budget->left_out);
		*budget = (struct audit_budget){.second_s = now_s};
	}
	if (budget->noted < REFUSALS_A_SECOND) {
		budget->noted++;
		return true;
	}
	budget->left_out++;
	return false;
}

/* Only operations that change something: whoever reads may be wrong as often as he likes. */
void audit_refuse(const struct control_host *host, struct audit_budget *budget,
		  const struct operation *operation, const struct route_params *params,
		  const struct peer *peer, const struct err *e)
{
	struct event event = {0};

	if (operation->role < ROLE_OPERATOR || !may_note(budget))
		return;
	fill_who(peer, &event);
	fill_object(params, &event);
	snprintf(event.text, sizeof(event.text), "refused %s %s: %.200s", operation->method,
		 operation->path, e->text);
	record(host, LOG_LEVEL_WARNING, &event);
}

void audit_end(const struct request *request, struct audit_budget *budget, int r,
	       const struct errs *errors)
{
	static const struct err unknown = {.text = "failed without a reason"};
	struct event *event = &request->audit->event;
	struct event object = {0};

	if (r) {
		audit_refuse(request->host, budget, request->operation, &request->params,
			     &request->peer, errors->count ? errors->list : &unknown);
		return;
	}
	if (!event->text[0])
		return; /* nothing changed */
	fill_who(&request->peer, event);
	fill_object(&request->params, &object);
	util_copy(event->service, sizeof(event->service), object.service);
	if (!event->pool[0])
		util_copy(event->pool, sizeof(event->pool), object.pool);
	if (!event->member[0])
		util_copy(event->member, sizeof(event->member), object.member);
	record(request->host, LOG_LEVEL_INFO, event);
}
