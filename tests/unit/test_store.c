/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Files of the state directory: what is read is what was written, or is known to be damaged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cap-ng.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/prefix.h"
#include "base/util.h"
#include "state/ban_file.h"
#include "state/seal.h"
#include "state/store.h"

static json_t *content(void)
{
	return json_pack("{s:[{s:s, s:i, s:s}, {s:s, s:i, s:s}], s:[]}", "members", "service",
			 "web", "weight", 50, "admin", "maint", "service", "d\xc3\xbc", "weight", 0,
			 "admin", "ready", "limits");
}

/* ---- the seal ------------------------------------------------------------------------------ */

static void test_round_trip(void **state)
{
	json_t *json = content(), *got = NULL;
	struct err e = {0};
	size_t length;
	AUTO_FREE char *text = seal_close(json, &length);

	(void)state;
	assert_int_equal(length, strlen(text));
	assert_int_equal(text[length - 1], '\n');
	assert_int_equal(seal_open(text, length, &got, &e), 0);
	assert_true(json_equal(json, got));
	json_decref(got);
	json_decref(json);
}

static void test_cut_at_every_length(void **state)
{
	json_t *json = content();
	size_t length, i;
	AUTO_FREE char *text = seal_close(json, &length);

	(void)state;
	for (i = 0; i < length - 1; i++) { /* without its newline it is whole */
		struct err e = {0};
		json_t *got = NULL;

		assert_int_equal(seal_open(text, i, &got, &e), -EINVAL);
		assert_int_equal(e.code, ERR_SYNTAX);
		assert_true(e.text[0]);
		assert_null(got);
	}
	json_decref(json);
}

/* Every bit of every byte: refused, or (white space) without a difference. */
static void test_flipped_bits(void **state)
{
	json_t *json = content();
	size_t length, i, refused = 0, accepted = 0;
	AUTO_FREE char *text = seal_close(json, &length);
	unsigned int bit;

	(void)state;
	for (i = 0; i < length; i++) {
		for (bit = 0; bit < 8; bit++) {
			struct err e = {0};
			json_t *got = NULL;

			text[i] = (char)(text[i] ^ (1 << bit));
			if (seal_open(text, length, &got, &e)) {
				refused++;
			} else {
				assert_true(json_equal(json, got));
				json_decref(got);
				accepted++;
			}
			text[i] = (char)(text[i] ^ (1 << bit));
		}
	}
	assert_true(refused > 20 * accepted);
	json_decref(json);
}

static void test_other_files(void **state)
{
	static const struct {
		const char *text, *why;
		enum err_code code;
	} rows[] = {
		{"", "not JSON", ERR_SYNTAX},
		{"[]", "no version", ERR_SYNTAX},
		{"{\"version\":0}", "no version", ERR_SYNTAX},
		{"{\"version\":\"1\"}", "no version", ERR_SYNTAX},
		{"{\"version\":1,\"content\":{}}", "checksum", ERR_SYNTAX},
		{"{\"version\":1,\"checksum\":\"00\",\"content\":{}}", "damaged", ERR_SYNTAX},
		{"{\"version\":1,\"version\":1}", "not JSON", ERR_SYNTAX},
		{"{\"version\":2,\"layout\":{}}", "a later version", ERR_UNSUPPORTED},
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		struct err e = {0};
		json_t *got = NULL;

		assert_int_equal(seal_open(rows[i].text, strlen(rows[i].text), &got, &e), -EINVAL);
		assert_int_equal(e.code, rows[i].code);
		assert_non_null(strstr(e.text, rows[i].why));
	}
}

/* ---- the store ----------------------------------------------------------------------------- */

static char directory[128];

static int make_directory(void **state)
{
	char base[] = "/tmp/sluice-store-XXXXXX";

	(void)state;
	assert_non_null(mkdtemp(base));
	snprintf(directory, sizeof(directory), "%s/a/b", base);
	return store_make_directory(directory);
}

static int remove_directory(void **state)
{
	char command[200];

	(void)state;
	*strrchr(directory, '/') = '\0';
	*strrchr(directory, '/') = '\0';
	snprintf(command, sizeof(command), "rm -rf '%s'", directory);
	return system(command);
}

static void assert_holds(const char *name, const char *want)
{
	AUTO_FREE char *text = NULL;
	size_t length;

	assert_int_equal(store_read(directory, name, &text, &length), 0);
	assert_string_equal(text, want);
}

static void test_write_and_read(void **state)
{
	char path[200];
	struct stat st;
	char *text;
	size_t length;

	(void)state;
	assert_int_equal(store_read(directory, "x", &text, &length), -ENOENT);
	assert_int_equal(store_write(directory, "x", 0600, "one\n", 4), 0);
	assert_holds("x", "one\n");
	assert_int_equal(store_write(directory, "x", 0600, "2\n", 2), 0);
	assert_holds("x", "2\n");
	snprintf(path, sizeof(path), "%s/x", directory);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(stat(directory, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
}

/* What a write that failed, or that was cut by a crash, leaves: the old file. */
static void test_failed_write_keeps_the_old(void **state)
{
	char path[200];

	(void)state;
	assert_int_equal(store_write(directory, "x", 0600, "old\n", 4), 0);
	snprintf(path, sizeof(path), "%s/x.new", directory);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_true(store_write(directory, "x", 0600, "new\n", 4) < 0);
	assert_holds("x", "old\n");
	assert_int_equal(rmdir(path), 0);
	/* Half of a new file, from a crash, is in nobody's way. */
	assert_int_equal(store_write(directory, "x.new", 0600, "{\"ver", 5), 0);
	assert_int_equal(store_write(directory, "x", 0600, "new\n", 4), 0);
	assert_holds("x", "new\n");
	assert_int_equal(store_write("/nowhere/at/all", "x", 0600, "new\n", 4), -ENOENT);
}

/* ---- the file of bans ---------------------------------------------------------------------- */

static json_t *ban(const char *limit, const char *source, json_int_t until_s)
{
	return json_pack("{s:s, s:s, s:I}", "limit", limit, "source", source, "until_s", until_s);
}

static void write_bans(const char *first, const char *second)
{
	json_t *json = json_pack(
		"{s:[o, o], s:[o], s:[{s:s}]}", "bans", ban(first, "192.0.2.1/32", 1700000001),
		ban(second, "192.0.2.2/32", 1700000002), "waiting",
		ban("waiting", "192.0.2.3/32", 1700000003), "attacks", "limit", first);
	size_t length;
	AUTO_FREE char *text = seal_close(json, &length);

	assert_int_equal(store_write(directory, BAN_FILE, 0600, text, length), 0);
	json_decref(json);
}

struct asked {
	const char *limit;
	int64_t until_s; /* of the last one that was taken out */
};

static bool is_limit(void *arg, const char *limit, const struct prefix *source, int64_t until_s)
{
	struct asked *asked = arg;

	assert_int_equal(source->length, 32);
	if (strcmp(limit, asked->limit))
		return false;
	asked->until_s = until_s;
	return true;
}

static void assert_bans(size_t count, const char *limit)
{
	AUTO_FREE char *text = NULL;
	json_t *content = NULL, *bans;
	struct err e = {0};
	size_t length;

	assert_int_equal(store_read(directory, BAN_FILE, &text, &length), 0);
	assert_int_equal(seal_open(text, length, &content, &e), 0);
	bans = json_object_get(content, "bans");
	assert_int_equal(json_array_size(bans), count);
	if (count)
		assert_string_equal(
			json_string_value(json_object_get(json_array_get(bans, 0), "limit")),
			limit);
	assert_int_equal(json_array_size(json_object_get(content, "attacks")), 1);
	json_decref(content);
}

/* Returns when the last one that was taken out ends; 0: none was. */
static int64_t remove_bans(const char *limit)
{
	struct asked asked = {limit, 0};

	assert_int_equal(ban_file_remove(directory, is_limit, &asked), 0);
	return asked.until_s;
}

static void test_remove_bans(void **state)
{
	(void)state;
	assert_int_equal(remove_bans("a"), 0);
	write_bans("a", "b");
	assert_int_equal(remove_bans("none"), 0);
	assert_bans(2, "a");
	assert_int_equal(remove_bans("a"), 1700000001);
	assert_bans(1, "b");
	write_bans("a", "a");
	assert_int_equal(remove_bans("a"), 1700000002);
	assert_bans(0, NULL);
	assert_int_equal(remove_bans("waiting"), 1700000003);
	assert_int_equal(remove_bans("waiting"), 0);
	/* A damaged one is left to the daemon, which keeps it aside. */
	assert_int_equal(store_write(directory, BAN_FILE, 0600, "bad\n", 4), 0);
	assert_int_equal(remove_bans("a"), 0);
	assert_holds(BAN_FILE, "bad\n");
}

static void may_chown(bool is_allowed)
{
	capng_get_caps_process();
	assert_int_equal(
		capng_update(is_allowed ? CAPNG_ADD : CAPNG_DROP, CAPNG_EFFECTIVE, CAP_CHOWN), 0);
	assert_int_equal(capng_apply(CAPNG_SELECT_CAPS), 0);
}

static uid_t owner(const char *name)
{
	AUTO_FREE char *path = util_printf("%s/%s", directory, name);
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_uid;
}

/* Of a daemon that is another user's: it must be able to read what root leaves it. */
static void test_remove_bans_of_another_user(void **state)
{
	struct asked asked = {"a", 0};
	char path[200];

	(void)state;
	if (geteuid() != 0)
		skip(); /* only root may give files away */
	snprintf(path, sizeof(path), "%s/%s", directory, BAN_FILE);
	write_bans("a", "b");
	assert_int_equal(chown(path, 65534, 65534), 0);
	may_chown(false);
	assert_int_equal(ban_file_remove(directory, is_limit, &asked), -EPERM);
	assert_bans(2, "a");
	assert_int_equal(owner(BAN_FILE), 65534);
	/* A daemon that is root, and has given up its rights, writes its own. */
	assert_int_equal(store_write(directory, BAN_FILE, 0600, "new\n", 4), 0);
	assert_int_equal(owner(BAN_FILE), 0);
	may_chown(true);
	write_bans("a", "b");
	assert_int_equal(chown(path, 65534, 65534), 0);
	assert_int_equal(ban_file_remove(directory, is_limit, &asked), 0);
	assert_bans(1, "b");
	assert_int_equal(owner(BAN_FILE), 65534);
}

static void test_set_aside(void **state)
{
	char *text;
	size_t length;

	(void)state;
	assert_false(store_is_aside(directory, "x"));
	assert_int_equal(store_set_aside(directory, "x"), -ENOENT);
	assert_int_equal(store_write(directory, "x", 0600, "bad\n", 4), 0);
	assert_int_equal(store_set_aside(directory, "x"), 0);
	assert_true(store_is_aside(directory, "x"));
	assert_int_equal(store_read(directory, "x", &text, &length), -ENOENT);
	assert_holds("x.corrupt", "bad\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_cut_at_every_length),
		cmocka_unit_test(test_flipped_bits),
		cmocka_unit_test(test_other_files),
		cmocka_unit_test_setup_teardown(test_write_and_read, make_directory,
						remove_directory),
		cmocka_unit_test_setup_teardown(test_failed_write_keeps_the_old, make_directory,
						remove_directory),
		cmocka_unit_test_setup_teardown(test_remove_bans, make_directory, remove_directory),
		cmocka_unit_test_setup_teardown(test_remove_bans_of_another_user, make_directory,
						remove_directory),
		cmocka_unit_test_setup_teardown(test_set_aside, make_directory, remove_directory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
