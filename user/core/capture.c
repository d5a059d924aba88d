/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "core/capture.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "base/addr.h"
#include "core/verdicts.h"

const char *capture_state_name(enum capture_state state)
{
	static const char *const names[] = {"running", "full", "time over", "stopped", "unread"};

	_Static_assert(ARRAY_SIZE(names) == CAPTURE_STATE_MAX, "states");
	return (size_t)state < ARRAY_SIZE(names) ? names[state] : "?";
}

int capture_parse_verdict(const char *text, uint64_t *ret_verdicts, struct err *e)
{
	const char *names[SLUICE_V_MAX + SLUICE_ACTION_MAX];
	uint64_t found = 0;
	const char *nearest;
	uint32_t v, a;

	for (v = 1; v < SLUICE_V_MAX; v++) {
		names[v - 1] = verdicts_name(v);
		if (!strcmp(text, verdicts_name(v)) ||
		    !strcmp(text, verdicts_action_name(verdicts_action(v))))
			found |= 1ULL << v;
	}
	if (found) {
		*ret_verdicts = found;
		return 0;
	}
	for (a = 0; a < SLUICE_ACTION_MAX; a++)
		names[SLUICE_V_MAX - 1 + a] = verdicts_action_name(a);
	err_set(e, ERR_INVALID, "/verdict", "%.60s is not a verdict", text);
	nearest = util_nearest(text, names, SLUICE_V_MAX - 1 + SLUICE_ACTION_MAX);
	if (nearest)
		err_hint(e, "did you mean %s?", nearest);
	else
		err_hint(e, "a name that sluicectl stats --verbose shows, or forward, answer, "
			    "pass, drop");
	return -EINVAL;
}

/* The number behind the slash, at most max; -1: it is none. */
static int parse_length(const char *text, int max)
{
	char *end;
	long length;

	if (*text < '0' || *text > '9')
		return -1;
	length = strtol(text, &end, 10);
	return *end || length > max ? -1 : (int)length;
}

int capture_parse_source(const char *text, struct sluice_capture_filter *filter, struct err *e)
{
	const char *slash = strchr(text, '/');
	struct sluice_addr addr, mask;
	char address[ADDR_TEXT_MAX];
	int max, length;

	util_copy(address,
		  MIN(sizeof(address), slash ? (size_t)(slash - text) + 1 : sizeof(address)), text);
	if (addr_parse(address, &addr)) {
		err_set(e, ERR_INVALID, "/source", "%.60s is not a prefix", text);
		err_hint(e, "ADDRESS or ADDRESS/LENGTH, such as 198.51.100.0/24");
		return -EINVAL;
	}
	max = addr_family(&addr) == SLUICE_FAMILY_V4 ? 32 : 128;
	length = slash ? parse_length(slash + 1, max) : max;
	if (length < 0) {
		err_set(e, ERR_INVALID, "/source", "%.60s: the length of the prefix is 0 to %d",
			text, max);
		return -EINVAL;
	}
	memset(&mask, 0xff, sizeof(mask));
	length += 128 - max; /* IPv4 in its v4-mapped form: the first 96 bits say so */
	memset(mask.b + (length + 7) / 8, 0, sizeof(mask) - (size_t)(length + 7) / 8);
	if (length % 8)
		mask.b[length / 8] = (uint8_t)(0xff << (8 - length % 8));
	filter->mask = mask;
	filter->source.d[0] = addr.d[0] & mask.d[0];
	filter->source.d[1] = addr.d[1] & mask.d[1];
	if (addr_equal(&filter->source, &addr))
		return 0;
	err_set(e, ERR_INVALID, "/source", "%.60s has bits behind its prefix", text);
	err_hint(e, "the prefix is %s/%d", addr_format(&filter->source, address),
		 length - (128 - max));
	return -EINVAL;
}

/* Where the transport header begins in data, 0: not known. */
static size_t find_transport(const struct sluice_capture *packet)
{
	const uint8_t *ip = packet->data + packet->l3_off;
	size_t at = packet->l3_off;
	uint8_t next;
	int i;

	if (packet->tuple.family == SLUICE_FAMILY_V4)
		return at + (size_t)(ip[0] & 15) * 4;
	next = ip[6];
	at += 40;
	for (i = 0; i < SLUICE_IPV6_EXT_MAX && next != IPPROTO_TCP; i++) {
		const uint8_t *ext = packet->data + at;

		if (at + 2 > packet->taken)
			return 0;
		at += next == IPPROTO_AH ? (size_t)(ext[1] + 2) * 4 : (size_t)(ext[1] + 1) * 8;
		next = ext[0];
	}
	return at;
}

bool capture_tcp_flags(const struct sluice_capture *packet, uint8_t *ret_flags)
{
	size_t at;

	/* Ports are only read from a whole header; without ports there may be none. */
	if (packet->tuple.proto != IPPROTO_TCP || !packet->l3_off || !packet->tuple.dport_be ||
	    packet->l3_off + 40U > packet->taken)
		return false;
	at = find_transport(packet);
	if (!at || at + 14 > packet->taken)
		return false;
	*ret_flags = packet->data[at + 13];
	return true;
}
