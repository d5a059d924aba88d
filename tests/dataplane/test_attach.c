/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The program on interfaces, in the real kernel. */
#include <net/if.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "dataplane/instance.h"
#include "dataplane/space.h"

#define INSTANCE "sld-attach"
#define DIR SLUICE_PIN_ROOT "/" INSTANCE

static void test_attach_replace_cleanup(void **state)
{
	struct dp_attachment first, second, listed[4];
	struct dp_bpf *dp = instance_open(INSTANCE);
	char names[64];
	struct err e = {};

	(void)state;
	if (dp_bpf_attach(dp, "dp0", XDP_ATTACH_NATIVE, &first, &e))
		fail_msg("%s", e.text);
	assert_string_equal(first.interface, "dp0");
	assert_string_equal(first.driver, "veth");
	assert_false(first.is_generic);
	assert_false(first.is_adopted);
	assert_int_equal(first.ifindex, if_nametoindex("dp0"));
	assert_int_equal(dp_bpf_attachments(dp, listed, 4), 1);
	/* Again: nothing to do. */
	assert_int_equal(dp_bpf_attach(dp, "dp0", XDP_ATTACH_NATIVE, &second, &e), 0);
	assert_int_equal(second.program_id, first.program_id);
	dp_bpf_close(dp);

	dp = instance_open(INSTANCE); /* the next daemon, with a program of its own */
	assert_int_equal(dp_bpf_attachments(dp, listed, 4), 1);
	assert_int_equal(listed[0].program_id, first.program_id);
	assert_int_equal(dp_bpf_attach(dp, "dp0", XDP_ATTACH_AUTO, &second, &e), 0);
	assert_true(second.is_adopted);
	assert_int_not_equal(second.program_id, first.program_id);
	assert_true(space_try("test $(ls " DIR "/" SLUICE_PIN_ABI " | grep -c program-) = 1"));
	dp_bpf_close(dp);

	assert_int_equal(dp_bpf_cleanup(INSTANCE, names, sizeof(names), &e), 0);
	assert_string_equal(names, "dp0");
	assert_int_not_equal(access(DIR, F_OK), 0);
	assert_false(space_try("ip link show dp0 | grep -q xdp"));
	assert_int_equal(dp_bpf_cleanup(INSTANCE, names, sizeof(names), &e), 0);
	assert_string_equal(names, "");
}

static void test_detach(void **state)
{
	struct dp_bpf *dp = instance_open(INSTANCE);
	struct dp_attachment attachment;
	struct err e = {};

	(void)state;
	assert_int_equal(dp_bpf_attach(dp, "dp0", XDP_ATTACH_NATIVE, &attachment, &e), 0);
	assert_int_equal(dp_bpf_detach(dp, "dp0", &e), 0);
	assert_false(space_try("ip link show dp0 | grep -q xdp"));
	assert_int_not_equal(dp_bpf_detach(dp, "dp0", &e), 0);
	assert_int_equal(e.code, ERR_NOT_FOUND);
	dp_bpf_close(dp);
	instance_clean(INSTANCE);
}

static void test_foreign_program_stays(void **state)
{
	struct dp_bpf *dp = instance_open(INSTANCE);
	struct dp_attachment attachment;
	char names[64];
	struct err e = {};

	(void)state;
	space_run("ip link set dev dp0 xdpdrv obj build/bpf/xdp_pass.bpf.o sec xdp");
	assert_int_not_equal(dp_bpf_attach(dp, "dp0", XDP_ATTACH_AUTO, &attachment, &e), 0);
	assert_int_equal(e.code, ERR_CONFLICT);
	assert_non_null(strstr(e.text, "xdp_pass"));
	assert_non_null(strstr(e.text, "id "));
	assert_int_not_equal(dp_bpf_detach(dp, "dp0", &e), 0);
	assert_int_equal(dp_bpf_cleanup(INSTANCE, names, sizeof(names), &e), 0);
	assert_string_equal(names, "");
	assert_true(space_try("ip link show dp0 | grep -q xdp"));
	space_run("ip link set dev dp0 xdpdrv off");
	dp_bpf_close(dp);
	instance_clean(INSTANCE);
}

static void test_devices_that_cannot(void **state)
{
	struct dp_bpf *dp = instance_open(INSTANCE);
	struct dp_attachment attachment;
	struct err e = {};

	(void)state;
	assert_int_not_equal(dp_bpf_attach(dp, "dp1", XDP_ATTACH_AUTO, &attachment, &e), 0);
	assert_int_equal(e.code, ERR_NOT_FOUND);
	assert_non_null(strstr(e.hint, "dp0"));
	assert_int_not_equal(dp_bpf_attach(dp, "lo", XDP_ATTACH_NATIVE, &attachment, &e), 0);
	assert_int_equal(e.code, ERR_UNSUPPORTED);
	assert_non_null(strstr(e.text, "native"));
	assert_int_equal(dp_bpf_attach(dp, "lo", XDP_ATTACH_AUTO, &attachment, &e), 0);
	assert_true(attachment.is_generic);
	assert_int_equal(dp_bpf_detach(dp, "lo", &e), 0);
	space_run("ip link add br0 type bridge");
	assert_int_not_equal(dp_bpf_attach(dp, "br0", XDP_ATTACH_AUTO, &attachment, &e), 0);
	assert_non_null(strstr(e.text, "bridge"));
	dp_bpf_close(dp);
	instance_clean(INSTANCE);
}

static void test_mode_change(void **state)
{
	struct dp_bpf *dp = instance_open(INSTANCE);
	struct dp_attachment attachment;
	struct err e = {};

	(void)state;
	assert_int_equal(dp_bpf_attach(dp, "dp0", XDP_ATTACH_GENERIC, &attachment, &e), 0);
	assert_true(attachment.is_generic);
	assert_int_equal(dp_bpf_attach(dp, "dp0", XDP_ATTACH_AUTO, &attachment, &e), 0);
	assert_true(attachment.is_generic);
	assert_int_equal(dp_bpf_attach(dp, "dp0", XDP_ATTACH_NATIVE, &attachment, &e), 0);
	assert_false(attachment.is_generic);
	assert_int_equal(dp_bpf_detach(dp, "dp0", &e), 0);
	dp_bpf_close(dp);
	instance_clean(INSTANCE);
}

/* Test runs arrive on the loopback device, the first of a namespace; its MAC is all zeros. */
static enum sluice_verdict explain_to(struct dp_bpf *dp, uint8_t mac)
{
	const uint8_t frame[64] = {[0] = mac, [12] = 8, [14] = 0x45};
	struct sluice_explain explain;

	assert_int_equal(if_nametoindex("lo"), 1);
	assert_int_equal(dp_bpf_explain(dp, frame, sizeof(frame), &explain), 0);
	return (enum sluice_verdict)explain.verdict;
}

static void test_frames_for_others(void **state)
{
	struct dp_bpf *dp = instance_open(INSTANCE);
	struct dp_attachment attachment;
	struct err e = {};

	(void)state;
	assert_int_equal(explain_to(dp, 2), SLUICE_V_not_service);
	assert_int_equal(dp_bpf_attach(dp, "lo", XDP_ATTACH_GENERIC, &attachment, &e), 0);
	assert_int_equal(explain_to(dp, 2), SLUICE_V_other_host);
	assert_int_equal(explain_to(dp, 0), SLUICE_V_not_service);
	dp_bpf_refresh_macs(dp);
	assert_int_equal(explain_to(dp, 2), SLUICE_V_other_host);
	dp_bpf_close(dp);

	dp = instance_open(INSTANCE); /* the next daemon takes it off */
	assert_int_equal(explain_to(dp, 2), SLUICE_V_other_host);
	assert_int_equal(dp_bpf_detach(dp, "lo", &e), 0);
	assert_int_equal(explain_to(dp, 2), SLUICE_V_not_service);
	dp_bpf_close(dp);
	instance_clean(INSTANCE);
}

/* The address changes while no daemon runs: the next one says so to the program that it finds, before
 * it puts its own in place. The last test: the kernel does not give lo its zeros back. */
static void test_mac_changed_meanwhile(void **state)
{
	struct dp_bpf *dp = instance_open(INSTANCE);
	struct dp_attachment attachment, listed[4];
	struct err e = {};

	(void)state;
	assert_int_equal(dp_bpf_attach(dp, "lo", XDP_ATTACH_GENERIC, &attachment, &e), 0);
	assert_int_equal(explain_to(dp, 0), SLUICE_V_not_service);
	dp_bpf_close(dp);
	space_run("ip link set lo address 02:00:00:00:00:00");

	dp = instance_open(INSTANCE);
	assert_int_equal(explain_to(dp, 2), SLUICE_V_not_service);
	assert_int_equal(explain_to(dp, 4), SLUICE_V_other_host);
	assert_int_equal(dp_bpf_attachments(dp, listed, 4), 1);
	assert_int_equal(listed[0].program_id, attachment.program_id);

	/* And follows it from then on, whether it attaches or not. */
	space_run("ip link set lo address 04:00:00:00:00:00");
	dp_bpf_refresh_macs(dp);
	assert_int_equal(explain_to(dp, 4), SLUICE_V_not_service);
	assert_int_equal(explain_to(dp, 2), SLUICE_V_other_host);
	dp_bpf_close(dp);
	instance_clean(INSTANCE);
}

static int set_up(void **state)
{
	(void)state;
	space_enter();
	space_veth("dp0");
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
		cmocka_unit_test(test_attach_replace_cleanup),
		cmocka_unit_test(test_detach),
		cmocka_unit_test(test_foreign_program_stays),
		cmocka_unit_test(test_devices_that_cannot),
		cmocka_unit_test(test_mode_change),
		cmocka_unit_test(test_frames_for_others),
		cmocka_unit_test(test_mac_changed_meanwhile),
	};

	space_require_root();
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
