/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The table of operations: routing, roles, bodies, help and the API document come from it. */
#pragma once

#include <jansson.h>

#include "control/body.h"
#include "control/control.h"
#include "control/peer.h"
#include "control/route.h"

enum body_kind { BODY_NONE, BODY_JSON, BODY_YAML };

struct audit;

struct request {
	const struct operation *operation;
	const struct control_host *host;
	struct route_params params;
	struct peer peer;
	json_t *body;	 /* BODY_JSON: validated against the operation's fields */
	const char *raw; /* BODY_YAML */
	size_t raw_length;
	const char *since;   /* query parameter, or NULL */
	const char *accept;  /* header, or NULL */
	struct audit *audit; /* see audit.h */
};

/* What a handler answers with: either json, or text of a content type. Owned by the reply. */
struct reply {
	int status; /* 0: 200, or that of the first error */
	json_t *json;
	char *text;
	size_t text_length;
	const char *content_type;
	const char *file; /* errors are this file's; NULL: the request's */
};

typedef int (*operation_fn)(const struct request *request, struct reply *reply,
			    struct errs *errors);

struct operation {
	const char *method;
	const char *path;
	enum role role;
	enum body_kind body;
	const struct field *fields; /* BODY_JSON */
	operation_fn handler;
	const char *help; /* a sentence */
};

#define BODY_JSON_MAX (1U << 20)
#define BODY_YAML_MAX (1U << 20)      /* reading more of it would hold up the loop for too long */
#define BODY_PREFIXES_MAX (32U << 20) /* with a list of prefixes in it */

extern const struct operation operations[];
extern const size_t operation_count;

size_t operation_body_max(const struct operation *operation);

/* The operation of a method and path. On failure an error: unknown path (404, with the nearest one
 * as hint), or unknown method (405; allow then lists the methods the path has). */
int operations_find(const char *method, const char *path, const struct operation **ret_operation,
		    struct route_params *ret_params, char *allow, size_t allow_size, struct err *e);

/* Handlers, by file. */
int op_version(const struct request *request, struct reply *reply, struct errs *errors);
int op_ready(const struct request *request, struct reply *reply, struct errs *errors);
int op_config_check(const struct request *request, struct reply *reply, struct errs *errors);
int op_dropin(const struct request *request, struct reply *reply, struct errs *errors);
int op_diff(const struct request *request, struct reply *reply, struct errs *errors);
int op_config_reload(const struct request *request, struct reply *reply, struct errs *errors);
int op_detach(const struct request *request, struct reply *reply, struct errs *errors);
int op_operations(const struct request *request, struct reply *reply, struct errs *errors);
int op_openapi(const struct request *request, struct reply *reply, struct errs *errors);
int op_metrics(const struct request *request, struct reply *reply, struct errs *errors);

int op_node_show(const struct request *request, struct reply *reply, struct errs *errors);
int op_node_role(const struct request *request, struct reply *reply, struct errs *errors);

int op_status(const struct request *request, struct reply *reply, struct errs *errors);
int op_stats(const struct request *request, struct reply *reply, struct errs *errors);
int op_events(const struct request *request, struct reply *reply, struct errs *errors);

int op_service_list(const struct request *request, struct reply *reply, struct errs *errors);
int op_service_show(const struct request *request, struct reply *reply, struct errs *errors);
int op_pool_list(const struct request *request, struct reply *reply, struct errs *errors);
int op_pool_show(const struct request *request, struct reply *reply, struct errs *errors);

int op_shift_show(const struct request *request, struct reply *reply, struct errs *errors);
int op_shift(const struct request *request, struct reply *reply, struct errs *errors);

int op_member_list(const struct request *request, struct reply *reply, struct errs *errors);
int op_member_show(const struct request *request, struct reply *reply, struct errs *errors);
int op_member_put(const struct request *request, struct reply *reply, struct errs *errors);
int op_member_delete(const struct request *request, struct reply *reply, struct errs *errors);
int op_member_weight(const struct request *request, struct reply *reply, struct errs *errors);
int op_member_admin(const struct request *request, struct reply *reply, struct errs *errors);
int op_member_discovery(const struct request *request, struct reply *reply, struct errs *errors);
int op_member_override(const struct request *request, struct reply *reply, struct errs *errors);

int op_where(const struct request *request, struct reply *reply, struct errs *errors);
int op_config_try(const struct request *request, struct reply *reply, struct errs *errors);
int op_confirm(const struct request *request, struct reply *reply, struct errs *errors);
int op_undo(const struct request *request, struct reply *reply, struct errs *errors);

int op_bypass_show(const struct request *request, struct reply *reply, struct errs *errors);
int op_bypass_put(const struct request *request, struct reply *reply, struct errs *errors);
int op_bypass_delete(const struct request *request, struct reply *reply, struct errs *errors);

int op_capture_start(const struct request *request, struct reply *reply, struct errs *errors);
int op_capture_list(const struct request *request, struct reply *reply, struct errs *errors);
int op_capture_show(const struct request *request, struct reply *reply, struct errs *errors);
int op_capture_stop(const struct request *request, struct reply *reply, struct errs *errors);

int op_limit_list(const struct request *request, struct reply *reply, struct errs *errors);
int op_limit_show(const struct request *request, struct reply *reply, struct errs *errors);
int op_limit_mode(const struct request *request, struct reply *reply, struct errs *errors);

int op_offenders(const struct request *request, struct reply *reply, struct errs *errors);
int op_limit_offenders(const struct request *request, struct reply *reply, struct errs *errors);
int op_limit_source(const struct request *request, struct reply *reply, struct errs *errors);

int op_measure_start(const struct request *request, struct reply *reply, struct errs *errors);
int op_measure_list(const struct request *request, struct reply *reply, struct errs *errors);
int op_measure_show(const struct request *request, struct reply *reply, struct errs *errors);
int op_measure_stop(const struct request *request, struct reply *reply, struct errs *errors);

int op_ban_list(const struct request *request, struct reply *reply, struct errs *errors);
int op_ban_set(const struct request *request, struct reply *reply, struct errs *errors);
int op_ban_lift(const struct request *request, struct reply *reply, struct errs *errors);
int op_ban_lift_limit(const struct request *request, struct reply *reply, struct errs *errors);
int op_ban_lift_all(const struct request *request, struct reply *reply, struct errs *errors);

int op_list_list(const struct request *request, struct reply *reply, struct errs *errors);
int op_list_show(const struct request *request, struct reply *reply, struct errs *errors);
int op_list_entries(const struct request *request, struct reply *reply, struct errs *errors);
int op_list_add(const struct request *request, struct reply *reply, struct errs *errors);
int op_list_replace(const struct request *request, struct reply *reply, struct errs *errors);
int op_list_remove(const struct request *request, struct reply *reply, struct errs *errors);
