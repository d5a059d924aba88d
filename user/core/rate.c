/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "core/rate.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/util.h"

static const struct {
	const char *text;
	uint64_t factor;
} SUFFIXES[] = {
	/* Those of each kind from the largest on: formatting takes the first that fits. */
	{"G", 1000000000}, {"M", 1000000},   {"k", 1000}, {"Gi", 1U << 30},
	{"Mi", 1U << 20},  {"Ki", 1U << 10}, {"", 1},
};

/* The first word of a unit is the one that is shown. */
static const struct {
	const char *text;
	enum rate_unit unit;
} UNITS[] = {
	{"", RATE_PLAIN},	    {"pkt", RATE_PACKETS},	 {"packets", RATE_PACKETS},
	{"conn", RATE_CONNECTIONS}, {"conns", RATE_CONNECTIONS}, {"connections", RATE_CONNECTIONS},
	{"B", RATE_BYTES},	    {"bytes", RATE_BYTES},	 {"bit", RATE_BITS},
	{"bits", RATE_BITS},
};

static const struct {
	const char *text;
	uint32_t s;
} PERIODS[] = {{"s", 1}, {"min", 60}, {"m", 60}, {"h", 3600}};

#define BITS 8

int rate_parse_digits(const char *text, uint64_t *ret_value, const char **ret_rest)
{
	uint64_t value = 0;

	if (!isdigit((unsigned char)*text))
		return -EINVAL;
	if (*text == '0' && isdigit((unsigned char)text[1]))
		return -EDOM;
	for (; isdigit((unsigned char)*text); text++) {
		if (__builtin_mul_overflow(value, 10ULL, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(*text - '0'), &value))
			return -ERANGE;
	}
	*ret_value = value;
	*ret_rest = text;
	return 0;
}

static bool is_word(const char *text, size_t length, const char *word)
{
	return strlen(word) == length && strncmp(text, word, length) == 0;
}

/* "k", "kbit", " Mbit", "k conn", "MiB": a suffix and a unit, with spaces before either; but of a bare
 * number the suffix is a part. */
static int parse_suffix(const char *text, size_t length, uint64_t *ret_factor,
			enum rate_unit *ret_unit)
{
	bool is_apart = length && *text == ' ';

	for (; length > 1 && *text == ' '; text++)
		length--;
	for (size_t i = 0; i < ARRAY_SIZE(SUFFIXES); i++) {
		size_t at = strlen(SUFFIXES[i].text);

		if (at > length || strncmp(text, SUFFIXES[i].text, at) != 0)
			continue;
		while (at + 1 < length && text[at] == ' ')
			at++;
		for (size_t u = 0; u < ARRAY_SIZE(UNITS); u++) {
			if (!is_word(text + at, length - at, UNITS[u].text))
				continue;
			if (is_apart && UNITS[u].unit == RATE_PLAIN)
				return -EINVAL;
			*ret_factor = SUFFIXES[i].factor;
			*ret_unit = UNITS[u].unit;
			return 0;
		}
	}
	return -EINVAL;
}

static int parse_amount(const char *text, size_t length, struct amount *ret_amount)
{
	struct amount amount;
	uint64_t factor;
	const char *rest;
	int r = rate_parse_digits(text, &amount.n, &rest);

	if (r == 0)
		r = parse_suffix(rest, length - (size_t)(rest - text), &factor, &amount.unit);
	if (r == 0 && __builtin_mul_overflow(amount.n, factor, &amount.n))
		r = -ERANGE;
	if (r == 0)
		*ret_amount = amount;
	return r;
}

int rate_parse_number(const char *text, uint64_t *ret_value)
{
	struct amount amount;
	int r = parse_amount(text, strlen(text), &amount);

	if (r == 0 && amount.unit != RATE_PLAIN)
		r = -EINVAL;
	if (r == 0)
		*ret_value = amount.n;
	return r;
}

int amount_parse(const char *text, struct amount *ret_amount)
{
	struct amount amount;
	int r = parse_amount(text, strlen(text), &amount);

	if (r == 0 && amount.unit == RATE_BITS)
		r = -EINVAL;
	if (r == 0)
		*ret_amount = amount;
	return r;
}

int rate_parse(const char *text, struct rate *ret_rate)
{
	const char *slash = strchr(text, '/');
	struct amount amount;
	uint32_t s = 0;
	int r = slash ? parse_amount(text, (size_t)(slash - text), &amount) : -EINVAL;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(PERIODS); i++) {
		if (strcmp(slash + 1, PERIODS[i].text) == 0)
			s = PERIODS[i].s;
	}
	if (r)
		return r;
	if (!s)
		return -EINVAL;
	if (amount.unit == RATE_BITS && amount.n % BITS == 0)
		amount.n /= BITS;
	else if (amount.unit == RATE_BITS)
		s *= BITS;
	*ret_rate = (struct rate){amount.n, s, amount.unit};
	return 0;
}

static const char *unit_text(enum rate_unit unit)
{
	for (size_t i = 0; i < ARRAY_SIZE(UNITS); i++) {
		if (UNITS[i].unit == unit)
			return UNITS[i].text;
	}
	return "";
}

static const char *period_text(uint32_t s)
{
	for (size_t i = 0; i < ARRAY_SIZE(PERIODS); i++) {
		if (PERIODS[i].s == s)
			return PERIODS[i].text;
	}
	return NULL;
}

const char *amount_format(const struct amount *amount, char buffer[RATE_TEXT_MAX])
{
	bool is_word_unit = amount->unit == RATE_PACKETS || amount->unit == RATE_CONNECTIONS;
	size_t i = 0;

	while (SUFFIXES[i].factor > 1 && (!amount->n || amount->n % SUFFIXES[i].factor))
		i++;
	snprintf(buffer, RATE_TEXT_MAX, "%" PRIu64 "%s%s%s", amount->n / SUFFIXES[i].factor,
		 SUFFIXES[i].text, is_word_unit ? " " : "", unit_text(amount->unit));
	return buffer;
}

const char *rate_format(const struct rate *rate, char buffer[RATE_TEXT_MAX])
{
	struct amount amount = {rate->n, rate->unit};
	const char *period = period_text(rate->s);
	char text[RATE_TEXT_MAX];

	if (rate->unit == RATE_BITS && period)
		amount.n *= BITS;
	else if (rate->unit == RATE_BITS)
		period = period_text(rate->s / BITS);
	amount_format(&amount, text);
	if (period)
		snprintf(buffer, RATE_TEXT_MAX, "%.30s/%s", text, period);
	else
		snprintf(buffer, RATE_TEXT_MAX, "%.24s/%" PRIu32 "s", text, rate->s);
	return buffer;
}

bool rate_unit_fits(enum rate_unit unit, enum sluice_limit_count count)
{
	switch (unit) {
	case RATE_PACKETS:
		return count == SLUICE_COUNT_PACKETS;
	case RATE_CONNECTIONS:
		return count == SLUICE_COUNT_NEW_CONNECTIONS;
	case RATE_BYTES:
	case RATE_BITS:
		return count == SLUICE_COUNT_BYTES;
	default:
		return count != SLUICE_COUNT_BYTES;
	}
}
