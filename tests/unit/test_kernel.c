/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Kernels that lack something. The bpf() system call is replaced: libbpf asks ours. */
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cmocka.h>

#include "dataplane/kernel.h"

#define ANY_TYPE UINT32_MAX

/* What is refused: a command, for one type of map or program. */
static struct {
	long command;
	uint32_t type;
	uint32_t flags; /* of a map */
	int code;
} missing;

static bool is_missing(long command, const union bpf_attr *attr)
{
	bool is_map = command == BPF_MAP_CREATE;

	if (!missing.code || command != missing.command)
		return false;
	if (missing.type == ANY_TYPE)
		return true;
	return (is_map ? attr->map_type : attr->prog_type) == missing.type &&
	       (!missing.flags || (is_map && attr->map_flags & missing.flags));
}

long syscall(long number, ...)
{
	va_list args;
	long command;
	const union bpf_attr *attr;

	assert_int_equal(number, SYS_bpf);
	va_start(args, number);
	command = va_arg(args, int);
	attr = va_arg(args, const union bpf_attr *);
	va_end(args);
	if (!is_missing(command, attr))
		return open("/dev/null", O_RDONLY | O_CLOEXEC); /* any descriptor will do */
	errno = missing.code;
	return -1;
}

static int check(struct err *e)
{
	memset(e, 0, sizeof(*e));
	return kernel_check_features(e);
}

static void expect_refusal(const char *what)
{
	struct utsname uts;
	struct err e;

	uname(&uts);
	assert_int_equal(check(&e), -EOPNOTSUPP);
	assert_int_equal(e.code, ERR_UNSUPPORTED);
	if (!strstr(e.text, what) || !strstr(e.text, uts.release))
		fail_msg("\"%s\" names not both %s and %s", e.text, what, uts.release);
	assert_non_null(strstr(e.hint, "Linux 6.1"));
}

static void test_nothing_missing(void **state)
{
	struct err e;

	(void)state;
	missing.code = 0;
	assert_int_equal(check(&e), 0);
	assert_int_equal(e.code, ERR_OK);
}

static void test_each_feature(void **state)
{
	static const struct {
		long command;
		uint32_t type, flags;
		const char *name;
	} rows[] = {
		{BPF_MAP_CREATE, BPF_MAP_TYPE_ARRAY, BPF_F_MMAPABLE, "mmapable BPF arrays"},
		{BPF_MAP_CREATE, BPF_MAP_TYPE_RINGBUF, 0, "BPF ring buffer"},
		{BPF_MAP_CREATE, BPF_MAP_TYPE_DEVMAP_HASH, 0, "BPF device hash map"},
		{BPF_MAP_CREATE, BPF_MAP_TYPE_PERCPU_ARRAY, 0, "per-CPU BPF arrays"},
		{BPF_PROG_LOAD, BPF_PROG_TYPE_XDP, 0, "XDP programs"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		missing.command = rows[i].command;
		missing.type = rows[i].type;
		missing.flags = rows[i].flags;
		missing.code = EINVAL;
		expect_refusal(rows[i].name);
	}
	assert_null(kernel_probe_feature(ARRAY_SIZE(rows), &(int){0})); /* there are no others */
}

/* CONFIG_BPF_SYSCALL=n. */
static void test_no_bpf_at_all(void **state)
{
	(void)state;
	missing.command = BPF_MAP_CREATE;
	missing.type = ANY_TYPE;
	missing.flags = 0;
	missing.code = ENOSYS;
	expect_refusal(strerror(ENOSYS));
}

/* A container's seccomp filter: the kernel could, but we may not. */
static void test_not_permitted(void **state)
{
	struct err e;

	(void)state;
	missing.command = BPF_MAP_CREATE;
	missing.type = ANY_TYPE;
	missing.flags = 0;
	missing.code = EPERM;
	assert_int_equal(check(&e), -EPERM);
	assert_int_equal(e.code, ERR_FORBIDDEN);
	assert_non_null(strstr(e.hint, "CAP_BPF"));
	assert_non_null(strstr(e.hint, "container"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_missing),
		cmocka_unit_test(test_each_feature),
		cmocka_unit_test(test_no_bpf_at_all),
		cmocka_unit_test(test_not_permitted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
