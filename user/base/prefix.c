/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "base/prefix.h"

#include <errno.h>
#include <string.h>

static unsigned int bits_of(const struct sluice_addr *addr)
{
	return addr_family(addr) == SLUICE_FAMILY_V4 ? 32 : 128;
}

static int refuse(const char *text, size_t length, const char *rule, struct err *e)
{
	return err_set(e, ERR_INVALID, "", "\"%.*s\" %s", (int)MIN(length, (size_t)64), text, rule);
}

/* Digits alone, without a leading zero. */
static int parse_length(const char *text, size_t length, unsigned int *ret_value)
{
	unsigned int value = 0;

	if (length < 1 || length > 3 || (length > 1 && *text == '0'))
		return -EINVAL;
	for (size_t i = 0; i < length; i++) {
		if (text[i] < '0' || text[i] > '9')
			return -EINVAL;
		value = value * 10 + (unsigned int)(text[i] - '0');
	}
	*ret_value = value;
	return 0;
}

int prefix_parse(const char *text, size_t length, struct prefix *ret_prefix, struct err *e)
{
	const char *slash = memchr(text, '/', length);
	size_t address = slash ? (size_t)(slash - text) : length;
	char part[ADDR_TEXT_MAX], masked[PREFIX_TEXT_MAX];
	struct prefix prefix = {};
	struct sluice_addr whole;
	unsigned int bits;
	int r;

	if (address >= sizeof(part) || memchr(text, '\0', address))
		return refuse(text, length, "is no IPv4 or IPv6 prefix", e);
	memcpy(part, text, address);
	part[address] = '\0';
	if (addr_parse(part, &prefix.addr) < 0) {
		r = refuse(text, length, "is no IPv4 or IPv6 prefix", e);
		err_hint(e, "such as 192.0.2.0/24, 2001:db8::/32, or one address");
		return r;
	}
	bits = bits_of(&prefix.addr);
	if (slash && (parse_length(slash + 1, length - address - 1, &bits) < 0 ||
		      bits > bits_of(&prefix.addr))) {
		r = refuse(text, length, "has a length out of range", e);
		err_hint(e, "0 to %u", bits_of(&prefix.addr));
		return r;
	}
	prefix.length = (uint8_t)bits;
	whole = prefix.addr;
	addr_mask(&prefix.addr, bits);
	if (!addr_equal(&whole, &prefix.addr)) {
		r = refuse(text, length, "has bits set beyond its length", e);
		err_hint(e, "write %s", prefix_format(&prefix, masked));
		return r;
	}
	*ret_prefix = prefix;
	return 0;
}

const char *prefix_format(const struct prefix *prefix, char buffer[PREFIX_TEXT_MAX])
{
	char text[ADDR_TEXT_MAX];

	snprintf(buffer, PREFIX_TEXT_MAX, "%s/%u", addr_format(&prefix->addr, text),
		 prefix->length);
	return buffer;
}

int prefix_compare(const struct prefix *a, const struct prefix *b)
{
	int family = (int)addr_family(&a->addr) - (int)addr_family(&b->addr);
	int order = family ? family : addr_compare(&a->addr, &b->addr);

	return order ? order : (int)a->length - (int)b->length;
}

bool prefix_covers(const struct prefix *outer, const struct prefix *inner)
{
	struct sluice_addr addr = inner->addr;

	if (outer->length > inner->length || addr_family(&outer->addr) != addr_family(&addr))
		return false;
	addr_mask(&addr, outer->length);
	return addr_equal(&addr, &outer->addr);
}

struct prefix prefix_of_addr(const struct sluice_addr *addr)
{
	return (struct prefix){*addr, (uint8_t)bits_of(addr)};
}
