/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The doctor's facts about the kernel and the host. */
#include <errno.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <sluice/abi.h>

#include "base/clock.h"
#include "dataplane/dispatcher.h"
#include "dataplane/doctor_internal.h"
#include "dataplane/dp_bpf.h"
#include "dataplane/kernel.h"
#include "dataplane/pins.h"

#define BPFFS "/sys/fs/bpf"
#define CLOCK_SOURCES "/sys/devices/system/clocksource/clocksource0/"
#define FILE_MAX 65536

/* First line of a small file of the kernel; false when it cannot be read. */
static bool read_line(const char *path, char *buffer, size_t size)
{
	AUTO_FREE char *text = NULL;
	size_t length;

	if (util_read_file(path, FILE_MAX, &text, &length))
		return false;
	text[strcspn(text, "\n")] = '\0';
	util_copy(buffer, size, text);
	return true;
}

int doctor_read_sysctl(const char *path)
{
	char full[128], text[32];

	snprintf(full, sizeof(full), "/proc/sys/%s", path);
	return read_line(full, text, sizeof(text)) ? atoi(text) : DOCTOR_NUMBER_UNKNOWN;
}

static void read_version(struct doctor_host *host)
{
	unsigned int major = 0, minor = 0;
	struct utsname uts;

	if (uname(&uts))
		return;
	util_copy(host->release, sizeof(host->release), uts.release);
	if (sscanf(uts.release, "%u.%u", &major, &minor) == 2)
		host->version = DOCTOR_VERSION(major, minor);
}

static void probe_features(struct doctor_host *host)
{
	const char *name;
	size_t i;
	int ret;

	for (i = 0; i < DOCTOR_FEATURES_MAX; i++) {
		name = kernel_probe_feature(i, &ret);
		if (!name)
			break;
		host->features[i].name = name;
		host->features[i].code = -ret;
		host->features[i].state = !ret ? FACT_YES : ret == -EPERM ? FACT_UNKNOWN : FACT_NO;
		if (ret == -EPERM)
			break; /* nor will the others be answered */
	}
	host->feature_count = MIN(i + (i < DOCTOR_FEATURES_MAX && name), DOCTOR_FEATURES_MAX);
}

static void look_at_bpffs(struct doctor_host *host)
{
	struct statfs fs;

	if (statfs(BPFFS, &fs)) {
		host->has_bpffs = errno == ENOENT ? FACT_NO : FACT_UNKNOWN;
		return;
	}
	host->has_bpffs = fs.f_type == BPF_FS_MAGIC ? FACT_YES : FACT_NO;
	if (!access(BPFFS, W_OK))
		host->is_bpffs_writable = FACT_YES;
	else
		host->is_bpffs_writable = errno == EROFS ? FACT_NO : FACT_UNKNOWN;
}

static void read_memory(struct doctor_host *host)
{
	AUTO_FREE char *text = NULL;
	char *line, *rest;
	uint64_t kib;
	size_t length;

	if (util_read_file("/proc/meminfo", FILE_MAX, &text, &length))
		return;
	rest = text;
	while ((line = strsep(&rest, "\n"))) {
		if (sscanf(line, "MemTotal: %" SCNu64, &kib) == 1)
			host->memory_total_bytes = kib << 10;
		else if (sscanf(line, "MemAvailable: %" SCNu64, &kib) == 1)
			host->memory_available_bytes = kib << 10;
	}
}

/* What a start would allocate: nothing when the instance's maps are there to be adopted. */
static uint64_t count_map_bytes(const struct doctor_question *question)
{
	struct dp_capacity capacity;
	char instance_dir[192], dir[256];
	struct stat st;

	if (!question->config ||
	    pins_path(question->instance, instance_dir, sizeof(instance_dir), NULL))
		return 0;
	pins_layout_path(instance_dir, SLUICE_ABI, 0, dir, sizeof(dir));
	if (!stat(dir, &st) || errno == EACCES)
		return 0;
	dp_bpf_capacity(question->config, &capacity);
	return dp_bpf_map_bytes(&capacity);
}

static void read_capabilities(struct doctor_host *host)
{
	if (!kernel_missing_capabilities(host->missing_capabilities,
					 sizeof(host->missing_capabilities)))
		return;
	host->has_extensions = dispatcher_is_supported() ? FACT_YES : FACT_NO;
}

static void read_clock(struct doctor_host *host)
{
	char available[256];

	read_line(CLOCK_SOURCES "current_clocksource", host->clock_source,
		  sizeof(host->clock_source));
	if (read_line(CLOCK_SOURCES "available_clocksource", available, sizeof(available)))
		host->is_tsc_available = strstr(available, "tsc") ? FACT_YES : FACT_NO;
	host->tick_ns = clock_jiffy_ns();
}

void doctor_gather_host(const struct doctor_source *source, struct doctor_facts *facts)
{
	struct doctor_host *host = &facts->host;
	struct rlimit limit;

	read_version(host);
	if (!source->question->is_brief)
		probe_features(host);
	host->has_btf = access("/sys/kernel/btf/vmlinux", F_OK) ? FACT_NO : FACT_YES;
	look_at_bpffs(host);
	host->jit = doctor_read_sysctl("net/core/bpf_jit_enable");
	host->unprivileged_bpf_disabled = doctor_read_sysctl("kernel/unprivileged_bpf_disabled");
	host->ip_forward = doctor_read_sysctl("net/ipv4/ip_forward");
	host->memlock_bytes = UINT64_MAX;
	if (!getrlimit(RLIMIT_MEMLOCK, &limit) && limit.rlim_cur != RLIM_INFINITY)
		host->memlock_bytes = limit.rlim_cur;
	read_memory(host);
	host->map_bytes = count_map_bytes(source->question);
	read_capabilities(host);
	read_clock(host);
}
