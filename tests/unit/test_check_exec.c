/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What programs say of a member, through sluice-check: only a member that is silent itself is dead. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/addr.h"
#include "base/util.h"
#include "core/check_spec.h"
#include "health/prober.h"

static const struct row {
	const char *command[3];
	enum probe_result result;
	const char *text;
} rows[] = {
	{{"/bin/true"}, PROBE_PASS, ""},
	{{"/bin/false"}, PROBE_FAIL, "exit status 1"},
	{{"/bin/sleep", "5"}, PROBE_FAIL, "the program did not end within 300 ms"},
};

static struct check_answer answer;
static bool is_over;

static void on_answer(void *arg, const struct check_answer *got)
{
	(void)arg;
	answer = *got;
	is_over = true;
}

static void probe(struct prober *prober, uv_loop_t *loop, const struct row *row)
{
	struct check_details details = {.read_max = 4096};
	struct check_config check = {.type = CHECK_EXEC, .timeout_ms = 300};
	AUTO_FREE struct check_spec *spec = NULL;
	struct sluice_addr addr;
	size_t i, used = 0;

	for (i = 0; i < ARRAY_SIZE(row->command) && row->command[i]; i++) {
		util_copy(details.command.words + used, sizeof(details.command.words) - used,
			  row->command[i]);
		used += strlen(row->command[i]) + 1;
	}
	details.command.count = (uint16_t)i;
	details.command.length = (uint16_t)used;
	check.spec = spec = check_spec_encode(CHECK_EXEC, &details);
	assert_int_equal(addr_parse("127.0.0.1", &addr), 0);
	is_over = false;
	prober_direct(prober, &addr, 80, &check, on_answer, NULL);
	while (!is_over)
		uv_run(loop, UV_RUN_ONCE);
}

static void on_walk(uv_handle_t *handle, void *arg)
{
	(void)arg;
	if (!uv_is_closing(handle) && handle->type == UV_PROCESS)
		uv_unref(handle);
}

static void test_rows(void **state)
{
	AUTO_FREE char *program = realpath("build/bin/sluice-check", NULL);
	struct prober *prober;
	uv_loop_t loop;
	size_t i;

	(void)state;
	assert_non_null(program);
	uv_loop_init(&loop);
	prober = prober_new(&loop, program, NULL);
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		probe(prober, &loop, &rows[i]);
		assert_string_equal(answer.text, rows[i].text);
		assert_int_equal(answer.result, rows[i].result);
		/* Its connections stay with it. */
		if (answer.result == PROBE_FAIL)
			assert_int_equal(answer.cause, HEALTH_ANSWERED);
	}
	prober_free(prober);
	uv_walk(&loop, on_walk, NULL);
	uv_run(&loop, UV_RUN_DEFAULT);
	uv_loop_close(&loop);
}

/* Nothing else is asked meanwhile, so no ask waits for long: it hangs all the same. */
static void test_hang_found_by_rare_asks(void **state)
{
	static const struct row hang = {.command = {"/bin/sh", "-c", "kill -STOP $PPID"}};
	AUTO_FREE char *program = realpath("build/bin/sluice-check", NULL);
	struct prober *prober;
	uv_loop_t loop;
	int asked;

	(void)state;
	uv_loop_init(&loop);
	prober = prober_new(&loop, program, NULL);
	probe(prober, &loop, &hang);
	for (asked = 0; asked < 12 && answer.result != PROBE_PASS; asked++)
		probe(prober, &loop, &rows[0]);
	assert_int_equal(answer.result, PROBE_PASS);
	prober_free(prober);
	uv_walk(&loop, on_walk, NULL);
	uv_run(&loop, UV_RUN_DEFAULT);
	uv_loop_close(&loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_hang_found_by_rare_asks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
