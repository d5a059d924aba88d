/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "cli/text.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/util.h"

/* The number without its unit; *ret_prefix is "" or "k", "M", ... */
static const char *scaled(double value, char buffer[TEXT_MAX], const char **ret_prefix)
{
	static const char *const prefixes[] = {"", "k", "M", "G", "T", "P", "E"};
	size_t power = 0;

	*ret_prefix = "";
	if (!(value > 0)) { /* also catches what is not a number */
		snprintf(buffer, TEXT_MAX, "0");
		return buffer;
	}
	while (value >= 999.5 && power + 1 < ARRAY_SIZE(prefixes)) {
		value /= 1000;
		power++;
	}
	*ret_prefix = prefixes[power];
	if (power == 0 && value == floor(value))
		snprintf(buffer, TEXT_MAX, "%.0f", value);
	else if (power == 0 && value < 0.05)
		snprintf(buffer, TEXT_MAX, "<0.1");
	else if (value >= 99.95)
		snprintf(buffer, TEXT_MAX, "%.0f", value);
	else if (value >= 9.995 || power == 0)
		snprintf(buffer, TEXT_MAX, "%.1f", value);
	else
		snprintf(buffer, TEXT_MAX, "%.2f", value);
	return buffer;
}

static const char *with_unit(double value, const char *unit, char buffer[TEXT_MAX])
{
	const char *prefix;
	size_t used;

	scaled(value, buffer, &prefix);
	used = strlen(buffer);
	if (prefix[0] == '\0' && (unit[0] == '\0' || unit[0] == '/'))
		snprintf(buffer + used, TEXT_MAX - used, "%s", unit);
	else
		snprintf(buffer + used, TEXT_MAX - used, " %s%s", prefix, unit);
	return buffer;
}

const char *text_si(double value, char buffer[TEXT_MAX])
{
	return with_unit(value, "", buffer);
}

const char *text_rate(double per_second, char buffer[TEXT_MAX])
{
	return with_unit(per_second, "/s", buffer);
}

const char *text_pps(double per_second, char buffer[TEXT_MAX])
{
	return with_unit(per_second, "pps", buffer);
}

const char *text_bytes(double bytes, char buffer[TEXT_MAX])
{
	return with_unit(bytes, "B", buffer);
}

const char *text_count(uint64_t value, char buffer[TEXT_MAX])
{
	char digits[TEXT_MAX];
	size_t length = (size_t)snprintf(digits, sizeof(digits), "%" PRIu64, value);
	size_t used = 0;

	for (size_t i = 0; i < length; i++) {
		if (i > 0 && (length - i) % 3 == 0)
			buffer[used++] = ',';
		buffer[used++] = digits[i];
	}
	buffer[used] = '\0';
	return buffer;
}

const char *text_percent(double percent, char buffer[TEXT_MAX])
{
	if (percent > 0 && percent < 0.05)
		snprintf(buffer, TEXT_MAX, "<0.1%%");
	else if (percent == floor(percent))
		snprintf(buffer, TEXT_MAX, "%.0f%%", percent);
	else
		snprintf(buffer, TEXT_MAX, "%.1f%%", percent);
	return buffer;
}

const char *text_duration(uint64_t seconds, char buffer[TEXT_MAX])
{
	if (seconds < 60)
		snprintf(buffer, TEXT_MAX, "%" PRIu64 " s", seconds);
	else if (seconds < 3600)
		snprintf(buffer, TEXT_MAX, "%" PRIu64 " min", seconds / 60);
	else if (seconds < 48 * 3600)
		snprintf(buffer, TEXT_MAX, "%" PRIu64 " h", seconds / 3600);
	else
		snprintf(buffer, TEXT_MAX, "%" PRIu64 " d", seconds / 86400);
	return buffer;
}

int text_parse_duration(const char *text, uint64_t *ret_seconds)
{
	static const struct {
		const char *unit;
		uint64_t seconds;
	} units[] = {{"s", 1}, {"m", 60}, {"min", 60}, {"h", 3600}, {"d", 86400}};
	size_t digits = strspn(text, "0123456789");
	size_t i;

	if (digits == 0 || digits > 9)
		return -EINVAL;
	for (i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(text + digits, units[i].unit) != 0)
			continue;
		*ret_seconds = strtoull(text, NULL, 10) * units[i].seconds;
		return 0;
	}
	return -EINVAL;
}

const char *text_ms(uint64_t ms, char buffer[TEXT_MAX])
{
	if (ms < 1000)
		snprintf(buffer, TEXT_MAX, "%" PRIu64 " ms", ms);
	else
		snprintf(buffer, TEXT_MAX, "%g s", (double)ms / 1000);
	return buffer;
}

const char *text_latency(uint64_t us, char buffer[TEXT_MAX])
{
	if (us < 1000)
		snprintf(buffer, TEXT_MAX, "%" PRIu64 " us", us);
	else
		snprintf(buffer, TEXT_MAX, us < 100000 ? "%.1f ms" : "%.0f ms", (double)us / 1000);
	return buffer;
}

const char *text_time(uint64_t at_s, uint64_t now_s, char buffer[TEXT_MAX])
{
	time_t at = (time_t)at_s;
	time_t now = (time_t)now_s;
	struct tm at_tm;
	struct tm now_tm;

	localtime_r(&at, &at_tm);
	localtime_r(&now, &now_tm);
	if (at_tm.tm_year == now_tm.tm_year && at_tm.tm_yday == now_tm.tm_yday)
		strftime(buffer, TEXT_MAX, "%H:%M", &at_tm);
	else
		strftime(buffer, TEXT_MAX, "%Y-%m-%d %H:%M", &at_tm);
	return buffer;
}

int text_width(const char *text)
{
	int width = 0;

	for (; *text != '\0'; text++)
		width += (*text & 0xc0) != 0x80; /* continuation bytes take no column */
	return width;
}

static int word_width(const char *word, size_t length)
{
	int width = 0;

	for (size_t i = 0; i < length; i++)
		width += (word[i] & 0xc0) != 0x80;
	return width;
}

void text_wrap(FILE *out, const char *label, int indent, const char *text, int width)
{
	int column = text_width(label);
	bool is_first = true;

	fputs(label, out);
	while (*text != '\0') {
		size_t gap = strspn(text, " \n");
		size_t length = strcspn(text + gap, " \n");
		int word = word_width(text + gap, length);

		if (length == 0)
			break;
		if (!is_first && width > 0 && column + (int)gap + word > width) {
			fprintf(out, "\n%*s", indent, "");
			column = indent;
		} else if (!is_first) {
			fprintf(out, "%*s", (int)gap, "");
			column += (int)gap;
		}
		fwrite(text + gap, 1, length, out);
		column += word;
		text += gap + length;
		is_first = false;
	}
	fputc('\n', out);
}
