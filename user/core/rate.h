/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Amounts and rates as people write them: 10k/s, 200Mbit/s, 25MB/s, 50 conn/s, 100/min, 4MB. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <sluice/limit_types.h>

/* How it was written, which is how it is shown. */
enum rate_unit { RATE_PLAIN, RATE_PACKETS, RATE_CONNECTIONS, RATE_BYTES, RATE_BITS, RATE_UNIT_MAX };

struct rate {
	uint64_t n; /* in s seconds; of RATE_BITS: bytes. 0: none */
	uint32_t s;
	enum rate_unit unit;
};

struct amount {
	uint64_t n;
	enum rate_unit unit; /* not RATE_BITS */
};

#define RATE_TEXT_MAX 40

/* Digits without sign, space or leading zero, which YAML 1.1 reads as octal (-EDOM). */
int rate_parse_digits(const char *text, uint64_t *ret_value, const char **ret_rest);
/* Digits and a suffix of SI (k, M, G) or IEC (Ki, Mi, Gi). */
int rate_parse_number(const char *text, uint64_t *ret_value);
/* 0, or -EINVAL, -EDOM (leading zeros), -ERANGE (too large). A rate of 0 is one. */
int rate_parse(const char *text, struct rate *ret_rate);
int amount_parse(const char *text, struct amount *ret_amount);
/* As they can be parsed again, with the largest suffix that leaves a whole number. */
const char *rate_format(const struct rate *rate, char buffer[RATE_TEXT_MAX]);
const char *amount_format(const struct amount *amount, char buffer[RATE_TEXT_MAX]);

/* Does a unit name what is counted? Bytes must have one, the others may. */
bool rate_unit_fits(enum rate_unit unit, enum sluice_limit_count count);
