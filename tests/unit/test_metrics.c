/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The text formats, byte by byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/check_spec.h"
#include "metrics/metrics.h"
#include "metrics/text.h"

static const struct metric counter = {"sluice_x", METRIC_COUNTER, "Help with \\ and \"."};
static const struct metric gauge = {"sluice_y_ratio", METRIC_GAUGE, "One\ntwo."};
static const struct metric info = {"sluice_build", METRIC_INFO, "What runs."};

static char *render(bool is_openmetrics)
{
	struct metric_label odd[METRIC_LABELS_MAX] = {{"member", "[fd00::1]:80"},
						      {"reason", "a\"b\\c\nd"}};
	struct metric_label version[METRIC_LABELS_MAX] = {{"version", "1"}};
	struct metric_text text = {.is_openmetrics = is_openmetrics};
	char *buffer;
	size_t size;

	text.out = open_memstream(&buffer, &size);
	assert_non_null(text.out);
	metric_begin(&text, &counter);
	metric_count(&text, odd, UINT64_MAX);
	metric_begin(&text, &gauge);
	metric_value(&text, NULL, 0.25);
	metric_begin(&text, &info);
	metric_count(&text, version, 1);
	metric_end(&text);
	fclose(text.out);
	return buffer;
}

static void prometheus(void **state)
{
	char *text = render(false);

	(void)state;
	assert_string_equal(text,
			    "# HELP sluice_x_total Help with \\\\ and \".\n"
			    "# TYPE sluice_x_total counter\n"
			    "sluice_x_total{member=\"[fd00::1]:80\",reason=\"a\\\"b\\\\c\\nd\"} "
			    "18446744073709551615\n"
			    "# HELP sluice_y_ratio One\\ntwo.\n"
			    "# TYPE sluice_y_ratio gauge\n"
			    "sluice_y_ratio 0.25\n"
			    "# HELP sluice_build_info What runs.\n"
			    "# TYPE sluice_build_info gauge\n"
			    "sluice_build_info{version=\"1\"} 1\n");
	free(text);
}

static void openmetrics(void **state)
{
	char *text = render(true);

	(void)state;
	assert_string_equal(text,
			    "# HELP sluice_x Help with \\\\ and \\\".\n"
			    "# TYPE sluice_x counter\n"
			    "sluice_x_total{member=\"[fd00::1]:80\",reason=\"a\\\"b\\\\c\\nd\"} "
			    "18446744073709551615\n"
			    "# HELP sluice_y_ratio One\\ntwo.\n"
			    "# TYPE sluice_y_ratio gauge\n"
			    "sluice_y_ratio 0.25\n"
			    "# HELP sluice_build What runs.\n"
			    "# TYPE sluice_build info\n"
			    "sluice_build_info{version=\"1\"} 1\n"
			    "# EOF\n");
	free(text);
}

static void histogram(void **state)
{
	static const struct metric metric = {"sluice_h_seconds", METRIC_HISTOGRAM, "How long."};
	const struct metric_label labels[METRIC_LABELS_MAX] = {{"type", "tcp"}};
	const double ends[] = {0.0005, 0.25, 1};
	const uint64_t counts[] = {1, 0, 2, 4};
	struct metric_text text = {.is_openmetrics = true};
	char *buffer;
	size_t size;

	(void)state;
	text.out = open_memstream(&buffer, &size);
	metric_begin(&text, &metric);
	metric_histogram(&text, labels, ends, 3, counts, 12.5);
	metric_histogram(&text, NULL, ends, 1, counts, 0);
	fclose(text.out);
	assert_string_equal(buffer, "# HELP sluice_h_seconds How long.\n"
				    "# TYPE sluice_h_seconds histogram\n"
				    "sluice_h_seconds_bucket{type=\"tcp\",le=\"0.0005\"} 1\n"
				    "sluice_h_seconds_bucket{type=\"tcp\",le=\"0.25\"} 1\n"
				    "sluice_h_seconds_bucket{type=\"tcp\",le=\"1.0\"} 3\n"
				    "sluice_h_seconds_bucket{type=\"tcp\",le=\"+Inf\"} 7\n"
				    "sluice_h_seconds_sum{type=\"tcp\"} 12.5\n"
				    "sluice_h_seconds_count{type=\"tcp\"} 7\n"
				    "sluice_h_seconds_bucket{le=\"0.0005\"} 1\n"
				    "sluice_h_seconds_bucket{le=\"+Inf\"} 1\n"
				    "sluice_h_seconds_sum 0\n"
				    "sluice_h_seconds_count 1\n");
	free(buffer);
}

static size_t occurrences(const char *text, const char *part)
{
	size_t count = 0;

	while ((text = strstr(text, part))) {
		text += strlen(part);
		count++;
	}
	return count;
}

/* Probes of a type and result are one histogram, whatever their members; those of which there was
 * none have none. */
static void check_durations(void **state)
{
	struct check_durations durations[CHECK_TYPE_MAX][2] = {0};
	struct metrics_source source = {.check_totals.durations = durations};
	struct metric_text text = {0};
	char *buffer;
	size_t size;

	(void)state;
	check_durations_add(&durations[CHECK_HTTP][0], 1);
	check_durations_add(&durations[CHECK_HTTP][0], 500); /* ends are included */
	check_durations_add(&durations[CHECK_HTTP][0], 501);
	check_durations_add(&durations[CHECK_HTTP][1], 10000000);
	check_durations_add(&durations[CHECK_HTTP][1], 3600000000);
	text.out = open_memstream(&buffer, &size);
	metrics_write_checks(&text, &source);
	fclose(text.out);
#define HTTP(part, result)                                                                         \
	"\nsluice_check_duration_seconds" part "{type=\"http\",result=\"" result "\""
	assert_non_null(strstr(buffer, "# TYPE sluice_check_duration_seconds histogram\n"));
	assert_non_null(strstr(buffer, HTTP("_bucket", "pass") ",le=\"0.0005\"} 2\n"));
	assert_non_null(strstr(buffer, HTTP("_bucket", "pass") ",le=\"0.001\"} 3\n"));
	assert_non_null(strstr(buffer, HTTP("_bucket", "pass") ",le=\"+Inf\"} 3\n"));
	assert_non_null(strstr(buffer, HTTP("_sum", "pass") "} 0.001002\n"));
	assert_non_null(strstr(buffer, HTTP("_bucket", "fail") ",le=\"5.0\"} 0\n"));
	assert_non_null(strstr(buffer, HTTP("_bucket", "fail") ",le=\"10.0\"} 1\n"));
	assert_non_null(strstr(buffer, HTTP("_bucket", "fail") ",le=\"+Inf\"} 2\n"));
	assert_non_null(strstr(buffer, HTTP("_count", "fail") "} 2\n"));
	assert_int_equal(occurrences(buffer, "sluice_check_duration_seconds_count"), 2);
	free(buffer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prometheus),
		cmocka_unit_test(openmetrics),
		cmocka_unit_test(histogram),
		cmocka_unit_test(check_durations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
