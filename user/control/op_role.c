/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The node's role, and what it announces. */
#include <string.h>

#include "control/audit.h"
#include "control/reply.h"
#include "control/view.h"

int op_node_show(const struct request *request, struct reply *reply, struct errs *errors)
{
	struct control_node node = {0};

	(void)errors;
	request->host->refresh(request->host->arg);
	request->host->node(request->host->arg, &node);
	reply->json = json_pack("{s:s, s:s, s:o, s:o}", "name", node.name, "role",
				node.is_active ? "active" : "standby", "announce",
				view_announce(&node), "traffic", view_traffic(&node));
	return 0;
}

int op_node_role(const struct request *request, struct reply *reply, struct errs *errors)
{
	const char *role = json_string_value(json_object_get(request->body, "role"));
	const struct control_host *host = request->host;
	bool is_active = !strcmp(role, "active"), is_changed;

	host->set_role(host->arg, is_active, &is_changed);
	if (is_changed)
		audit_say(request, "role %s -> %s", is_active ? "standby" : "active", role);
	op_node_show(request, reply, errors);
	json_object_set_new(reply->json, "changed", json_boolean(is_changed));
	return 0;
}
