/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Numbers and sentences as people read them. */
#pragma once

#include <stdint.h>
#include <stdio.h>

#define TEXT_MAX 32 /* room for any number that the functions below format */

/* Three significant digits and an SI prefix: "0", "4.2", "212", "12.4 k", "1.29 M". */
const char *text_si(double value, char buffer[TEXT_MAX]);
const char *text_rate(double per_second, char buffer[TEXT_MAX]);    /* "12.4 k/s", "41/s" */
const char *text_pps(double per_second, char buffer[TEXT_MAX]);	    /* "1.42 Mpps", "41 pps" */
const char *text_bytes(double bytes, char buffer[TEXT_MAX]);	    /* "3.10 GB", "41 B" */
const char *text_count(uint64_t value, char buffer[TEXT_MAX]);	    /* "262,144" */
const char *text_percent(double percent, char buffer[TEXT_MAX]);    /* "39.2%", "100%" */
const char *text_duration(uint64_t seconds, char buffer[TEXT_MAX]); /* "12 s", "4 min", "41 d" */
/* "90s", "15m", "2h", "1d" in seconds. 0, or -EINVAL when it is something else or too much. */
int text_parse_duration(const char *text, uint64_t *ret_seconds);
const char *text_ms(uint64_t ms, char buffer[TEXT_MAX]);      /* "500 ms", "2 s" */
const char *text_latency(uint64_t us, char buffer[TEXT_MAX]); /* "1.8 ms", "85 us" */
/* Local time: "14:11" on the same day as now_s, else "2026-01-31 14:11". */
const char *text_time(uint64_t at_s, uint64_t now_s, char buffer[TEXT_MAX]);

/* Columns that UTF-8 text takes on a terminal (one a character; combining marks are not ours). */
int text_width(const char *text);
/* Prints label and text, breaking at spaces before `width` columns (0: never); further lines are
 * indented by `indent`. A word longer than a line is not broken. Ends with a newline. */
void text_wrap(FILE *out, const char *label, int indent, const char *text, int width);
