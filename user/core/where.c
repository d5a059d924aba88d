/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "core/where.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <string.h>
#include <strings.h>

#include "base/addr.h"

#define HINT                                                                                       \
	"write it like 'tcp 198.51.100.7:4711 > 192.0.2.10:443', "                                 \
	"'udp [2001:db8::7]:53 > [2001:db8::10]:53' or 'icmp 198.51.100.7 > 192.0.2.10'"
#define SPACES " \t"
#define POINTER "/packet"

static const struct {
	const char *name;
	uint8_t proto[SLUICE_FAMILY_MAX]; /* 0: not in this family */
	bool has_ports;
	uint32_t header;
} protocols[] = {
	{"tcp", {0, IPPROTO_TCP, IPPROTO_TCP}, true, 20},
	{"udp", {0, IPPROTO_UDP, IPPROTO_UDP}, true, 8},
	{"icmp", {0, IPPROTO_ICMP, IPPROTO_ICMPV6}, false, 8},
	{"icmpv6", {0, 0, IPPROTO_ICMPV6}, false, 8},
};

/* The words of a text, each with its place. */
struct words {
	struct {
		char text[80];
		int column;
	} list[4];
	size_t count;
};

static int fail(struct err *e, int column, const char *fmt, ...) PRINTF(3, 4);
static int fail(struct err *e, int column, const char *fmt, ...)
{
	char text[200];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	err_set(e, ERR_INVALID, POINTER, "column %d of the packet: %s", column, text);
	err_hint(e, HINT);
	return -EINVAL;
}

/* Splits at spaces; '>' and '->' are words of their own even without any. */
static int split(const char *text, struct words *words, struct err *e)
{
	const char *at = text + strspn(text, SPACES);

	for (; *at; at += strspn(at, SPACES)) {
		size_t length = at[0] == '>' ? 1 : !strncmp(at, "->", 2) ? 2 : 0;
		int column = (int)(at - text) + 1;

		if (!length) {
			length = strcspn(at, SPACES ">");
			if (at[length] == '>' && at[length - 1] == '-')
				length--;
		}
		if (words->count == ARRAY_SIZE(words->list))
			return fail(e, column,
				    "'%.40s' is more than a protocol, a source and a "
				    "destination",
				    at);
		if (length >= sizeof(words->list[0].text))
			return fail(e, column, "'%.40s...' is no address", at);
		memcpy(words->list[words->count].text, at, length);
		words->list[words->count++].column = column;
		at += length;
	}
	return 0;
}

static int find_protocol(const struct words *words, size_t *ret_index, struct err *e)
{
	const char *name = words->list[0].text;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(protocols); i++) {
		if (!strcasecmp(protocols[i].name, name)) {
			*ret_index = i;
			return 0;
		}
	}
	return fail(e, words->list[0].column, "'%.40s' is not a protocol: tcp, udp or icmp", name);
}

static int parse_end(const char *what, const char *text, int column, bool has_ports,
		     struct sluice_addr *ret_addr, uint16_t *ret_port, struct err *e)
{
	if (addr_parse_endpoint(text, ret_addr, ret_port))
		return fail(e, column, "the %s '%s' is not %s", what, text,
			    has_ports ? "ADDRESS:PORT or [ADDRESS]:PORT" : "an address");
	if (has_ports && !*ret_port)
		return fail(e, column, "the %s '%s' has no port%s", what, text,
			    strcmp(what, "source") ? "" : ", on which the member depends");
	if (!has_ports && *ret_port)
		return fail(e, column, "the %s '%s' has a port, and ICMP has none", what, text);
	return 0;
}

int where_parse(const char *text, struct where_packet *ret_packet, struct err *e)
{
	static const char *const missing[] = {"a protocol", "a source", "'>'", "a destination"};
	struct sluice_tuple tuple = {0};
	struct words words = {0};
	uint16_t sport = 0, dport = 0;
	size_t protocol = 0;
	int r = split(text, &words, e);

	if (!r && words.count < ARRAY_SIZE(words.list))
		r = fail(e, (int)strlen(text) + 1, "%s is missing", missing[words.count]);
	if (!r)
		r = find_protocol(&words, &protocol, e);
	if (!r && strcmp(words.list[2].text, ">") && strcmp(words.list[2].text, "->"))
		r = fail(e, words.list[2].column, "'>' is expected instead of '%s'",
			 words.list[2].text);
	if (!r)
		r = parse_end("source", words.list[1].text, words.list[1].column,
			      protocols[protocol].has_ports, &tuple.saddr, &sport, e);
	if (!r)
		r = parse_end("destination", words.list[3].text, words.list[3].column,
			      protocols[protocol].has_ports, &tuple.daddr, &dport, e);
	if (r)
		return r;
	tuple.family = addr_family(&tuple.saddr);
	if (addr_family(&tuple.daddr) != tuple.family)
		return fail(e, words.list[3].column,
			    "the destination '%s' and the source '%s' are not of one family",
			    words.list[3].text, words.list[1].text);
	tuple.proto = protocols[protocol].proto[tuple.family];
	if (!tuple.proto)
		return fail(e, words.list[0].column, "%s belongs to IPv6", words.list[0].text);
	tuple.sport_be = htons(sport);
	tuple.dport_be = htons(dport);
	ret_packet->tuple = tuple;
	return 0;
}

uint32_t where_bytes_min(const struct where_packet *packet)
{
	uint32_t ip = packet->tuple.family == SLUICE_FAMILY_V4 ? 20 : 40;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(protocols); i++)
		if (protocols[i].proto[packet->tuple.family] == packet->tuple.proto)
			return ip + protocols[i].header;
	return ip;
}

const char *where_protocol_name(const struct sluice_tuple *tuple)
{
	switch (tuple->proto) {
	case IPPROTO_TCP:
		return "tcp";
	case IPPROTO_UDP:
		return "udp";
	case IPPROTO_ICMP:
		return "icmp";
	case IPPROTO_ICMPV6:
		return "icmpv6";
	default:
		return NULL;
	}
}

const char *where_format(const struct sluice_tuple *tuple, char buffer[WHERE_TEXT_MAX])
{
	char source[ENDPOINT_TEXT_MAX], destination[ENDPOINT_TEXT_MAX], number[16];
	const char *name = where_protocol_name(tuple);

	snprintf(number, sizeof(number), "protocol-%u", tuple->proto);
	snprintf(buffer, WHERE_TEXT_MAX, "%s %s > %s", name ? name : number,
		 addr_format_endpoint(&tuple->saddr, ntohs(tuple->sport_be), source),
		 addr_format_endpoint(&tuple->daddr, ntohs(tuple->dport_be), destination));
	return buffer;
}
