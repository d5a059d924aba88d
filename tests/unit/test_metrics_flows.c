/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What metrics say of slots in motion and of the tables of flows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "fake/sync_world.h"
#include "metrics/metrics.h"
#include "metrics/text.h"

static const char site[] = "version: 1\n"
			   "interfaces: [eth0]\n"
			   "services:\n"
			   "  web: {listen: tcp 192.0.2.10:80, mode: l2, check: none,"
			   " members: [10.0.0.1, 10.0.0.2, 10.0.0.3]}\n"
			   "  here: {listen: tcp 192.0.2.11:80, mode: local}\n";

static char *render(const struct world *w)
{
	const struct metrics_source source = {.model = w->model, .sync = w->sync};
	struct metric_text text = {0};
	char *buffer;
	size_t size;

	text.out = open_memstream(&buffer, &size);
	metrics_write_flows(&text, &source);
	fclose(text.out);
	return buffer;
}

/* The value of the sample; it must be there, once. */
static double sample(const char *text, const char *name)
{
	AUTO_FREE char *wanted = util_printf("\n%s ", name);
	const char *at = strstr(text, wanted);

	if (!at || strstr(at + 1, wanted))
		fail_msg("%s is not there once in:\n%s", name, text);
	return at ? strtod(at + strlen(wanted), NULL) : 0;
}

static struct world *world(void)
{
	struct world *w = world_new(1);

	world_load_text(w, site);
	world_resolve_all(w);
	world_settle(w);
	return w;
}

static void at_rest(void **state)
{
	struct world *w = world();
	const struct model_service *service = model_find_service(w->model, "web");
	AUTO_FREE char *table = util_printf(
		"sluice_service_table_info{lb_service=\"web\",fingerprint=\"%08" PRIx32 "\"}",
		sync_table_fingerprint(w->sync, service->id));
	AUTO_FREE char *text = render(w);

	(void)state;
	assert_true(sample(text, table) == 1);
	assert_null(strstr(text, "\"here\"")); /* has no table */
	assert_true(sample(text, "sluice_flow_entries{table=\"flows\"}") == 0);
	assert_true(sample(text, "sluice_flow_capacity{table=\"flows\"}") ==
		    w->fake->capacity.flow_sets * SLUICE_FLOW_WAYS);
	assert_true(sample(text, "sluice_flow_capacity{table=\"pending\"}") ==
		    w->fake->capacity.pending_sets * SLUICE_FLOW_WAYS);
	assert_true(sample(text, "sluice_flow_capacity{table=\"tracked\"}") ==
		    w->fake->capacity.tracked_sets * SLUICE_FLOW_WAYS);
	assert_true(sample(text, "sluice_slots{state=\"announced\"}") == 0);
	assert_true(sample(text, "sluice_slots{state=\"moving\"}") == 0);
	world_free(w);
}

/* Slots of a member that drains, and has had connections. */
static void in_motion(void **state)
{
	struct world *w = world();
	const struct model_service *service = model_find_service(w->model, "web");
	const struct change drain = {.type = CHANGE_MEMBER_ADMIN,
				     .owner = OWNER_API,
				     .service = "web",
				     .pool = "default",
				     .addr = service->pools[0].members[0].addr,
				     .admin = ADMIN_DRAIN};
	uint32_t id = service->id, i;
	struct sync_service_flows flows;
	char *text;

	(void)state;
	for (i = 0; i < w->fake->capacity.members; i++)
		w->fake->member_stats[i] = (struct sluice_member_stats){.packets = 1000000,
									.new_connections = 1000000};
	world_apply(w, &drain);
	world_settle(w);
	sync_view_service(w->sync, id, &flows);
	assert_true(flows.moving > 0);
	text = render(w);
	assert_true(sample(text, "sluice_slots{state=\"moving\"}") == flows.moving);
	assert_true(sample(text, "sluice_slots{state=\"announced\"}") == flows.pre);
	assert_true(sample(text, "sluice_slots{state=\"waiting\"}") == flows.waiting);
	assert_true(sample(text, "sluice_slots{state=\"exceptional\"}") == flows.exceptional);
	free(text);
	world_free(w);
}

/* Each of the packet path's counters under its own name. */
static void counters(void **state)
{
	struct world *w = world();
	static const struct {
		const char *name;
		size_t offset;
	} rows[] = {
#define ROW(name, field) {"sluice_flow_" name "_total", offsetof(struct sluice_flow_stats, field)}
		ROW("hits", hits),
		ROW("misses", misses),
		ROW("pending_hits", pending_hits),
		ROW("pending_stored", pending_stored),
		ROW("promoted", promoted),
		ROW("learned", learned),
		ROW("postponed", postponed),
		ROW("unlearned", dirty),
		ROW("taken_over", taken_over),
		ROW("tracked_hits", tracked_hits),
		ROW("tracked_stored", tracked_stored),
		ROW("tracked_evicted", tracked_evicted),
#undef ROW
	};
	AUTO_FREE char *text = NULL;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		uint64_t value = 1000 + i;

		memcpy((char *)&w->fake->flow_stats + rows[i].offset, &value, sizeof(value));
	}
	text = render(w);
	for (i = 0; i < ARRAY_SIZE(rows); i++)
		assert_true(sample(text, rows[i].name) == (double)(1000 + i));
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(at_rest),
		cmocka_unit_test(in_motion),
		cmocka_unit_test(counters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
