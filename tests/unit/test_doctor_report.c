/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the doctor makes of its findings: none on a healthy host, not too many, none twice. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/util.h"
#include "fake/fake_facts.h"

static void a_healthy_host_has_no_findings(void **state)
{
	struct doctor_facts *facts = fake_facts_new();
	struct doctor_report report = {0};
	size_t i;

	(void)state;
	doctor_judge(facts, &report);
	for (i = 0; i < report.count; i++)
		if (report.list[i].severity != DOCTOR_FINE)
			fail_msg("%s: %s", report.list[i].check, report.list[i].text);
	assert_int_equal(doctor_worst(&report), DOCTOR_FINE);
	/* Each check once, those of interfaces once for each of the two. */
	for (i = 0; i < doctor_check_count; i++) {
		size_t wanted = doctor_checks[i].scope == DOCTOR_OF_INTERFACE ? 2 : 1, found = 0, k;

		for (k = 0; k < report.count; k++)
			found += !strcmp(report.list[k].check, doctor_checks[i].name);
		assert_int_equal(found, wanted);
	}
	doctor_report_done(&report);
	fake_facts_free(facts);
}

static void findings_are_bounded(void **state)
{
	struct doctor_facts *facts = fake_facts_new();
	struct doctor_report report = {0};
	struct doctor_path path = facts->paths[DIRECT];
	bool is_counted = false;
	size_t i;

	(void)state;
	free(facts->paths);
	facts->path_count = 1000;
	facts->paths = util_alloc_array(facts->path_count, sizeof(*facts->paths));
	util_copy(path.problem, sizeof(path.problem), "no route to host");
	for (i = 0; i < facts->path_count; i++)
		facts->paths[i] = path;
	doctor_judge(facts, &report);
	for (i = 0; i < report.count; i++)
		is_counted |= !strcmp(report.list[i].text, "995 more of this kind");
	assert_true(is_counted);
	assert_int_equal(doctor_count(&report, DOCTOR_WARNING), DOCTOR_FINDINGS_MAX + 1);
	doctor_report_done(&report);
	fake_facts_free(facts);
}

/* A gateway that does not answer is one finding, however many members are behind it. */
static void gateways_are_reported_once(void **state)
{
	struct doctor_facts *facts = fake_facts_new();
	struct doctor_report report = {0};
	size_t i;

	(void)state;
	for (i = 0; i <= SIX; i++) {
		facts->paths[i].neighbour = DOCTOR_NEIGHBOUR_FAILED;
		facts->paths[i].has_gateway = true;
		addr_parse("10.0.0.254", &facts->paths[i].next);
	}
	doctor_judge(facts, &report);
	assert_int_equal(doctor_count(&report, DOCTOR_WARNING), 1);
	doctor_report_done(&report);
	fake_facts_free(facts);
}

static void findings_become_errors(void **state)
{
	struct doctor_facts *facts = fake_facts_new();
	struct doctor_report report = {0};
	struct errs errors = {0};

	(void)state;
	facts->interfaces[0].is_up = false;
	facts->host.has_bpffs = FACT_NO;
	facts->host.has_btf = FACT_NO;
	doctor_judge(facts, &report);
	doctor_to_errs(&report, DOCTOR_WARNING, &errors);
	assert_int_equal(errors.count, 2);
	assert_non_null(strstr(errors.list[0].text, "doctor: error: host: no bpffs"));
	assert_string_equal(errors.list[0].hint, "mount -t bpf bpf /sys/fs/bpf");
	assert_string_equal(errors.list[1].text, "doctor: warning: eth0: is down");
	errs_done(&errors);
	doctor_report_done(&report);
	fake_facts_free(facts);
}

/* Without a configuration nothing is said about services. */
static void interfaces_alone_can_be_judged(void **state)
{
	struct doctor_facts *facts = fake_facts_new();
	struct doctor_report report = {0};
	size_t i;

	(void)state;
	facts->config = NULL;
	facts->service_count = facts->path_count = 0;
	doctor_judge(facts, &report);
	for (i = 0; i < report.count; i++) {
		assert_string_not_equal(report.list[i].object, "configuration");
		assert_int_equal(report.list[i].severity, DOCTOR_FINE);
	}
	doctor_report_done(&report);
	fake_facts_free(facts);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_healthy_host_has_no_findings),
		cmocka_unit_test(findings_are_bounded),
		cmocka_unit_test(gateways_are_reported_once),
		cmocka_unit_test(findings_become_errors),
		cmocka_unit_test(interfaces_alone_can_be_judged),
	};

	return cmocka_run_group_tests(tests, fake_facts_set_up, fake_facts_tear_down);
}
