/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Where a described packet would go: asks the loaded program. */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "control/operations.h"
#include "control/view_where.h"

static int read_flags(const struct request *request, struct where_packet *packet,
		      struct errs *errors)
{
	bool is_syn = json_is_true(json_object_get(request->body, "syn"));
	bool is_ack = json_is_true(json_object_get(request->body, "ack"));

	if (packet->tuple.proto != IPPROTO_TCP && (is_syn || is_ack)) {
		errs_add(errors, ERR_INVALID, is_syn ? "/syn" : "/ack",
			 "%s: only TCP has this flag, and the packet is %s", is_syn ? "syn" : "ack",
			 where_protocol_name(&packet->tuple));
		return -EINVAL;
	}
	packet->is_syn = is_syn || !is_ack;
	packet->is_ack = is_ack;
	return 0;
}

static int read_bytes(const struct request *request, struct where_packet *packet,
		      struct errs *errors)
{
	const json_t *bytes = json_object_get(request->body, "bytes");
	uint32_t min = where_bytes_min(packet);

	packet->bytes = bytes ? (uint32_t)json_integer_value(bytes) : min;
	if (packet->bytes >= min)
		return 0;
	err_hint(errs_add(errors, ERR_INVALID, "/bytes",
			  "bytes: the headers of this packet alone are %u bytes, more than %u", min,
			  packet->bytes),
		 "%u to %u are possible: the whole IP packet, from its IP header on", min,
		 WHERE_BYTES_MAX);
	return -EINVAL;
}

/* The interface that was named, else the first attached one; none: as if not from one of ours. */
static int find_interface(const struct request *request, struct control_interface *ret_interface,
			  bool *ret_found, struct errs *errors)
{
	const char *name = json_string_value(json_object_get(request->body, "interface"));
	struct control_interface list[2 * CONFIG_INTERFACES_MAX];
	size_t count = request->host->interfaces(request->host->arg, list, ARRAY_SIZE(list));
	const char *names[ARRAY_SIZE(list)];
	const char *nearest;
	struct err *e;
	size_t i;

	*ret_found = count > 0;
	for (i = 0; i < count; i++) {
		names[i] = list[i].name;
		if (name && strcmp(list[i].name, name))
			continue;
		*ret_interface = list[i];
		return 0;
	}
	if (!name)
		return 0;
	e = errs_add(errors, ERR_NOT_FOUND, "/interface", "%s is not an attached interface", name);
	nearest = util_nearest(name, names, count);
	if (nearest)
		err_hint(e, "did you mean %s?", nearest);
	else
		err_hint(e, "sluicectl status shows them");
	return -ENOENT;
}

int op_where(const struct request *request, struct reply *reply, struct errs *errors)
{
	const char *text = json_string_value(json_object_get(request->body, "packet"));
	const struct control_host *host = request->host;
	struct control_interface interface = {0};
	struct where_packet packet = {0};
	struct where_answer answer;
	bool has_interface = false;
	struct err e = {0};
	int r = where_parse(text, &packet, &e);

	if (r) {
		errs_add_err(errors, &e);
		return r;
	}
	r = read_flags(request, &packet, errors);
	if (!r)
		r = read_bytes(request, &packet, errors);
	if (!r)
		r = find_interface(request, &interface, &has_interface, errors);
	if (r)
		return r;
	r = host->where(host->arg, &packet, interface.ifindex, &answer);
	if (r) {
		err_hint(errs_add(errors, ERR_SYSTEM, "/packet",
				  "the kernel cannot run the program on this packet%s%s: %s",
				  has_interface ? " arriving on " : "",
				  has_interface ? interface.name : "", strerror(-r)),
			 "the interface must be in the daemon's network namespace");
		return r;
	}
	host->refresh(host->arg);
	reply->json = view_where(&(struct where_view){
		.host = host,
		.packet = &packet,
		.interface = has_interface ? interface.name : NULL,
		.answer = &answer,
	});
	return 0;
}
