/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* One text of the configuration to one value. */
#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "base/addr.h"
#include "core/config.h"
#include "core/config_probe.h"
#include "core/config_schema.h"

static const struct {
	const char *text;
	uint64_t ms;
} DURATIONS[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"min", 60000}, {"h", 3600000}};

static int fail(const struct config_field *field, const char *text, struct err *e)
{
	char rule[160];

	return err_set(e, ERR_INVALID, NULL, "\"%.64s\" must be %s", text,
		       config_schema_rule(field, rule, sizeof(rule)));
}

static void store(const struct config_field *field, void *base, uint64_t value)
{
	void *at = (char *)base + field->offset;

	switch (field->size) { /* the widths that config.h uses; 0: checked, not kept */
	case 1:
		*(uint8_t *)at = (uint8_t)value;
		break;
	case 2:
		*(uint16_t *)at = (uint16_t)value;
		break;
	case 4:
		*(uint32_t *)at = (uint32_t)value;
		break;
	case 8:
		*(uint64_t *)at = value;
		break;
	}
}

static uint64_t round_up(uint64_t value)
{
	uint64_t power = 1;

	while (power < value)
		power <<= 1;
	return power;
}

static int parse_number(const struct config_field *field, const char *text, void *base,
			struct err *e)
{
	uint64_t value, above;
	int r = rate_parse_number(text, &value);

	if (r == 0 && (value < field->min || value > field->max))
		r = -ERANGE;
	if (r < 0) {
		fail(field, text, e);
		if (r == -EDOM)
			err_hint(e, "write the number without leading zeros");
		else if (r == -EINVAL && isdigit((unsigned char)*text))
			err_hint(e, "digits, and at most one of k, M, G, Ki, Mi, Gi");
		return -EINVAL;
	}
	above = round_up(value);
	if (field->flags & CONFIG_POWER_OF_TWO && above != value) {
		fail(field, text, e);
		err_hint(e, "the nearest are %llu and %llu", (unsigned long long)above / 2,
			 (unsigned long long)above);
		return -EINVAL;
	}
	store(field, base, field->flags & CONFIG_ROUND_UP ? above : value);
	return 0;
}

static int parse_duration(const struct config_field *field, const char *text, void *base,
			  struct err *e)
{
	const char *rest = text;
	uint64_t value = 0;

	if (rate_parse_digits(text, &value, &rest) == 0) {
		for (size_t i = 0; i < ARRAY_SIZE(DURATIONS); i++) {
			if (strcmp(rest, DURATIONS[i].text) != 0)
				continue;
			if (__builtin_mul_overflow(value, DURATIONS[i].ms, &value) ||
			    value > field->max ||
			    (value < field->min && (value || !(field->flags & CONFIG_OR_ZERO))))
				return fail(field, text, e);
			if (field->flags & CONFIG_SECONDS && value % 1000) {
				fail(field, text, e);
				err_hint(e, "whole seconds");
				return -EINVAL;
			}
			store(field, base, field->flags & CONFIG_SECONDS ? value / 1000 : value);
			return 0;
		}
	}
	fail(field, text, e);
	err_hint(e, "a whole number and its unit: 500ms, 2s, 1m, 1h");
	return -EINVAL;
}

static int parse_word(const struct config_field *field, const char *text, void *base, struct err *e)
{
	static const char *const FALSE_WORDS[] = {"off", "no", "false"};
	const char *candidates[16], *nearest;
	size_t count = 0;

	for (const struct config_word *word = field->words; word->text; word++) {
		if (strcmp(word->text, text) == 0 && word->refused)
			return err_set(e, ERR_UNSUPPORTED, NULL, "%s %s", text, word->refused);
		if (strcmp(word->text, text) == 0) {
			store(field, base, word->value);
			return 0;
		}
		if (!word->refused && count < ARRAY_SIZE(candidates))
			candidates[count++] = word->text;
	}
	fail(field, text, e);
	nearest = util_nearest(text, candidates, count);
	for (size_t i = 0; i < ARRAY_SIZE(FALSE_WORDS); i++) {
		if (strcmp(text, FALSE_WORDS[i]) == 0) /* what people write for it */
			nearest = candidates[count - 1];
	}
	if (nearest && (strcmp(nearest, "disabled") == 0 || util_nearest(text, &nearest, 1)))
		err_hint(e, "did you mean %s?", nearest);
	return -EINVAL;
}

static int parse_name(const struct config_field *field, const char *text, void *base, struct err *e)
{
	const char *bare = text;

	if (field->type == CONFIG_TYPE_GROUP && *bare == '_')
		bare++; /* system groups may begin so */
	if (!util_name_is_valid(bare) || strlen(text) >= field->size)
		return fail(field, text, e);
	util_copy((char *)base + field->offset, field->size, text);
	return 0;
}

static int hex_value(char digit)
{
	static const char DIGITS[] = "0123456789abcdef";
	const char *at = digit ? strchr(DIGITS, tolower((unsigned char)digit)) : NULL;

	return at ? (int)(at - DIGITS) : -1;
}

static int parse_seed(const struct config_field *field, const char *text, void *base, struct err *e)
{
	uint8_t *seed = (uint8_t *)base + field->offset;
	size_t length = strlen(text), digits = strspn(text, "0123456789abcdefABCDEF");

	if (length != 2 * field->size || digits != length) {
		/* a secret does not go into an error text */
		if (length != 2 * field->size)
			err_set(e, ERR_INVALID, NULL, "must be 64 hex digits, has %zu characters",
				length);
		else
			err_set(e, ERR_INVALID, NULL,
				"must be 64 hex digits, character %zu is none", digits + 1);
		err_hint(e, "make one with: openssl rand -hex 32");
		return -EINVAL;
	}
	for (size_t i = 0; i < field->size; i++)
		seed[i] = (uint8_t)(hex_value(text[2 * i]) << 4 | hex_value(text[2 * i + 1]));
	return 0;
}

static int parse_address(const struct config_field *field, const char *text, void *base,
			 struct err *e)
{
	struct sluice_addr addr;
	enum sluice_family family = field->type == CONFIG_TYPE_ADDRESS4 ? SLUICE_FAMILY_V4
									: SLUICE_FAMILY_V6;

	if (addr_parse(text, &addr) < 0 || addr_family(&addr) != family)
		return fail(field, text, e);
	if (!addr_is_routable_unicast(&addr)) {
		fail(field, text, e);
		err_hint(e, "loopback, link-local, multicast and broadcast cannot be used");
		return -EINVAL;
	}
	memcpy((char *)base + field->offset, &addr, sizeof(addr));
	return 0;
}

static int parse_listen(const struct config_field *field, const char *text, void *base,
			struct err *e)
{
	static const char HINT[] = "such as tcp 192.0.2.10:443 or udp [2001:db8::1]:53";
	struct service_config *service = base;
	size_t word = strcspn(text, " \t");
	const char *endpoint = text + word + strspn(text + word, " \t");
	struct sluice_addr addr;
	uint16_t port;
	uint8_t proto = 0;

	if (word == 3 && strncmp(text, "tcp", 3) == 0)
		proto = IPPROTO_TCP;
	else if (word == 3 && strncmp(text, "udp", 3) == 0)
		proto = IPPROTO_UDP;
	if (!proto || addr_parse_endpoint(endpoint, &addr, &port) < 0) {
		fail(field, text, e);
		err_hint(e, "%s", HINT);
		return -EINVAL;
	}
	if (!addr_is_routable_unicast(&addr)) {
		err_set(e, ERR_INVALID, NULL,
			"\"%.64s\": a service's address must be unicast and "
			"routable",
			text);
		err_hint(e, "loopback, link-local, multicast, broadcast and unspecified addresses "
			    "cannot be balanced");
		return -EINVAL;
	}
	service->addr = addr;
	service->port = port;
	service->proto = proto;
	return 0;
}

static int parse_metrics_listen(const struct config_field *field, const char *text, void *base,
				struct err *e)
{
	char *at = (char *)base + field->offset;
	struct sluice_addr addr;
	uint16_t port;

	if (strcmp(text, "disabled") == 0) {
		at[0] = '\0';
		return 0;
	}
	if (addr_parse_endpoint(text, &addr, &port) < 0 || port == 0) {
		fail(field, text, e);
		err_hint(e, "such as 127.0.0.1:9464 or \"[::1]:9464\"");
		return -EINVAL;
	}
	_Static_assert(sizeof(((struct config *)0)->metrics_listen) >= ENDPOINT_TEXT_MAX, "room");
	addr_format_endpoint(&addr, port, at);
	return 0;
}

static int parse_rate(const struct config_field *field, const char *text, void *base, struct err *e)
{
	struct rate rate;

	if (rate_parse(text, &rate) < 0) {
		fail(field, text, e);
		err_hint(e, "a whole number, k, M or G, a unit (conn, pkt, B, bit), and /s, /min "
			    "or /h");
		return -EINVAL;
	}
	if (rate.n == 0) {
		fail(field, text, e);
		err_hint(e, strcmp(field->key, "rate") == 0
				    ? "a rate above 0; a limit that should do nothing has "
				      "mode: disabled"
				    : "a rate above 0; no key, no ceiling");
		return -EINVAL;
	}
	memcpy((char *)base + field->offset, &rate, sizeof(rate));
	return 0;
}

static int parse_amount(const struct config_field *field, const char *text, void *base,
			struct err *e)
{
	struct amount amount;
	int r = amount_parse(text, &amount);

	if (r == 0 && (amount.n < field->min || amount.n > field->max))
		r = -ERANGE;
	if (r < 0)
		return fail(field, text, e);
	memcpy((char *)base + field->offset, &amount, sizeof(amount));
	return 0;
}

static int parse_path(const struct config_field *field, const char *text, void *base, struct err *e)
{
	if (*text != '/' || strlen(text) >= field->size)
		return fail(field, text, e);
	util_copy((char *)base + field->offset, field->size, text);
	return 0;
}

static bool has_control(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 127)
			return true;
	return false;
}

/* What goes into the lines of a request must not make new ones. */
static int parse_text(const struct config_field *field, const char *text, void *base, struct err *e)
{
	bool is_bad = strlen(text) >= field->size || !*text || has_control(text);

	if (field->type == CONFIG_TYPE_URL_PATH)
		is_bad |= *text != '/' || strpbrk(text, " #");
	if (field->type == CONFIG_TYPE_HOST_NAME)
		is_bad |= strpbrk(text, " /#?@\\\"'") != NULL;
	if (is_bad) {
		fail(field, text, e);
		if (strlen(text) >= field->size)
			err_hint(e, "it has %zu bytes, and %zu fit", strlen(text), field->size - 1);
		return -EINVAL;
	}
	util_copy((char *)base + field->offset, field->size, text);
	return 0;
}

/* "200", "200-299", several with commas. */
static int parse_statuses(const struct config_field *field, const char *text, void *base,
			  struct err *e)
{
	struct check_details *details = &((struct check_reading *)base)->details;
	const char *rest = text;
	uint64_t low, high;

	for (;;) {
		rest += strspn(rest, " ");
		if (rate_parse_digits(rest, &low, &rest))
			break;
		high = low;
		if (*rest == '-' && rate_parse_digits(rest + 1, &high, &rest))
			break;
		if (low < 100 || high > 599 || low > high ||
		    details->expect.count >= CHECK_STATUSES_MAX)
			break;
		details->expect.list[details->expect.count].low = (uint16_t)low;
		details->expect.list[details->expect.count++].high = (uint16_t)high;
		rest += strspn(rest, " ");
		if (!*rest)
			return 0;
		if (*rest++ != ',')
			break;
	}
	fail(field, text, e);
	err_hint(e, "from 100 to 599, at most %d of them", CHECK_STATUSES_MAX);
	return -EINVAL;
}

static int parse_bytes(const struct config_field *field, const char *text, void *base,
		       struct err *e)
{
	struct check_bytes *bytes = (void *)((char *)base + field->offset);
	size_t length = strlen(text);
	const char *digits = text + 4;

	if (strncmp(text, "hex:", 4) != 0) {
		if (!length || length > sizeof(bytes->bytes))
			return fail(field, text, e);
		bytes->length = (uint16_t)length;
		memcpy(bytes->bytes, text, length);
		return 0;
	}
	length -= 4;
	if (!length || length % 2 || length / 2 > sizeof(bytes->bytes) ||
	    strspn(digits, "0123456789abcdefABCDEF") != length)
		return fail(field, text, e);
	bytes->length = (uint16_t)(length / 2);
	for (size_t i = 0; i < bytes->length; i++)
		bytes->bytes[i] =
			(uint8_t)(hex_value(digits[2 * i]) << 4 | hex_value(digits[2 * i + 1]));
	return 0;
}

/* Which address a member may have depends on its service: the reader of members parses it. */
static int parse_nothing(const struct config_field *field, const char *text, void *base,
			 struct err *e)
{
	(void)field, (void)text, (void)base, (void)e;
	return 0;
}

int config_value_parse(const struct config_field *field, const char *text, void *base,
		       struct err *e)
{
	static int (*const PARSERS[CONFIG_TYPE_MAX])(const struct config_field *, const char *,
						     void *, struct err *) = {
		[CONFIG_TYPE_NUMBER] = parse_number,
		[CONFIG_TYPE_DURATION] = parse_duration,
		[CONFIG_TYPE_WORD] = parse_word,
		[CONFIG_TYPE_NAME] = parse_name,
		[CONFIG_TYPE_GROUP] = parse_name,
		[CONFIG_TYPE_SEED] = parse_seed,
		[CONFIG_TYPE_ADDRESS4] = parse_address,
		[CONFIG_TYPE_ADDRESS6] = parse_address,
		[CONFIG_TYPE_ADDRESS_TEXT] = parse_nothing,
		[CONFIG_TYPE_LISTEN] = parse_listen,
		[CONFIG_TYPE_METRICS_LISTEN] = parse_metrics_listen,
		[CONFIG_TYPE_RATE] = parse_rate,
		[CONFIG_TYPE_NEW_RATE] = parse_rate,
		[CONFIG_TYPE_AMOUNT] = parse_amount,
		[CONFIG_TYPE_PATH] = parse_path,
		[CONFIG_TYPE_TEXT] = parse_text,
		[CONFIG_TYPE_URL_PATH] = parse_text,
		[CONFIG_TYPE_HOST_NAME] = parse_text,
		[CONFIG_TYPE_BYTES] = parse_bytes,
		[CONFIG_TYPE_STATUSES] = parse_statuses,
	};

	return PARSERS[field->type](field, text, base, e);
}
