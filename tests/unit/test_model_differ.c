/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A file that changes a service is told by the keys that differ, whichever they are. */
#include "unit/circuit_world.h"

#include "core/config_schema.h"

#define FILE_OF                                                                                    \
	"version: 1\ninterfaces: [eth0]\n"                                                         \
	"limits:\n  one: {count: packets, rate: 100/s, sources: 1024, mode: enforce}\n"            \
	"lists:\n  friends: {action: allow, prefixes: [198.51.100.0/24]}\n"                        \
	"services:\n  web:\n    listen: tcp 192.0.2.10:80\n    mode: l2\n%s"                       \
	"    pools:\n      main: {members: [10.0.0.1, {address: 10.0.0.2%s}]%s}\n"                 \
	"      other: {members: [10.0.0.3]}\n"

/* section, key: what is changed; text: how; told: the keys that the event names. */
struct row {
	enum config_section section;
	const char *key, *text, *told;
};

#define SERVICE CONFIG_SECTION_SERVICE
#define POOL CONFIG_SECTION_POOL
#define MEMBER CONFIG_SECTION_MEMBER

static const struct row rows[] = {
	{SERVICE, "unknown_port", "    unknown_port: pass\n", "unknown_port"},
	{SERVICE, "announce", "    announce: arp\n", "announce"},
	{SERVICE, "slots", "    slots: 8192\n", "slots"},
	{SERVICE, "affinity", "    affinity: hash\n", "affinity"},
	{SERVICE, "learn", "    learn: 300s\n", "learn"},
	{SERVICE, "idle", "    idle: 60s\n", "idle"},
	{SERVICE, "window", "    window: 30s\n", "window"},
	{SERVICE, "slow_start", "    slow_start: 30s\n", "slow_start"},
	{SERVICE, "max_new", "    max_new: 1000/s\n", "max_new"},
	{SERVICE, "max_new_per_member", "    max_new_per_member: 100/s\n", "max_new_per_member"},
	{SERVICE, "check", "    check: {type: tcp, interval: 3s}\n", "check"},
	{SERVICE, "check", "    check: {type: http, path: /health}\n", "check"},
	{SERVICE, "circuit", "    circuit: {trial: 20s}\n", "circuit"},
	{SERVICE, "circuit", "    circuit: {passive: disabled}\n", "circuit"},
	{SERVICE, "min_healthy", "    min_healthy: 2\n", "min_healthy"},
	{SERVICE, "panic", "    panic: drop\n", "panic"},
	{SERVICE, "on_down", "    announce: route\n    on_down: withdraw\n", "announce, on_down"},
	{SERVICE, "fallback", "    fallback: other\n", "fallback"},
	{SERVICE, "limits", "    limits: [one]\n", "limits"},
	{SERVICE, "allow", "    allow: [friends]\n", "allow"},
	{POOL, "share", ", share: 50", "share"},
	{POOL, "mode", ", mode: ipip", "mode"},
	{POOL, "gue_port", ", mode: gue, gue_port: 7000", "mode, gue_port"},
	{POOL, "max_new_per_member", ", max_new_per_member: 10/s", "max_new_per_member"},
	{POOL, "check", ", check: {type: tcp, fall: 5}", "check"},
	{POOL, "circuit", ", circuit: {mode: disabled}", "circuit"},
	{MEMBER, "check", ", check: {type: tcp, port: 8080}", "check"},
	{MEMBER, "max_new", ", max_new: 10/s", "max_new"},
};

/* What has events of its own, is told for each pool, or makes another service. */
static const struct row elsewhere[] = {
	{SERVICE, "listen", NULL, NULL},   {SERVICE, "mode", NULL, NULL},
	{SERVICE, "gue_port", NULL, NULL}, {SERVICE, "members", NULL, NULL},
	{SERVICE, "pools", NULL, NULL},	   {POOL, "members", NULL, NULL},
	{MEMBER, "address", NULL, NULL},   {MEMBER, "weight", NULL, NULL},
	{MEMBER, "admin", NULL, NULL},
};

static void load(struct world *w, const struct row *row)
{
	AUTO_FREE char *text = util_printf(FILE_OF, row && row->section == SERVICE ? row->text : "",
					   row && row->section == MEMBER ? row->text : "",
					   row && row->section == POOL ? row->text : "");

	world_load_text(w, text);
}

/* Events of changed services behind seq, and the text of the first; ret_seq: the last of any kind. */
static size_t count_told(struct world *w, uint64_t seq, char ret_text[300], uint64_t *ret_seq)
{
	const struct event *event;
	size_t count = 0;
	bool is_gap;

	for (; (event = event_log_next(w->log, seq, &is_gap)); seq = event->seq)
		if (event->type == EVENT_service_changed && !count++)
			util_copy(ret_text, 300, event->text);
	*ret_seq = seq;
	return count;
}

static void test_each_key(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		struct world *w = world_new(1);
		AUTO_FREE char *want = util_printf("changed in the file: %s", rows[i].told);
		char text[300] = "";
		uint64_t seq;
		bool is_of_both = rows[i].section == SERVICE &&
				  (!strcmp(rows[i].key, "max_new_per_member") ||
				   !strcmp(rows[i].key, "check") ||
				   !strcmp(rows[i].key, "circuit"));

		load(w, NULL);
		count_told(w, 0, text, &seq);
		load(w, NULL);
		assert_int_equal(count_told(w, seq, text, &seq), 0);
		load(w, &rows[i]);
		assert_int_equal(count_told(w, seq, text, &seq), is_of_both ? 2 : 1);
		assert_string_equal(text, want);
		world_free(w);
	}
}

static bool is_row(const struct row *list, size_t count, const struct config_field *field)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (list[i].section == field->section && strcmp(list[i].key, field->key) == 0)
			return true;
	return false;
}

static void test_no_key_is_missing(void **state)
{
	static const enum config_section sections[] = {SERVICE, POOL, MEMBER};
	size_t s, i, count;

	(void)state;
	for (s = 0; s < ARRAY_SIZE(sections); s++) {
		const struct config_field *fields = config_schema_section(sections[s], &count);

		for (i = 0; i < count; i++) {
			if (is_row(rows, ARRAY_SIZE(rows), &fields[i]) ||
			    is_row(elsewhere, ARRAY_SIZE(elsewhere), &fields[i]))
				continue;
			fail_msg("a change of %s is not tested", fields[i].key);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_key),
		cmocka_unit_test(test_no_key_is_missing),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
