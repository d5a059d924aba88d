/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Tables in docs/ name what there is, and nothing else: metrics, types of events, verdicts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "core/event_log.h"
#include "core/verdicts.h"
#include "fake/sync_world.h"
#include "metrics/metrics.h"

static char *read_page(const char *path)
{
	char *page = NULL;
	size_t length;

	assert_int_equal(util_read_file(path, 1 << 20, &page, &length), 0);
	return page;
}

/* Lines that begin so. */
static size_t count_lines(const char *text, const char *start)
{
	AUTO_FREE char *at_start = util_printf("\n%s", start);
	size_t count = 0;

	for (; (text = strstr(text, at_start)); text++)
		count++;
	return count;
}

/* Returns how many rows are wrong. */
static size_t check_row(const char *path, const char *page, const char *row)
{
	size_t count = count_lines(page, row);

	if (count != 1)
		print_error("%s: has the row %s %zu times\n", path, row, count);
	return count != 1;
}

/* ---- metrics --------------------------------------------------------------------------------- */

/* One of everything that has metrics of its own. */
static const char site[] =
	"version: 1\n"
	"interfaces: [eth0]\n"
	"services:\n"
	"  web:\n"
	"    listen: tcp 192.0.2.10:80\n"
	"    mode: l2\n"
	"    max_new: 10k/s\n"
	"    max_new_per_member: 1k/s\n"
	"    limits: [client]\n"
	"    allow: [office]\n"
	"    pools: {stable: {members: [10.0.0.1]}, next: {members: [10.0.0.2]}}\n"
	"limits:\n"
	"  client: {count: new-connections, rate: 10/s, mode: enforce, sources: 1024}\n"
	"lists:\n"
	"  office: {action: allow, prefixes: [198.51.100.0/24]}\n";

static void report(void *arg, const struct model_service *service, const struct model_pool *pool,
		   const struct model_member *member, struct check_report *ret_report)
{
	(void)arg;
	(void)service;
	(void)pool;
	(void)member;
	*ret_report = (struct check_report){.expires_s = 1};
}

static uint32_t sources(void *arg, uint32_t limit)
{
	(void)arg;
	return limit;
}

static char *render(struct world *w)
{
	static const struct metrics_interface interface = {.name = "eth0"};
	struct check_durations durations[CHECK_TYPE_MAX][2] = {0};
	struct names names = {0};
	struct name *name = names_add(&names, "web.example.net");
	struct metrics_source source = {
		.model = w->model,
		.sync = w->sync,
		.stats = stats_new(),
		.suspects = suspects_new(),
		.offenders = offenders_new(1, NULL, NULL),
		.names = &names,
		.bans = bans_new(&w->port, w->model, 16, NULL, NULL),
		.interfaces = &interface,
		.interface_count = 1,
		.check_totals.durations = durations,
		.checks = report,
		.limit_sources = sources,
	};
	size_t length;
	char *text;

	check_durations_add(&durations[CHECK_TCP][PROBE_PASS], 1);
	name->is_wanted = true;
	name->passed_s = 1;
	text = metrics_render(&source, false, &length);
	bans_free((struct bans *)source.bans);
	offenders_free((struct offenders *)source.offenders);
	suspects_free((struct suspects *)source.suspects);
	stats_free((struct stats *)source.stats);
	names_done(&names);
	return text;
}

static char *render_all(void)
{
	struct shift plan = {.plan = {.steps = {100}, .step_count = 1, .hold_s = 10}};
	const struct change shift = {.type = CHANGE_SHIFT,
				     .owner = OWNER_API,
				     .service = "web",
				     .pool = "next",
				     .shift = &plan,
				     .shift_action = SHIFT_ACTION_START};
	struct world *w = world_new(1);
	size_t p;
	char *text;

	world_load_text(w, site);
	world_resolve_all(w);
	for (p = 0; p < 2; p++)
		world_set_health(w, &model_find_service(w->model, "web")->pools[p].members[0],
				 HEALTH_UP);
	world_settle(w);
	world_apply(w, &shift);
	text = render(w);
	world_free(w);
	return text;
}

static const char *find_sample(const char *text, const char *name)
{
	static const char *const ends[] = {" ", "{", "_bucket{"};
	const char *at = NULL;
	size_t i;

	for (i = 0; !at && i < ARRAY_SIZE(ends); i++) {
		AUTO_FREE char *start = util_printf("\n%s%s", name, ends[i]);

		at = strstr(text, start);
	}
	if (!at)
		fail_msg("%s has no sample", name);
	return at;
}

/* "`lb_service`, `pool`" of the family's first sample; that of a histogram's bucket is no label. */
static void read_labels(const char *text, const char *name, char *ret_labels, size_t size)
{
	const char *at = find_sample(text, name);
	FILE *out = fmemopen(ret_labels, size, "w");
	bool is_any = false;

	assert_non_null(out);
	for (at += strcspn(at, " {"); at && *at != ' ' && *at != '}'; at = strchr(at, '"') + 1) {
		size_t length;

		at += strcspn(at, "{,") + 1;
		length = strcspn(at, "=");
		if (strncmp(at, "le=", 3) != 0)
			fprintf(out, "%s`%.*s`", is_any ? ", " : "", (int)length, at);
		is_any = true;
		at += length + 2;
	}
	fclose(out);
}

static void metrics(void **state)
{
	static const char path[] = "docs/metrics.md";
	AUTO_FREE char *page = read_page(path), *text = render_all();
	size_t wrong = 0, families = 0;
	const char *at;

	(void)state;
	for (at = text; (at = strstr(at, "\n# TYPE ")); at++) {
		char name[96], type[16], labels[160] = "";
		AUTO_FREE char *row = NULL;

		assert_int_equal(sscanf(at, "\n# TYPE %95s %15s", name, type), 2);
		read_labels(text, name, labels, sizeof(labels));
		row = util_printf("| `%s` | %s | %s%s", name, type, labels, *labels ? " | " : "| ");
		wrong += check_row(path, page, row);
		families++;
	}
	assert_int_equal(count_lines(page, "| `sluice_") + count_lines(page, "| `process_"),
			 families);
	assert_int_equal(wrong, 0);
}

/* ---- events and verdicts --------------------------------------------------------------------- */

static void events(void **state)
{
	static const char path[] = "docs/protocol.md";
	AUTO_FREE char *page = read_page(path);
	enum event_type type;
	size_t wrong = 0;

	(void)state;
	for (type = 0; type < EVENT_TYPE_MAX; type++) {
		AUTO_FREE char *row = util_printf("| `%s` | ", event_type_name(type));

		wrong += check_row(path, page, row);
	}
	assert_int_equal(wrong, 0);
	assert_int_equal(count_lines(page, "| `"), EVENT_TYPE_MAX);
}

/* All but none, which no packet leaves with. */
static void verdicts(void **state)
{
	static const char path[] = "docs/packet-path.md";
	AUTO_FREE char *page = read_page(path);
	size_t wrong = 0, rows = 0;
	enum sluice_action action;
	uint32_t verdict;

	(void)state;
	for (verdict = SLUICE_V_none + 1; verdict < SLUICE_V_MAX; verdict++) {
		AUTO_FREE char *row = util_printf("| `%s` | %s | %s |", verdicts_name(verdict),
						  verdicts_action_name(verdicts_action(verdict)),
						  verdicts_help(verdict));

		wrong += check_row(path, page, row);
	}
	for (action = 0; action < SLUICE_ACTION_MAX; action++) {
		const char *at = page;
		AUTO_FREE char *cell = util_printf("` | %s | ", verdicts_action_name(action));

		for (; (at = strstr(at, cell)); at++)
			rows++;
	}
	assert_int_equal(wrong, 0);
	assert_int_equal(rows, SLUICE_V_MAX - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(metrics),
		cmocka_unit_test(events),
		cmocka_unit_test(verdicts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
