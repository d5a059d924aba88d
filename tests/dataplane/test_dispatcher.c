/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Beside somebody else's program under libxdp's dispatcher. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <net/if.h>

#include "dataplane/dispatcher.h"
#include "dataplane/instance.h"
#include "dataplane/other.h"
#include "dataplane/space.h"

#define INSTANCE "sld-disp"
#define DIR SLUICE_PIN_ROOT "/" INSTANCE

static size_t count_programs(void)
{
	struct dispatcher_program list[DISPATCHER_SLOTS];

	return dispatcher_list(if_nametoindex("dd0"), list);
}

static struct dp_bpf *open_shared(enum xdp_sharing sharing)
{
	const struct dp_bpf_options options = {
		.instance = INSTANCE,
		.capacity = instance_capacity,
		.sharing = sharing,
	};
	struct dp_bpf *dp = NULL;
	struct err e = {};

	if (dp_bpf_open(&options, &dp, &e))
		fail_msg("%s (%s)", e.text, e.hint);
	return dp;
}

static void test_joins_replaces_leaves(void **state)
{
	struct dp_attachment first, second, listed[2];
	struct dp_bpf *dp = open_shared(XDP_SHARED_JOIN);
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
	assert_int_not_equal(access(DIR, F_OK), 0);
	other_detach("dd0");
	assert_int_equal(count_programs(), 0);
	assert_false(space_try("ip link show dd0 | grep -q xdp"));
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
	struct dp_bpf *dp = open_shared(XDP_SHARED_ALWAYS);
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
		cmocka_unit_test(test_joins_replaces_leaves),
		cmocka_unit_test(test_free_interface_gets_single_program),
		cmocka_unit_test(test_makes_a_dispatcher),
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
