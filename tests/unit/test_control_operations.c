/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The table of operations as a whole, and who may do what. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "control/operations.h"

static void rows_are_complete(void **state)
{
	size_t i, j;

	(void)state;
	for (i = 0; i < operation_count; i++) {
		const struct operation *operation = &operations[i];

		assert_non_null(operation->handler);
		assert_in_range(operation->role, ROLE_VIEWER, ROLE_ADMIN);
		assert_non_null(strchr(".?", operation->help[strlen(operation->help) - 1]));
		/* A JSON body has fields, nothing else has. */
		assert_int_equal(operation->body == BODY_JSON, operation->fields != NULL);
		/* Nobody may change anything as a viewer; checking a text changes nothing, and
		 * asking where a packet would go does not either. */
		if (strcmp(operation->method, "GET") && operation->body != BODY_YAML &&
		    operation->handler != op_where)
			assert_true(operation->role > ROLE_VIEWER);
		for (j = 0; j < i; j++)
			assert_false(!strcmp(operations[j].path, operation->path) &&
				     !strcmp(operations[j].method, operation->method));
	}
}

/* docs/protocol.md is the contract: a method and path here must be there. */
static void protocol_lists_every_operation(void **state)
{
	char *text, row[160];
	size_t length, i;

	(void)state;
	if (util_read_file("docs/protocol.md", 1 << 20, &text, &length))
		skip();
	for (i = 0; i < operation_count; i++) {
		const char *path = operations[i].path;
		const char *tail = strstr(path, "/members/{member}/");

		/* The page shortens the long ones. */
		if (tail)
			snprintf(row, sizeof(row), "| %s …%s |", operations[i].method, tail);
		else if (!strcmp(path, "/v1/events"))
			snprintf(row, sizeof(row), "| GET /v1/events?since=N |");
		else
			snprintf(row, sizeof(row), "| %s %s |", operations[i].method, path);
		if (!strstr(text, row))
			fail_msg("docs/protocol.md lacks %s", row);
	}
	free(text);
}

struct row {
	const char *method, *path;
	enum err_code code; /* ERR_OK: found */
	const char *part;   /* of the pattern, of Allow, or of the hint */
};

static void finding(void **state)
{
	static const struct row rows[] = {
		{"GET", "/v1/status", ERR_OK, "/v1/status"},
		{"HEAD", "/v1/status", ERR_OK, "/v1/status"},
		{"PUT", "/v1/services/a/pools/-/members/10.0.0.1", ERR_OK, "{member}"},
		{"PUT", "/v1/services/a/pools/-/members/10.0.0.1/admin", ERR_OK, "/admin"},
		{"GET", "/metrics", ERR_OK, "/metrics"},
		{"DELETE", "/v1/status", ERR_METHOD, "GET, HEAD"},
		{"POST", "/v1/services/a/pools/-/members/10.0.0.1", ERR_METHOD,
		 "GET, HEAD, PUT, DELETE"},
		{"GET", "/v1/config/reload", ERR_METHOD, "POST"},
		{"GET", "/v1/stauts", ERR_NOT_FOUND, "/v1/status"},
		{"GET", "/", ERR_NOT_FOUND, "/v1/operations"},
		{"GET", "", ERR_NOT_FOUND, "/v1/operations"},
		{"GET", "/v1/services/a/pool", ERR_NOT_FOUND, "/v1/services/{service}"},
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct operation *operation = NULL;
		struct route_params params = {0};
		struct err e = {0};
		char allow[64];
		int r = operations_find(rows[i].method, rows[i].path, &operation, &params, allow,
					sizeof(allow), &e);

		assert_int_equal(e.code, rows[i].code);
		assert_int_equal(r == 0, rows[i].code == ERR_OK);
		if (rows[i].code == ERR_OK)
			assert_non_null(strstr(operation->path, rows[i].part));
		else if (rows[i].code == ERR_METHOD)
			assert_string_equal(allow, rows[i].part);
		else if (!strstr(e.hint, rows[i].part))
			fail_msg("%s: %s", rows[i].path, e.hint);
	}
}

static json_t *events_of(const struct control_host *host, const char *since)
{
	struct request request = {.host = host, .since = since};
	struct reply reply = {0};
	struct errs errors = {0};

	assert_int_equal(op_events(&request, &reply, &errors), 0);
	return reply.json;
}

static json_int_t seq_at(const json_t *answer, size_t place)
{
	const json_t *event = json_array_get(json_object_get(answer, "events"), place);

	return json_integer_value(json_object_get(event, "seq"));
}

/* More events than an answer has: the newest unless asked for those after one. */
static void events_are_the_newest(void **state)
{
	struct event_log *log = event_log_new(4096);
	struct control_host host = {.events = log};
	json_t *answer;

	(void)state;
	for (int i = 0; i < 1500; i++)
		event_log_add(log, &(struct event){.type = EVENT_member_added});
	answer = events_of(&host, NULL);
	assert_int_equal(json_array_size(json_object_get(answer, "events")), 1000);
	assert_int_equal(seq_at(answer, 0), 501);
	assert_int_equal(seq_at(answer, 999), 1500);
	assert_false(json_boolean_value(json_object_get(answer, "gap")));
	json_decref(answer);
	answer = events_of(&host, "0");
	assert_int_equal(seq_at(answer, 0), 1);
	assert_int_equal(json_integer_value(json_object_get(answer, "last")), 1000);
	json_decref(answer);
	answer = events_of(&host, "1000");
	assert_int_equal(json_array_size(json_object_get(answer, "events")), 500);
	json_decref(answer);
	event_log_free(log);
}

#define NONE PEER_NO_GROUP

static void roles(void **state)
{
	static const struct {
		uid_t uid;
		gid_t gid, group; /* primary, one more */
		gid_t admin, operator, viewer;
		enum role role;
	} rows[] = {
		{0, 0, NONE, NONE, NONE, NONE, ROLE_ADMIN},
		{0, 0, NONE, 10, 20, 30, ROLE_ADMIN},
		{500, 500, NONE, NONE, NONE, NONE, ROLE_ADMIN},	   /* the daemon's own */
		{1000, 1000, NONE, NONE, NONE, NONE, ROLE_VIEWER}, /* the socket let them in */
		{1000, 10, NONE, 10, NONE, NONE, ROLE_ADMIN},
		{1000, 1000, 10, 10, NONE, NONE, ROLE_ADMIN},
		{1000, 1000, 20, 10, 20, 30, ROLE_OPERATOR},
		{1000, 1000, 30, 10, 20, 30, ROLE_VIEWER},
		{1000, 1000, 40, 10, 20, 30, ROLE_NONE},
		{1000, 10, 20, 10, 20, NONE, ROLE_ADMIN},    /* the highest wins */
		{1000, 1000, NONE, 10, 20, NONE, ROLE_NONE}, /* socket open to all: role decides */
		{1000, 1000, NONE, 10, 10, NONE, ROLE_VIEWER}, /* one group: its mode decides */
		{1000, 1000, NONE, NONE, NONE, 30, ROLE_NONE},
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct peer_policy policy = {.own_uid = 500,
						   .admin = rows[i].admin,
						   .operator= rows[i].operator,
						   .viewer = rows[i].viewer };
		struct peer peer = {.uid = rows[i].uid, .gid = rows[i].gid};

		if (rows[i].group != NONE)
			peer.groups[peer.group_count++] = rows[i].group;
		if (peer_role(&peer, &policy) != rows[i].role)
			fail_msg("row %zu: %s", i, role_name(peer_role(&peer, &policy)));
	}
}

static void socket_groups(void **state)
{
	bool is_open;

	(void)state;
	assert_int_equal(peer_socket_group(&(struct peer_policy){0, NONE, NONE, NONE}, &is_open),
			 NONE);
	assert_false(is_open);
	assert_int_equal(peer_socket_group(&(struct peer_policy){0, NONE, 20, NONE}, &is_open), 20);
	assert_false(is_open);
	assert_int_equal(peer_socket_group(&(struct peer_policy){0, 20, 20, 20}, &is_open), 20);
	assert_false(is_open);
	assert_int_equal(peer_socket_group(&(struct peer_policy){0, 10, 20, NONE}, &is_open), NONE);
	assert_true(is_open);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_are_complete),
		cmocka_unit_test(protocol_lists_every_operation),
		cmocka_unit_test(finding),
		cmocka_unit_test(events_are_the_newest),
		cmocka_unit_test(roles),
		cmocka_unit_test(socket_groups),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
