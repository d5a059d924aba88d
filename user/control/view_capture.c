/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Captured packets as JSON. */
#include <arpa/inet.h>
#include <net/ethernet.h>
#include <net/if.h>

#include "base/addr.h"
#include "control/view.h"
#include "core/verdicts.h"

static const char *service_name(const struct control_host *host, uint32_t id)
{
	size_t i;

	for (i = 0; id && i < model_service_count(host->model); i++)
		if (model_service_at(host->model, i)->id == id)
			return model_service_at(host->model, i)->name;
	return NULL;
}

/* Who got it, "ADDRESS:PORT"; NULL: nobody, or they are gone. */
static const char *member_name(const struct control_host *host, uint32_t index,
			       char text[ENDPOINT_TEXT_MAX])
{
	uint64_t id = index ? sync_member_by_index(host->sync, index) : 0;
	const struct model_member *member = id ? model_member_by_id(host->model, id, NULL, NULL)
					       : NULL;

	return member ? addr_format_endpoint(&member->addr, member->port, text) : NULL;
}

static const char *flags_text(const struct sluice_capture *packet, char text[48])
{
	static const char *const names[] = {"FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"};
	size_t used = 0, i;
	uint8_t flags;

	if (!capture_tcp_flags(packet, &flags))
		return NULL;
	text[0] = '\0';
	for (i = 0; i < ARRAY_SIZE(names); i++)
		if (flags >> i & 1)
			used += (size_t)snprintf(text + used, 48 - used, "%s%s", used ? "," : "",
						 names[i]);
	return text;
}

static const char *protocol_name(const struct sluice_capture *packet)
{
	const uint8_t *ethertype = packet->data + packet->l3_off - 2;

	if (packet->l3_off >= ETHER_HDR_LEN && (ethertype[0] << 8 | ethertype[1]) == ETHERTYPE_ARP)
		return "arp";
	return where_protocol_name(&packet->tuple);
}

static void add_tuple(json_t *object, const struct sluice_capture *packet)
{
	const struct sluice_tuple *tuple = &packet->tuple;
	char source[ADDR_TEXT_MAX], destination[ADDR_TEXT_MAX], number[8];
	const char *protocol = protocol_name(packet);

	if (tuple->family != SLUICE_FAMILY_V4 && tuple->family != SLUICE_FAMILY_V6)
		return;
	snprintf(number, sizeof(number), "%u", tuple->proto);
	json_object_set_new(object, "protocol", json_string(protocol ? protocol : number));
	json_object_set_new(object, "source", json_string(addr_format(&tuple->saddr, source)));
	json_object_set_new(object, "source_port", json_integer(ntohs(tuple->sport_be)));
	json_object_set_new(object, "destination",
			    json_string(addr_format(&tuple->daddr, destination)));
	json_object_set_new(object, "destination_port", json_integer(ntohs(tuple->dport_be)));
}

static void add_data(json_t *object, const struct sluice_capture *packet)
{
	static const char digits[] = "0123456789abcdef";
	char hex[2 * SLUICE_CAPTURE_BYTES + 1];
	size_t i;

	for (i = 0; i < packet->taken; i++) {
		hex[2 * i] = digits[packet->data[i] >> 4];
		hex[2 * i + 1] = digits[packet->data[i] & 15];
	}
	hex[2 * i] = '\0';
	json_object_set_new(object, "data", json_string(hex));
}

json_t *view_captured(const struct control_host *host, const struct sluice_capture *packet,
		      size_t seq)
{
	const struct model_limit *limit =
		packet->limit ? model_limit_by_id(host->model, packet->limit) : NULL;
	const struct model_list *list = packet->list ? model_list_by_id(host->model, packet->list)
						     : NULL;
	char device[IF_NAMESIZE], member[ENDPOINT_TEXT_MAX], flags[48];
	json_t *object;

	if (!if_indextoname(packet->ifindex, device))
		snprintf(device, sizeof(device), "if%u", packet->ifindex);
	object = json_pack(
		"{s:I, s:I, s:s, s:i, s:s, s:s, s:s, s:s?, s:s?, s:s?, s:s?, s:s?}", "seq",
		(json_int_t)seq, "time_ns", (json_int_t)packet->time_ns, "interface", device,
		"bytes", (int)packet->bytes, "verdict", verdicts_name(packet->verdict), "action",
		verdicts_action_name(verdicts_action(packet->verdict)), "help",
		verdicts_help(packet->verdict), "service", service_name(host, packet->service),
		"member", member_name(host, packet->member, member), "limit",
		limit ? limit->config.name : NULL, "list", list ? list->name : NULL, "flags",
		flags_text(packet, flags));
	add_tuple(object, packet);
	add_data(object, packet);
	return object;
}
