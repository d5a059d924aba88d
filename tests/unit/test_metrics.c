/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The text formats, byte by byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prometheus),
		cmocka_unit_test(openmetrics),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
