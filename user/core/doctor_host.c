/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The doctor's checks of the kernel and the host. */
#include <string.h>

#include "core/doctor_internal.h"

#define KERNEL_MIN DOCTOR_VERSION(6, 1)
#define KERNEL_WITHOUT_MEMLOCK DOCTOR_VERSION(5, 11) /* charges maps to control groups */
#define TICK_FINE_NS 4000000

void doctor_judge_kernel(struct doctor_context *context)
{
	const struct doctor_host *host = &context->facts->host;

	if (host->version < KERNEL_MIN)
		doctor_fix(doctor_find(context, DOCTOR_ERROR, NULL,
				       "Linux %s is too old: Sluice needs 6.1", host->release),
			   "boot Linux 6.1 or newer (Debian 12, Ubuntu 24.04)");
}

void doctor_judge_features(struct doctor_context *context)
{
	const struct doctor_host *host = &context->facts->host;
	size_t i;

	for (i = 0; i < host->feature_count; i++) {
		if (host->features[i].state == FACT_NO)
			doctor_fix(doctor_find(context, DOCTOR_ERROR, NULL,
					       "Linux %s has no %s (%s)", host->release,
					       host->features[i].name,
					       strerror(host->features[i].code)),
				   "boot a kernel with CONFIG_BPF_SYSCALL, CONFIG_BPF_JIT and "
				   "CONFIG_NET");
		else if (host->features[i].state == FACT_UNKNOWN)
			break;
	}
	if (i < host->feature_count)
		doctor_find(context, DOCTOR_UNSEEN, NULL,
			    "whether the kernel creates BPF maps: needs root");
}

void doctor_judge_btf(struct doctor_context *context)
{
	if (context->facts->host.has_btf == FACT_NO)
		doctor_fix(doctor_find(context, DOCTOR_NOTE, NULL,
				       "no /sys/kernel/btf/vmlinux: programs of other tools, "
				       "libxdp's dispatcher among them, may not load"),
			   "boot a kernel with CONFIG_DEBUG_INFO_BTF=y");
}

void doctor_judge_jit(struct doctor_context *context)
{
	if (context->facts->host.jit == 0)
		doctor_fix(doctor_find(context, DOCTOR_WARNING, NULL,
				       "BPF programs are interpreted, which costs several times "
				       "as much per packet"),
			   "sysctl -w net.core.bpf_jit_enable=1");
	else if (context->facts->host.jit < 0)
		doctor_find(context, DOCTOR_UNSEEN, NULL,
			    "whether BPF programs are compiled: net.core.bpf_jit_enable is not "
			    "readable in this network namespace");
}

void doctor_judge_bpffs(struct doctor_context *context)
{
	const struct doctor_host *host = &context->facts->host;

	if (host->has_bpffs == FACT_NO)
		doctor_fix(doctor_find(context, DOCTOR_ERROR, NULL,
				       "no bpffs is mounted at /sys/fs/bpf: nothing can be "
				       "pinned, and packets would stop with the daemon"),
			   "mount -t bpf bpf /sys/fs/bpf");
	else if (host->has_bpffs == FACT_YES && host->is_bpffs_writable == FACT_NO)
		doctor_fix(doctor_find(context, DOCTOR_ERROR, NULL,
				       "/sys/fs/bpf is mounted read-only: nothing can be pinned"),
			   "mount -o remount,rw /sys/fs/bpf");
	else if (host->has_bpffs == FACT_UNKNOWN)
		doctor_find(context, DOCTOR_UNSEEN, NULL,
			    "whether a bpffs is mounted at /sys/fs/bpf");
}

static unsigned long long mebibytes(uint64_t bytes)
{
	return (bytes + (1 << 20) - 1) >> 20;
}

void doctor_judge_memory(struct doctor_context *context)
{
	const struct doctor_host *host = &context->facts->host;
	bool is_too_much = host->map_bytes > host->memory_total_bytes;

	if (!host->map_bytes || !host->memory_total_bytes)
		return;
	if (host->map_bytes > host->memory_available_bytes)
		doctor_fix(doctor_find(context, is_too_much ? DOCTOR_ERROR : DOCTOR_WARNING, NULL,
				       "the maps take %llu MiB, %llu of %llu MiB are available",
				       mebibytes(host->map_bytes),
				       mebibytes(host->memory_available_bytes),
				       mebibytes(host->memory_total_bytes)),
			   "lower `capacity` (and `sources` of limits) in the configuration");
}

void doctor_judge_memlock(struct doctor_context *context)
{
	const struct doctor_host *host = &context->facts->host;

	if (host->version < KERNEL_WITHOUT_MEMLOCK && host->map_bytes > host->memlock_bytes)
		doctor_fix(doctor_find(context, DOCTOR_ERROR, NULL,
				       "the maps take %llu MiB, but only %llu MiB may be locked",
				       mebibytes(host->map_bytes), mebibytes(host->memlock_bytes)),
			   "ulimit -l unlimited (LimitMEMLOCK=infinity in the unit)");
}

void doctor_judge_capabilities(struct doctor_context *context)
{
	const struct doctor_host *host = &context->facts->host;

	if (host->missing_capabilities[0])
		doctor_fix(doctor_find(context, DOCTOR_UNSEEN, NULL,
				       "without %s not everything can be looked at",
				       host->missing_capabilities),
			   "sudo sluicectl doctor");
}

/* Sources that cost a microsecond a reading: every event and every reply takes some. */
static bool is_slow_clock(const char *source)
{
	return !strcmp(source, "hpet") || !strcmp(source, "acpi_pm") || !strcmp(source, "jiffies");
}

void doctor_judge_clock(struct doctor_context *context)
{
	const struct doctor_host *host = &context->facts->host;
	struct finding *finding;

	if (is_slow_clock(host->clock_source)) {
		finding = doctor_find(context, DOCTOR_NOTE, NULL,
				      "the clock source is %s, which is slow to read",
				      host->clock_source);
		doctor_fix(finding, host->is_tsc_available == FACT_YES
					    ? "echo tsc > /sys/devices/system/clocksource/"
					      "clocksource0/current_clocksource"
					    : "boot with tsc=reliable, if the machine's TSC is");
	}
	if (host->tick_ns > TICK_FINE_NS)
		doctor_fix(doctor_find(context, DOCTOR_NOTE, NULL,
				       "the kernel's tick is %u ms: limits are that coarse, and "
				       "their smallest burst is 2 x rate x tick + 1",
				       host->tick_ns / 1000000),
			   "boot a kernel with CONFIG_HZ=250 or more");
}

void doctor_judge_unprivileged(struct doctor_context *context)
{
	if (context->facts->host.unprivileged_bpf_disabled == 0)
		doctor_fix(doctor_find(context, DOCTOR_NOTE, NULL,
				       "every user of this host may load BPF programs, a way to "
				       "read memory by speculation"),
			   "sysctl -w kernel.unprivileged_bpf_disabled=2");
}

/* Never a finding: people look for it, and its row says that it does not matter. */
void doctor_judge_forwarding(struct doctor_context *context)
{
	(void)context;
}
