/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "core/doctor.h"

#include <stdarg.h>
#include <string.h>

#include "core/doctor_internal.h"

#define HOST "host"
#define CONFIG "configuration"

const struct doctor_check doctor_checks[] = {
	{"kernel", DOCTOR_OF_HOST, "Linux is new enough", doctor_judge_kernel},
	{"features", DOCTOR_OF_HOST, "the kernel has what the packet path needs",
	 doctor_judge_features},
	{"btf", DOCTOR_OF_HOST, "the kernel describes its types", doctor_judge_btf},
	{"jit", DOCTOR_OF_HOST, "BPF programs are compiled", doctor_judge_jit},
	{"bpffs", DOCTOR_OF_HOST, "maps can be pinned in /sys/fs/bpf", doctor_judge_bpffs},
	{"capabilities", DOCTOR_OF_HOST, "this process may look at everything",
	 doctor_judge_capabilities},
	{"clock", DOCTOR_OF_HOST, "the clock is cheap and its tick fine", doctor_judge_clock},
	{"unprivileged", DOCTOR_OF_HOST, "only privileged users may load BPF programs",
	 doctor_judge_unprivileged},
	{"forwarding", DOCTOR_OF_HOST,
	 "net.ipv4.ip_forward does not matter: Sluice forwards before the stack",
	 doctor_judge_forwarding},
	{"rp-filter", DOCTOR_OF_HOST, "no reverse-path filter is in the way",
	 doctor_judge_rp_filter},
	{"device", DOCTOR_OF_INTERFACE, "it is a device that can run XDP", doctor_judge_device},
	{"link", DOCTOR_OF_INTERFACE, "it is up", doctor_judge_link},
	{"driver", DOCTOR_OF_INTERFACE, "its driver runs XDP in the wanted mode",
	 doctor_judge_driver},
	{"program", DOCTOR_OF_INTERFACE, "no other XDP program is in the way",
	 doctor_judge_program},
	{"redirect", DOCTOR_OF_INTERFACE, "it transmits redirected frames, or needs not",
	 doctor_judge_redirect},
	{"queues", DOCTOR_OF_INTERFACE, "it has enough queues", doctor_judge_queues},
	{"frame-size", DOCTOR_OF_INTERFACE, "its MTU leaves room for XDP", doctor_judge_frame_size},
	{"merging", DOCTOR_OF_INTERFACE, "packets are not merged before XDP sees them",
	 doctor_judge_merging},
	{"vlan", DOCTOR_OF_INTERFACE, "XDP sees VLAN tags, or there are none", doctor_judge_vlan},
	{"memory", DOCTOR_OF_CONFIG, "there is room for the maps, or they are there already",
	 doctor_judge_memory},
	{"memlock", DOCTOR_OF_CONFIG, "no limit on locked memory is in the way",
	 doctor_judge_memlock},
	{"addresses", DOCTOR_OF_CONFIG, "service addresses are where they should be",
	 doctor_judge_addresses},
	{"next-hops", DOCTOR_OF_CONFIG, "every member has a next hop", doctor_judge_next_hops},
	{"mtu", DOCTOR_OF_CONFIG, "packets fit the paths to the members", doctor_judge_mtu},
};
const size_t doctor_check_count = ARRAY_SIZE(doctor_checks);

/* ---- the report ------------------------------------------------------------------------------ */

static const char *default_object(const struct doctor_context *context)
{
	if (context->interface)
		return context->interface->name;
	return context->check->scope == DOCTOR_OF_CONFIG ? CONFIG : HOST;
}

static struct finding *append(struct doctor_report *report, enum doctor_severity severity,
			      const char *check, const char *object)
{
	struct finding *finding;

	report->list = util_grow(report->list, &report->capacity, report->count + 1,
				 sizeof(*report->list));
	finding = &report->list[report->count++];
	memset(finding, 0, sizeof(*finding));
	finding->severity = severity;
	finding->check = check;
	util_copy(finding->object, sizeof(finding->object), object);
	return finding;
}

struct finding *doctor_report_add(struct doctor_report *report, enum doctor_severity severity,
				  const char *check, const char *object, const char *fmt, ...)
{
	struct finding *finding = append(report, severity, check, object);
	va_list args;

	va_start(args, fmt);
	vsnprintf(finding->text, sizeof(finding->text), fmt, args);
	va_end(args);
	return finding;
}

struct finding *doctor_find(struct doctor_context *context, enum doctor_severity severity,
			    const char *object, const char *fmt, ...)
{
	static struct finding unlisted; /* written, never read */
	struct finding *finding;
	va_list args;

	if (context->found == DOCTOR_FINDINGS_MAX) {
		context->unlisted++;
		return &unlisted;
	}
	context->found++;
	finding = append(context->report, severity, context->check->name,
			 object ? object : default_object(context));
	va_start(args, fmt);
	vsnprintf(finding->text, sizeof(finding->text), fmt, args);
	va_end(args);
	return finding;
}

void doctor_fix(struct finding *finding, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(finding->fix, sizeof(finding->fix), fmt, args);
	va_end(args);
}

void doctor_report_done(struct doctor_report *report)
{
	free(report->list);
	memset(report, 0, sizeof(*report));
}

size_t doctor_count(const struct doctor_report *report, enum doctor_severity severity)
{
	size_t count = 0, i;

	for (i = 0; i < report->count; i++)
		count += report->list[i].severity == severity;
	return count;
}

enum doctor_severity doctor_worst(const struct doctor_report *report)
{
	enum doctor_severity worst = DOCTOR_FINE;
	size_t i;

	for (i = 0; i < report->count; i++)
		worst = MAX(worst, report->list[i].severity);
	return worst;
}

const char *doctor_severity_name(enum doctor_severity severity)
{
	static const char *const names[DOCTOR_SEVERITY_MAX] = {"fine", "unseen", "note", "warning",
							       "error"};

	return severity < DOCTOR_SEVERITY_MAX ? names[severity] : "?";
}

void doctor_to_errs(const struct doctor_report *report, enum doctor_severity least,
		    struct errs *errors)
{
	size_t i;

	for (i = 0; i < report->count; i++) {
		const struct finding *finding = &report->list[i];
		struct err *e;

		if (finding->severity < least)
			continue;
		e = errs_add(errors, ERR_UNSUPPORTED, "", "doctor: %s: %s: %s",
			     doctor_severity_name(finding->severity), finding->object,
			     finding->text);
		if (finding->fix[0])
			err_hint(e, "%s", finding->fix);
	}
}

/* ---- running the table ----------------------------------------------------------------------- */

static void run(struct doctor_context *context)
{
	struct doctor_report *report = context->report;
	const char *name = context->check->name, *object = default_object(context);

	context->found = context->unlisted = 0;
	context->check->judge(context);
	if (!context->found)
		doctor_report_add(report, DOCTOR_FINE, name, object, "%s", context->check->fine);
	if (context->unlisted)
		doctor_report_add(report, report->list[report->count - 1].severity, name, object,
				  "%zu more of this kind", context->unlisted);
}

/* What does not exist has no other properties. */
static bool is_asked(const struct doctor_check *check, const struct doctor_interface *interface)
{
	return interface->exists || check->judge == doctor_judge_device;
}

void doctor_judge(const struct doctor_facts *facts, struct doctor_report *report)
{
	struct doctor_context context = {.facts = facts, .report = report};
	size_t i, c;

	for (c = 0; c < doctor_check_count; c++) {
		context.check = &doctor_checks[c];
		if (context.check->scope == DOCTOR_OF_HOST)
			run(&context);
	}
	for (i = 0; i < facts->interface_count; i++) {
		context.interface = &facts->interfaces[i];
		for (c = 0; c < doctor_check_count; c++) {
			context.check = &doctor_checks[c];
			if (context.check->scope == DOCTOR_OF_INTERFACE &&
			    is_asked(context.check, context.interface))
				run(&context);
		}
	}
	context.interface = NULL;
	for (c = 0; c < doctor_check_count && facts->config; c++) {
		context.check = &doctor_checks[c];
		if (context.check->scope == DOCTOR_OF_CONFIG)
			run(&context);
	}
}
