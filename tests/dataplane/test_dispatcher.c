/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Beside somebody else's program under libxdp's dispatcher. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <bpf/bpf.h>
#include <net/if.h>

#include <sluice/abi.h>

#include "dataplane/dispatcher.h"
#include "dataplane/instance.h"
#include "dataplane/other.h"
#include "dataplane/pins.h"
#include "dataplane/space.h"

#define INSTANCE "sld-disp"
#define NEIGHBOR "sld-disp2"
#define PIN_DIR SLUICE_PIN_ROOT "/" INSTANCE

static bool is_refused; /* see test_is_refused_clearly_or_joins() */

static size_t count_programs(void)
{
	struct dispatcher_program list[DISPATCHER_SLOTS];

	return dispatcher_list(if_nametoindex("dd0"), list);
}

static struct dp_bpf *open_instance(const char *instance, enum xdp_sharing sharing)
{
	const struct dp_bpf_options options = {
		.instance = instance,
		.capacity = instance_capacity,
		.sharing = sharing,
	};
	struct dp_bpf *dp = NULL;
	struct err e = {};

	if (dp_bpf_open(&options, &dp, &e))
		fail_msg("%s (%s)", e.text, e.hint);
	return dp;
}

static struct dp_bpf *open_shared(enum xdp_sharing sharing)
{
	return open_instance(INSTANCE, sharing);
}

static struct dp_bpf *open_joining(enum xdp_sharing sharing)
{
	if (is_refused)
		skip();
	return open_shared(sharing);
}

/* Newer kernels refuse programs that change packets under dispatchers of libxdp before 1.5.5. */
static void test_is_refused_clearly_or_joins(void **state)
{
	struct dp_bpf *dp = open_shared(XDP_SHARED_JOIN);
	struct dp_attachment attachment;
	struct err e = {};

	(void)state;
	other_attach("dd0");
	if (dp_bpf_attach(dp, "dd0", XDP_ATTACH_NATIVE, &attachment, &e)) {
		assert_int_equal(e.code, ERR_UNSUPPORTED);
		if (!strstr(e.text, "Extension program changes packet data"))
			fail_msg("%s", e.text);
		assert_non_null(strstr(e.hint, "libxdp before 1.5.5"));
		is_refused = true;
	} else {
		assert_int_equal(dp_bpf_detach(dp, "dd0", &e), 0);
	}
	assert_int_equal(count_programs(), 1);
	other_detach("dd0");
	dp_bpf_close(dp);
}

static void test_joins_replaces_leaves(void **state)
{
	struct dp_attachment first, second, listed[2];
	struct dp_bpf *dp = open_joining(XDP_SHARED_JOIN);
	struct err e = {};
	char names[64];

	(void)state;
	other_attach("dd0");
	assert_int_equal(count_programs(), 1);
	if (dp_bpf_attach(dp, "dd0", XDP_ATTACH_NATIVE, &first, &e))
		fail_msg("%s", e.text);
	assert_true(first.is_dispatched);
	assert_non_null(strstr(first.beside, "xdp_pass (id "));
	assert_false(first.is_adopted);
	assert_int_equal(count_programs(), 2);
	/* Again: nothing to do. */
	assert_int_equal(dp_bpf_attach(dp, "dd0", XDP_ATTACH_NATIVE, &second, &e), 0);
	assert_int_equal(second.program_id, first.program_id);
	dp_bpf_close(dp);

	dp = open_shared(XDP_SHARED_JOIN); /* the next daemon */
	assert_int_equal(dp_bpf_attachments(dp, listed, 2), 1);
	assert_int_equal(listed[0].program_id, first.program_id);
	if (dp_bpf_attach(dp, "dd0", XDP_ATTACH_NATIVE, &second, &e))
		fail_msg("%s", e.text);
	assert_true(second.is_dispatched);
	assert_true(second.is_adopted);
	assert_int_not_equal(second.program_id, first.program_id);
	assert_int_equal(count_programs(), 2);
	assert_int_equal(dp_bpf_detach(dp, "dd0", &e), 0);
	assert_int_equal(count_programs(), 1);
	assert_int_equal(dp_bpf_attach(dp, "dd0", XDP_ATTACH_NATIVE, &second, &e), 0);
	dp_bpf_close(dp);

	if (dp_bpf_cleanup(INSTANCE, names, sizeof(names), &e))
		fail_msg("%s", e.text);
	assert_string_equal(names, "dd0");
	assert_int_equal(count_programs(), 1); /* the other one stays */
	assert_int_not_equal(access(PIN_DIR, F_OK), 0);
	other_detach("dd0");
	assert_int_equal(count_programs(), 0);
	assert_false(space_try("ip link show dd0 | grep -q xdp"));
}

static size_t count_descriptors(void)
{
	DIR *stream = opendir("/proc/self/fd");
	size_t count = 0;

	assert_non_null(stream);
	while (readdir(stream))
		count++;
	closedir(stream);
	return count;
}

/* The daemon looks once a second, for months. */
static void test_looking_leaves_no_descriptors(void **state)
{
	size_t before, i;

	(void)state;
	other_attach("dd0");
	before = count_descriptors();
	for (i = 0; i < 10; i++)
		assert_int_equal(count_programs(), 1);
	assert_int_equal(count_descriptors(), before);
	other_detach("dd0");
}

/* Nobody there: alone, so that it can be replaced in one step. */
static void test_free_interface_gets_single_program(void **state)
{
	struct dp_attachment attachment;
	struct dp_bpf *dp = open_shared(XDP_SHARED_JOIN);
	struct err e = {};

	(void)state;
	assert_int_equal(dp_bpf_attach(dp, "dd0", XDP_ATTACH_NATIVE, &attachment, &e), 0);
	assert_false(attachment.is_dispatched);
	assert_int_equal(count_programs(), 0);
	assert_int_equal(dp_bpf_detach(dp, "dd0", &e), 0);
	dp_bpf_close(dp);
}

/* Asked for: a dispatcher of our own, which another tool joins and leaves. */
static void test_makes_a_dispatcher(void **state)
{
	struct dp_bpf *dp = open_joining(XDP_SHARED_ALWAYS);
	struct dp_attachment attachment, found;
	struct err e = {};

	(void)state;
	if (dp_bpf_attach(dp, "dd0", XDP_ATTACH_NATIVE, &attachment, &e))
		fail_msg("%s", e.text);
	assert_true(attachment.is_dispatched);
	assert_int_equal(count_programs(), 1);
	other_attach("dd0");
	assert_int_equal(count_programs(), 2);
	other_detach("dd0");
	assert_int_equal(dp_bpf_find(dp, "dd0", &found), 0);
	assert_int_equal(found.program_id, attachment.program_id);
	assert_int_equal(dp_bpf_detach(dp, "dd0", &e), 0);
	assert_int_equal(count_programs(), 0);
	dp_bpf_close(dp);
}

/* Makes the other tool's program one of ours: a daemon that dies while it replaces one leaves two. */
static void pin_others(void)
{
	struct dispatcher_program list[DISPATCHER_SLOTS];
	char dir[256];
	size_t count = dispatcher_list(if_nametoindex("dd0"), list), i;
	int fd;

	pins_layout_path(PIN_DIR, SLUICE_ABI, 0, dir, sizeof(dir));
	for (i = 0; i < count; i++) {
		if (strcmp(list[i].name, "xdp_pass"))
			continue;
		fd = bpf_prog_get_fd_by_id(list[i].id);
		assert_true(fd >= 0);
		assert_int_equal(pins_add_program(dir, fd, list[i].id), 0);
		close(fd);
	}
}

static void test_two_of_ours_become_one(void **state)
{
	struct dp_bpf *dp = open_joining(XDP_SHARED_JOIN);
	struct dp_attachment attachment, found;
	char names[64];
	struct err e = {};

	(void)state;
	other_attach("dd0");
	if (dp_bpf_attach(dp, "dd0", XDP_ATTACH_NATIVE, &attachment, &e))
		fail_msg("%s", e.text);
	dp_bpf_close(dp);
	assert_int_equal(count_programs(), 2);
	pin_others();

	dp = open_shared(XDP_SHARED_JOIN);
	if (dp_bpf_attach(dp, "dd0", XDP_ATTACH_NATIVE, &attachment, &e))
		fail_msg("%s", e.text);
	assert_int_equal(count_programs(), 1);
	assert_int_equal(dp_bpf_find(dp, "dd0", &found), 0);
	assert_int_equal(found.program_id, attachment.program_id);
	dp_bpf_close(dp);
	if (dp_bpf_cleanup(INSTANCE, names, sizeof(names), &e))
		fail_msg("%s", e.text);
	assert_int_equal(count_programs(), 0);
}

/* Native is what the configuration promises: a slow dispatcher breaks it. */
static void test_refuses_generic_dispatcher(void **state)
{
	struct dp_bpf *dp = open_joining(XDP_SHARED_JOIN);
	struct dp_bpf *neighbor = open_instance(NEIGHBOR, XDP_SHARED_ALWAYS);
	struct dp_attachment attachment;
	struct err e = {};

	(void)state;
	if (dp_bpf_attach(neighbor, "dd0", XDP_ATTACH_GENERIC, &attachment, &e))
		fail_msg("%s", e.text);
	assert_true(attachment.is_generic);
	assert_true(dp_bpf_attach(dp, "dd0", XDP_ATTACH_NATIVE, &attachment, &e) < 0);
	assert_int_equal(e.code, ERR_CONFLICT);
	assert_non_null(strstr(e.hint, "xdp: auto"));
	assert_int_equal(count_programs(), 1);
	if (dp_bpf_attach(dp, "dd0", XDP_ATTACH_AUTO, &attachment, &e))
		fail_msg("%s", e.text);
	assert_true(attachment.is_generic);
	assert_int_equal(dp_bpf_detach(dp, "dd0", &e), 0);
	dp_bpf_close(dp);
	dp_bpf_close(neighbor);
	instance_clean(NEIGHBOR);
	assert_int_equal(count_programs(), 0);
}

/* Not asked for: whoever is there is left alone. */
static void test_refuses_unless_shared(void **state)
{
	struct dp_bpf *dp = open_shared(XDP_SHARED_NEVER);
	struct dp_attachment attachment;
	struct err e = {};

	(void)state;
	other_attach("dd0");
	assert_true(dp_bpf_attach(dp, "dd0", XDP_ATTACH_NATIVE, &attachment, &e) < 0);
	assert_int_equal(e.code, ERR_CONFLICT);
	assert_int_equal(count_programs(), 1);
	other_detach("dd0");
	dp_bpf_close(dp);
}

static int set_up(void **state)
{
	(void)state;
	space_enter();
	space_veth("dd0");
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	instance_clean(INSTANCE);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_is_refused_clearly_or_joins),
		cmocka_unit_test(test_joins_replaces_leaves),
		cmocka_unit_test(test_looking_leaves_no_descriptors),
		cmocka_unit_test(test_free_interface_gets_single_program),
		cmocka_unit_test(test_makes_a_dispatcher),
		cmocka_unit_test(test_two_of_ours_become_one),
		cmocka_unit_test(test_refuses_generic_dispatcher),
		cmocka_unit_test(test_refuses_unless_shared),
	};

	space_require_root();
	if (!dispatcher_is_possible()) {
		printf("1..0 # SKIP this kernel has no extension programs (BPF_PROG_TYPE_EXT)\n");
		return 0;
	}
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
