/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* util, err, log and clock; addresses have a file of their own. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/util.h"

static void test_grow_zeroes_new_cells(void **state)
{
	AUTO_FREE uint32_t *cells = NULL;
	size_t capacity = 0, before;

	(void)state;
	for (size_t i = 0; i < 1000; i++) {
		before = capacity;
		cells = util_grow(cells, &capacity, i + 1, sizeof(*cells));
		assert_true(capacity > i);
		for (size_t j = before; j < capacity; j++)
			assert_int_equal(cells[j], 0);
		cells[i] = (uint32_t)i + 1;
	}
	for (size_t i = 0; i < 1000; i++)
		assert_int_equal(cells[i], i + 1);
	before = capacity;
	assert_ptr_equal(util_grow(cells, &capacity, 1, sizeof(*cells)), cells);
	assert_int_equal(capacity, before);
}

static void test_shrink(void **state)
{
	uint32_t *cells = NULL;
	size_t capacity = 0;

	(void)state;
	cells = util_grow(cells, &capacity, 100000, sizeof(*cells));
	cells[69999] = 7;
	cells = util_shrink(cells, 70000, sizeof(*cells));
	assert_int_equal(cells[69999], 7);
	/* What is left is no more than the allocator rounds up to. */
	assert_true(malloc_usable_size(cells) < 70000 * sizeof(*cells) + 8192);
	assert_null(util_shrink(cells, 0, sizeof(*cells)));
	assert_null(util_shrink(NULL, 0, sizeof(*cells)));
}

static void test_optional_text(void **state)
{
	char *text = NULL;

	(void)state;
	assert_string_equal(util_text(text), "");
	util_set_text(&text, "");
	assert_null(text);
	util_set_text(&text, "down");
	assert_string_equal(util_text(text), "down");
	util_set_text(&text, text + 2); /* a part of itself */
	assert_string_equal(text, "wn");
	util_set_text(&text, NULL);
	assert_null(text);
	util_set_text(&text, NULL);
	assert_null(text);
}

static void test_take_and_cleanup(void **state)
{
	int pipe_fds[2], fd;
	char *p = util_strdup("x"), *q;

	(void)state;
	q = TAKE_PTR(p);
	assert_null(p);
	util_free_p(&q);
	assert_null(q);
	assert_int_equal(pipe(pipe_fds), 0);
	fd = TAKE_FD(pipe_fds[0]);
	assert_int_equal(pipe_fds[0], -1);
	util_close_p(&pipe_fds[0]);
	util_close_p(&fd);
	assert_int_equal(fd, -1);
	util_close_p(&pipe_fds[1]);
	assert_null(util_strdup(NULL));
}

static void test_copy_truncates(void **state)
{
	char buffer[4] = "zzz";

	(void)state;
	util_copy(buffer, sizeof(buffer), "abcdef");
	assert_string_equal(buffer, "abc");
	util_copy(buffer, sizeof(buffer), "");
	assert_string_equal(buffer, "");
	util_copy(buffer, 0, "abc");
	assert_string_equal(buffer, "");
}

static void test_read_file(void **state)
{
	char path[] = "/tmp/sluice-test-XXXXXX";
	AUTO_CLOSE int fd = mkstemp(path);
	AUTO_FREE char *text = NULL;
	size_t length = 7;
	char block[10000];

	(void)state;
	assert_true(fd >= 0);
	memset(block, 'a', sizeof(block));
	assert_int_equal(write(fd, block, sizeof(block)), sizeof(block));
	assert_int_equal(util_read_file(path, sizeof(block) - 1, &text, &length), -EFBIG);
	assert_null(text);
	assert_int_equal(length, 7);
	assert_int_equal(util_read_file(path, sizeof(block), &text, &length), 0);
	assert_int_equal(length, sizeof(block));
	assert_int_equal(strlen(text), sizeof(block));
	unlink(path);
	assert_int_equal(util_read_file(path, 10, &text, &length), -ENOENT);
	assert_int_equal(util_read_file("/", 10, &text, &length), -EISDIR);
	/* Nobody writes into it: reading would wait for ever. */
	assert_int_equal(mkfifo(path, 0600), 0);
	alarm(5);
	assert_int_equal(util_read_file(path, 10, &text, &length), -ESPIPE);
	alarm(0);
	assert_string_equal(util_read_error(-ESPIPE), "not a regular file");
	assert_string_equal(util_read_error(-ENOENT), strerror(ENOENT));
	unlink(path);
}

/* Pipes are read to their end, but neither endlessly nor for ever. */
static void test_read_input(void **state)
{
	AUTO_FREE char *text = NULL;
	size_t length = 7;
	int ends[2];
	char path[32];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], "abc", 3), 3);
	assert_int_equal(util_read_fd(ends[0], 10, 20, &text, &length), -ETIMEDOUT);
	assert_null(text);
	assert_int_equal(length, 7);
	assert_string_equal(util_read_error(-ETIMEDOUT), "nothing came for 30 seconds");
	assert_int_equal(write(ends[1], "0123456789a", 11), 11);
	snprintf(path, sizeof(path), "/dev/fd/%d", ends[0]);
	assert_int_equal(util_read_input(path, 10, &text, &length), -EFBIG);
	assert_int_equal(write(ends[1], "0123456789", 10), 10);
	close(ends[1]);
	assert_int_equal(util_read_input(path, 10, &text, &length), 0);
	assert_string_equal(text, "0123456789");
	assert_int_equal(length, 10);
	close(ends[0]);
	free(TAKE_PTR(text));
	assert_int_equal(util_read_input("/", 10, &text, &length), -EISDIR);
	assert_int_equal(util_read_input("/dev/zero", 10, &text, &length), -EFBIG);
	assert_int_equal(util_read_input("/nowhere", 10, &text, &length), -ENOENT);
}

static void test_nearest(void **state)
{
	static const char *const WORDS[] = {"version", "interfaces", "services",
					    "limits",  "l2",	     "ipip"};
	static const struct {
		const char *word, *nearest;
	} ROWS[] = {
		{"sevices", "services"},
		{"interface", "interfaces"},
		{"Version", "version"},
		{"l3", "l2"},
		{"ippi", "ipip"},
		{"banana", NULL},
		{"", NULL},
		{"xy", NULL},
		{"limtis", "limits"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(ROWS); i++) {
		const char *nearest = util_nearest(ROWS[i].word, WORDS, ARRAY_SIZE(WORDS));

		if (ROWS[i].nearest)
			assert_string_equal(nearest, ROWS[i].nearest);
		else
			assert_null(nearest);
	}
	assert_null(util_nearest("version", NULL, 0));
}

static void test_duration(void **state)
{
	static const struct {
		uint64_t seconds;
		const char *text;
	} rows[] = {{0, "0 s"},
		    {59, "59 s"},
		    {60, "1 min"},
		    {90, "1 min 30 s"},
		    {3600, "1 h"},
		    {86399, "23 h 59 min 59 s"},
		    {2592000, "30 d"},
		    {2592001, "30 d 1 s"},
		    {UINT64_MAX, "213503982334601 d 7 h 15 s"}};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char text[UTIL_DURATION_MAX];

		assert_string_equal(util_format_duration(rows[i].seconds, text), rows[i].text);
	}
}

static void test_names(void **state)
{
	char name[65];

	(void)state;
	assert_true(util_name_is_valid("web"));
	assert_true(util_name_is_valid("Web-1.a_b"));
	assert_true(util_name_is_valid("0"));
	assert_false(util_name_is_valid(""));
	assert_false(util_name_is_valid(".web"));
	assert_false(util_name_is_valid("-web"));
	assert_false(util_name_is_valid("we b"));
	assert_false(util_name_is_valid("web/1"));
	assert_false(util_name_is_valid("w\xc3\xa4"));
	memset(name, 'a', sizeof(name));
	name[64] = '\0';
	assert_false(util_name_is_valid(name));
	name[63] = '\0';
	assert_true(util_name_is_valid(name));
}

static void test_err_codes(void **state)
{
	struct err e;

	(void)state;
	assert_int_equal(err_set(&e, ERR_NOT_FOUND, "services.web", "no service %s", "web"),
			 -ENOENT);
	assert_string_equal(e.path, "services.web");
	assert_string_equal(e.text, "no service web");
	assert_string_equal(e.hint, "");
	assert_int_equal(e.line, 0);
	assert_int_equal(err_set(NULL, ERR_INVALID, NULL, "x"), -EINVAL);
	err_hint(NULL, "x");
	for (int code = 1; code < ERR_CODE_MAX; code++) {
		assert_true(err_set(&e, (enum err_code)code, NULL, "x") < 0);
		assert_true(err_code_status((enum err_code)code) >= 400);
		for (int other = 0; other < code; other++)
			assert_string_not_equal(err_code_name((enum err_code)code),
						err_code_name((enum err_code)other));
	}
	assert_string_equal(err_code_name(ERR_UNKNOWN_KEY), "unknown_key");
	assert_int_equal(err_code_status(ERR_CONFLICT), 409);
}

static void test_err_format(void **state)
{
	struct err e;
	char text[256], tiny[8];

	(void)state;
	err_set(&e, ERR_INVALID, "a.b", "too big");
	err_format(&e, NULL, text, sizeof(text));
	assert_string_equal(text, "a.b: too big");
	e.line = 3;
	err_hint(&e, "at most %d", 5);
	err_format(&e, "f.yaml", text, sizeof(text));
	assert_string_equal(text, "f.yaml:3: a.b: too big (at most 5)");
	err_format(&e, "", text, sizeof(text));
	assert_string_equal(text, "line 3: a.b: too big (at most 5)");
	err_format(&e, "f.yaml", tiny, sizeof(tiny));
	assert_string_equal(tiny, "f.yaml:");
	e.line = 0;
	e.path[0] = e.hint[0] = '\0';
	err_format(&e, "f.yaml", text, sizeof(text));
	assert_string_equal(text, "f.yaml: too big");
}

static void test_errs_grow(void **state)
{
	struct errs es = {};

	(void)state;
	for (int i = 0; i < 100; i++)
		err_hint(errs_add(&es, ERR_INVALID, "p", "error %d", i), "hint %d", i);
	assert_int_equal(es.count, 100);
	errs_add_err(&es, &es.list[42]); /* from the list itself, which may move */
	assert_int_equal(es.count, 101);
	assert_string_equal(es.list[100].text, "error 42");
	assert_string_equal(es.list[100].hint, "hint 42");
	errs_done(&es);
	assert_null(es.list);
	assert_int_equal(es.count, 0);
	errs_done(&es);
}

/* Runs one log call with standard error in a pipe. */
static void captured(enum log_level set, enum log_level level, const char *text, char *out,
		     size_t size)
{
	int fds[2], saved = dup(STDERR_FILENO);
	ssize_t n;

	assert_int_equal(pipe(fds), 0);
	dup2(fds[1], STDERR_FILENO);
	close(fds[1]);
	log_set_level(set);
	errno = EXDEV;
	log_line(level, "area", "%s", text);
	assert_int_equal(errno, EXDEV);
	dup2(saved, STDERR_FILENO);
	close(saved);
	n = read(fds[0], out, size - 1);
	assert_true(n >= 0);
	out[n] = '\0';
	close(fds[0]);
	log_set_level(LOG_LEVEL_INFO);
}

static void test_log(void **state)
{
	char out[256];

	(void)state;
	unsetenv("JOURNAL_STREAM");
	captured(LOG_LEVEL_INFO, LOG_LEVEL_INFO, "all well k=v", out, sizeof(out));
	assert_string_equal(out, "area: all well k=v\n");
	captured(LOG_LEVEL_INFO, LOG_LEVEL_ERROR, "two\nlines", out, sizeof(out));
	assert_string_equal(out, "area: error: two lines\n");
	captured(LOG_LEVEL_INFO, LOG_LEVEL_DEBUG, "hidden", out, sizeof(out));
	assert_string_equal(out, "");
	setenv("JOURNAL_STREAM", "8:1", 1);
	captured(LOG_LEVEL_DEBUG, LOG_LEVEL_WARNING, "beware", out, sizeof(out));
	assert_string_equal(out, "<4>area: beware\n");
	unsetenv("JOURNAL_STREAM");
}

static void test_clock(void **state)
{
	uint64_t ns = clock_now_ns(), ms = clock_now_ms();
	uint32_t jiffy_ns = clock_jiffy_ns();

	(void)state;
	assert_true(ms >= ns / 1000000);
	assert_true(clock_now_ns() >= ns);
	assert_true(clock_wall_s() > 1600000000ULL);
	assert_true(jiffy_ns >= 500000 && jiffy_ns <= 20000000); /* HZ of 50 to 2,000 */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_grow_zeroes_new_cells),
		cmocka_unit_test(test_shrink),
		cmocka_unit_test(test_optional_text),
		cmocka_unit_test(test_take_and_cleanup),
		cmocka_unit_test(test_copy_truncates),
		cmocka_unit_test(test_read_file),
		cmocka_unit_test(test_read_input),
		cmocka_unit_test(test_nearest),
		cmocka_unit_test(test_duration),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_err_codes),
		cmocka_unit_test(test_err_format),
		cmocka_unit_test(test_errs_grow),
		cmocka_unit_test(test_log),
		cmocka_unit_test(test_clock),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
