/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "base/addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"

static const uint8_t V4_MAPPED[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

int addr_parse(const char *text, struct sluice_addr *ret_addr)
{
	struct sluice_addr addr = {};

	if (inet_pton(AF_INET, text, addr.b + 12) == 1) {
		memcpy(addr.b, V4_MAPPED, sizeof(V4_MAPPED));
	} else if (inet_pton(AF_INET6, text, addr.b) == 1) {
		if (addr_family(&addr) == SLUICE_FAMILY_V4)
			return -EINVAL; /* one address, one text */
	} else {
		return -EINVAL;
	}
	*ret_addr = addr;
	return 0;
}

enum sluice_family addr_family(const struct sluice_addr *addr)
{
	return memcmp(addr->b, V4_MAPPED, sizeof(V4_MAPPED)) == 0 ? SLUICE_FAMILY_V4
								  : SLUICE_FAMILY_V6;
}

bool addr_equal(const struct sluice_addr *a, const struct sluice_addr *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

int addr_compare(const struct sluice_addr *a, const struct sluice_addr *b)
{
	return memcmp(a, b, sizeof(*a));
}

static int compare(const void *a, const void *b)
{
	return addr_compare(a, b);
}

size_t addr_sort(struct sluice_addr *list, size_t count)
{
	size_t i, kept = 0;

	if (count)
		qsort(list, count, sizeof(*list), compare);
	for (i = 0; i < count; i++)
		if (!kept || !addr_equal(&list[kept - 1], &list[i]))
			list[kept++] = list[i];
	return kept;
}

bool addr_is_routable_unicast(const struct sluice_addr *addr)
{
	static const struct sluice_addr UNSPECIFIED, LOOPBACK = {.b = {[15] = 1}};
	const uint8_t *v4 = addr->b + 12, *v6 = addr->b;

	if (addr_family(addr) == SLUICE_FAMILY_V4) {
		if (v4[0] == 0 || v4[0] == 127 || (v4[0] & 0xf0) == 224)
			return false;
		if (v4[0] == 169 && v4[1] == 254)
			return false;
		return addr->w_be[3] != htonl(INADDR_BROADCAST);
	}
	if (addr_equal(addr, &UNSPECIFIED) || addr_equal(addr, &LOOPBACK))
		return false;
	if (v6[0] == 0xff)
		return false;
	return !(v6[0] == 0xfe && (v6[1] & 0xc0) == 0x80);
}

const char *addr_format(const struct sluice_addr *addr, char buffer[ADDR_TEXT_MAX])
{
	if (addr_family(addr) == SLUICE_FAMILY_V4)
		return inet_ntop(AF_INET, addr->b + 12, buffer, ADDR_TEXT_MAX);
	return inet_ntop(AF_INET6, addr->b, buffer, ADDR_TEXT_MAX);
}

static int parse_port(const char *text, uint16_t *ret_port)
{
	unsigned int port = 0;
	size_t length = strlen(text);

	if (length == 0 || length > 5 || strspn(text, "0123456789") != length || *text == '0')
		return -EINVAL;
	for (; *text; text++)
		port = port * 10 + (unsigned int)(*text - '0');
	if (port > UINT16_MAX)
		return -EINVAL;
	*ret_port = (uint16_t)port;
	return 0;
}

/* Cuts the address out of text [0, length) and parses it. */
static int parse_part(const char *text, size_t length, struct sluice_addr *ret_addr)
{
	char part[ADDR_TEXT_MAX];

	if (length >= sizeof(part))
		return -EINVAL;
	memcpy(part, text, length);
	part[length] = '\0';
	return addr_parse(part, ret_addr);
}

int addr_parse_endpoint(const char *text, struct sluice_addr *ret_addr, uint16_t *ret_port)
{
	const char *end, *colon = strchr(text, ':');
	struct sluice_addr addr;
	uint16_t port = 0;
	int r;

	if (*text == '[') {
		end = strchr(text, ']');
		if (!end || (end[1] != '\0' && end[1] != ':'))
			return -EINVAL;
		r = parse_part(text + 1, (size_t)(end - text - 1), &addr);
		if (r < 0 || addr_family(&addr) != SLUICE_FAMILY_V6)
			return -EINVAL;
		r = end[1] ? parse_port(end + 2, &port) : 0;
	} else if (colon && !strchr(colon + 1, ':')) {
		r = parse_part(text, (size_t)(colon - text), &addr);
		if (r == 0)
			r = parse_port(colon + 1, &port);
	} else {
		r = addr_parse(text, &addr);
	}
	if (r < 0)
		return -EINVAL;
	*ret_addr = addr;
	*ret_port = port;
	return 0;
}

const char *addr_format_endpoint(const struct sluice_addr *addr, uint16_t port,
				 char buffer[ENDPOINT_TEXT_MAX])
{
	char text[ADDR_TEXT_MAX];

	addr_format(addr, text);
	if (port == 0)
		util_copy(buffer, ENDPOINT_TEXT_MAX, text);
	else if (addr_family(addr) == SLUICE_FAMILY_V4)
		snprintf(buffer, ENDPOINT_TEXT_MAX, "%s:%u", text, port);
	else
		snprintf(buffer, ENDPOINT_TEXT_MAX, "[%s]:%u", text, port);
	return buffer;
}

void addr_mask(struct sluice_addr *addr, unsigned int prefix_length)
{
	unsigned int bits = prefix_length;

	if (addr_family(addr) == SLUICE_FAMILY_V4)
		bits += 96; /* the mapped form's constant part */
	for (unsigned int i = 0; i < sizeof(addr->b); i++) {
		unsigned int kept = bits > i * 8 ? MIN(bits - i * 8, 8U) : 0;

		addr->b[i] &= (uint8_t)(0xff00U >> kept);
	}
}

socklen_t addr_to_sockaddr(const struct sluice_addr *addr, uint16_t port,
			   struct sockaddr_storage *ret_sa)
{
	struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)ret_sa;
	struct sockaddr_in *sin = (struct sockaddr_in *)ret_sa;

	memset(ret_sa, 0, sizeof(*ret_sa));
	if (addr_family(addr) == SLUICE_FAMILY_V4) {
		sin->sin_family = AF_INET;
		sin->sin_port = htons(port);
		sin->sin_addr.s_addr = addr->w_be[3];
		return sizeof(*sin);
	}
	sin6->sin6_family = AF_INET6;
	sin6->sin6_port = htons(port);
	memcpy(&sin6->sin6_addr, addr->b, sizeof(addr->b));
	return sizeof(*sin6);
}
