/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Host names among members, for their tests: answers, configurations that follow them, and restarts. */
#pragma once

#include "unit/circuit_world.h"

#include <stdio.h>

#include "core/names.h"
#include "daemon/daemon.h"
#include "daemon/kept.h"

#define DENY                                                                                       \
	"management: {prefixes: [198.51.100.1]}\n"                                                 \
	"lists:\n  blocked: {action: deny, prefixes: [10.0.0.99, 10.0.0.98]}\n"
#define POOLS                                                                                      \
	"    check: none\n    pools:\n      a: {members: [a.example, b.example]}\n"                \
	"      b: {members: [10.0.0.9]}\n"

/* "1 2 3": 10.0.0.1 and so on. */
static inline struct check_addresses answer(const char *numbers)
{
	struct check_addresses answer = {0};
	char text[ADDR_TEXT_MAX], *end;
	long n;

	for (; *numbers; numbers = end) {
		n = strtol(numbers, &end, 10);
		snprintf(text, sizeof(text), "10.0.0.%ld", n);
		assert_int_equal(addr_parse(text, &answer.list[answer.count++]), 0);
	}
	answer.count = addr_sort(answer.list, answer.count);
	return answer;
}

static inline bool take(struct name *name, const char *numbers)
{
	const struct check_addresses list = answer(numbers);

	return name_take(name, &list);
}

static inline struct config *parse(const char *rest)
{
	AUTO_FREE char *text = util_printf("%s%s", HEAD, rest);
	struct errs errors = {0};
	struct config *config;

	if (config_parse(text, strlen(text), &config, &errors))
		fail_msg("%s", errors.list[0].text);
	return config;
}

/* "0:1 0:-2 1:3": in which pool, and whether it is terminating. */
static inline const char *members(const struct config *config, size_t s)
{
	static char text[2000];
	size_t used = 0, p, m;

	text[0] = '\0';
	for (p = 0; p < config->services[s].pool_count; p++)
		for (m = 0; m < config->services[s].pools[p].member_count; m++) {
			const struct member_config *member =
				&config->services[s].pools[p].members[m];

			used += (size_t)snprintf(
				text + used, sizeof(text) - used, "%s%zu:%s%u", used ? " " : "", p,
				member->discovery == DISCOVERY_TERMINATING ? "-" : "",
				member->addr.b[15]);
		}
	return text;
}

struct noted {
	size_t count, troubles, kept;
	char last[400];
};

static inline void note(void *arg, const struct name_left_out *found)
{
	struct noted *left_out = arg;
	char text[ADDR_TEXT_MAX];

	left_out->count++;
	left_out->troubles += found->is_trouble;
	left_out->kept += found->is_kept;
	snprintf(left_out->last, sizeof(left_out->last), "%s/%s %s %s: %s", found->service->name,
		 found->pool->name, found->name, addr_format(found->addr, text), found->why);
}

static inline void expand_noting(struct world *w, struct names *names, struct config *config,
				 struct noted *left_out)
{
	struct change change = {.type = CHANGE_NAMES, .config = config, .is_forced = true};

	names_expand(names, config, w->model, TICK_NS, note, left_out);
	world_apply(w, &change);
	world_resolve_all(w);
}

static inline void expand(struct world *w, struct names *names, struct config *config)
{
	struct noted left_out = {0};

	expand_noting(w, names, config, &left_out);
}

/* Of a daemon that has these names. */
static inline void restart(struct names *names)
{
	struct daemon *daemon = util_alloc(sizeof(*daemon));
	struct err e = {0};
	json_t *kept;

	daemon->names.table = *names;
	kept = kept_save_names(daemon);
	names_done(&daemon->names.table);
	assert_int_equal(kept_load_names(daemon, kept, &e), 0);
	*names = daemon->names.table;
	json_decref(kept);
	free(daemon);
}
