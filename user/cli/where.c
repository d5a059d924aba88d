/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* where: what the packet path would do with a packet, stage by stage. */
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/util.h"
#include "cli/client.h"
#include "cli/field.h"
#include "cli/render.h"
#include "cli/run.h"
#include "cli/text.h"

static void render_packet(const struct view *view, const json_t *packet)
{
	const char *interface = field_text(packet, "interface", NULL);
	bool is_syn = field_bool(packet, "syn"), is_ack = field_bool(packet, "ack");

	render_field(view, "packet", "%s%s%s, %u bytes, %s%s", field_text(packet, "text", "?"),
		     is_syn ? ", SYN" : "", is_ack ? ", ACK" : "",
		     (unsigned int)field_count(packet, "bytes"),
		     interface != NULL ? "arriving on " : "arriving on none of our interfaces",
		     interface != NULL ? interface : "");
}

static void render_one_limit(const struct view *view, const json_t *limit)
{
	const char *mode = field_text(limit, "mode", "?");
	char left[TEXT_MAX], burst[TEXT_MAX];
	bool has_ban = json_is_object(json_object_get(limit, "ban"));
	char tokens[96] = "";

	if (json_object_get(limit, "burst") != NULL)
		snprintf(tokens, sizeof(tokens), ", %s of %s left",
			 render_tokens(limit, "left", left), render_tokens(limit, "burst", burst));
	render_field(view, "limit", "%s, %s, counts %s%s of %s at %s%s%s%s",
		     field_text(limit, "name", "?"), mode, field_text(limit, "count", "?"),
		     strcmp(field_text(limit, "scope", ""), "everything") == 0 ? " to anything"
									       : "",
		     field_text(limit, "source", "?"), field_text(limit, "rate", "?"),
		     field_bool(limit, "is_excepted") ? " (an exception)" : "", tokens,
		     field_bool(limit, "is_deciding") && has_ban ? ": bans"
		     : field_bool(limit, "is_deciding")
			     ? strcmp(mode, "enforce") == 0 ? ": refuses" : ": would refuse"
		     : json_is_null(json_object_get(limit, "is_counted"))
			     ? ": admits; not counted when a socket of this host expects it"
		     : !field_bool(limit, "is_counted") ? ": does not count this packet"
							: ": admits");
	if (has_ban)
		render_source_ban(view, json_object_get(limit, "ban"));
}

/* What named the member, unless it is the slot's owner or its runner-up. */
static const char *named_by(const json_t *slot)
{
	static const char *const names[][2] = {
		{"earlier_owner", "not remembered: stays with the slot's earlier owner"},
		{"half_open", "remembered, half open"},
		{"flow", "remembered: stays where it began"},
		{"tracked", "tracked"},
	};
	const char *name = field_text(slot, "named_by", "owner");
	size_t i;

	for (i = 0; i < ARRAY_SIZE(names); i++)
		if (strcmp(names[i][0], name) == 0)
			return names[i][1];
	return NULL;
}

static void render_slot(const struct view *view, const json_t *slot)
{
	const char *state = field_text(slot, "state", "stable");
	char number[TEXT_MAX], of[TEXT_MAX];
	const char *flow;

	if (!json_is_object(slot))
		return;
	render_field(view, "slot", "%s of %s, owned by %s%s%s%s",
		     text_count(field_count(slot, "number"), number),
		     text_count(field_count(slot, "of"), of),
		     field_text(slot, "owner", "no member"),
		     field_bool(slot, "is_runner_up") ? ", which is dead: to its runner-up" : "",
		     strcmp(state, "stable") == 0 ? "" : ", ",
		     strcmp(state, "stable") == 0 ? "" : state);
	flow = named_by(slot);
	if (flow != NULL)
		render_field(view, "flow", "%s", flow);
}

static void render_way(const struct view *view, const json_t *where)
{
	const json_t *member = json_object_get(where, "member");
	const json_t *hop = json_object_get(where, "nexthop");
	uint64_t sent = field_count(where, "bytes_sent");
	char endpoint[ENDPOINT_TEXT_MAX], vlan[24] = "", mode[TEXT_MAX];

	if (json_is_object(member))
		render_field(view, "member", "%s in pool %s, %s",
			     render_endpoint(member, endpoint, sizeof(endpoint)),
			     field_text(member, "pool", "?"), field_text(member, "state", "?"));
	if (json_object_get(hop, "vlan") != NULL)
		snprintf(vlan, sizeof(vlan), ", VLAN %u", (unsigned int)field_count(hop, "vlan"));
	if (json_is_object(hop))
		render_field(view, "next hop", "%s on %s%s, path MTU %u",
			     field_text(hop, "mac", "?"), field_text(hop, "device", "?"), vlan,
			     (unsigned int)field_count(hop, "mtu"));
	if (sent > 0)
		render_field(view, "sent as", "%s, %u bytes",
			     render_mode(where, mode, sizeof(mode)), (unsigned int)sent);
}

void render_where(const struct view *view, const json_t *where)
{
	const json_t *service = json_object_get(where, "service");
	const json_t *limit;
	size_t i;

	render_packet(view, json_object_get(where, "packet"));
	if (json_is_object(service))
		render_field(view, "service", "%s, %s, mode %s", field_text(service, "name", "?"),
			     field_text(service, "listen", "?"), field_text(service, "mode", "?"));
	else
		render_field(view, "service", "none");
	json_array_foreach (json_object_get(where, "limits"), i, limit) {
		render_one_limit(view, limit);
	}
	render_slot(view, json_object_get(where, "slot"));
	render_way(view, where);
	render_field(view, "verdict", "%s: %s", field_text(where, "verdict", "?"),
		     field_text(where, "help", ""));
	render_field(view, "so", "%s", field_text(where, "summary", "?"));
}

int run_where(struct cli *cli)
{
	const char *bytes = cli_option(cli, OPTION_BYTES);
	const char *interface = cli_option(cli, OPTION_INTERFACE);
	json_t *body = json_pack("{s:s}", "packet", cli_arg(cli, 0));
	AUTO_ANSWER struct answer answer;
	int r;

	if (cli_option(cli, OPTION_SYN) != NULL)
		json_object_set_new(body, "syn", json_true());
	if (cli_option(cli, OPTION_ACK) != NULL)
		json_object_set_new(body, "ack", json_true());
	if (bytes != NULL)
		json_object_set_new(body, "bytes", json_integer(atoll(bytes)));
	if (interface != NULL)
		json_object_set_new(body, "interface", json_string(interface));
	r = client_call(cli, "POST", "/v1/where", body, &answer);
	json_decref(body);
	if (r != CLI_OK)
		return r;
	if (cli->is_json)
		client_print_body(cli, &answer);
	else
		render_where(&cli->view, answer.document);
	return strcmp(field_text(answer.document, "action", ""), "drop") == 0 ? CLI_FALSE : CLI_OK;
}
