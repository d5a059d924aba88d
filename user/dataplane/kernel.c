/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "dataplane/kernel.h"

#include <errno.h>
#include <linux/magic.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <cap-ng.h>

#include <sluice/abi.h>

#define BPFFS "/sys/fs/bpf"

static char last_message[200];
static bool is_last_from_kernel;

static bool starts_with(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* The verifier's log ends with its reason and a line of statistics. Finds the reason. */
static void take_verifier_reason(char *log)
{
	char *line, *rest = log, *reason = NULL;

	while ((line = strsep(&rest, "\n"))) {
		if (*line == '\0' || *line == ';' || starts_with(line, "processed ") ||
		    starts_with(line, "-- END") || starts_with(line, "verification time") ||
		    starts_with(line, "stack depth"))
			continue;
		reason = line;
	}
	if (reason)
		snprintf(last_message, sizeof(last_message), "verifier: %s", reason);
	is_last_from_kernel = reason != NULL;
}

static int collect(enum libbpf_print_level level, const char *fmt, va_list args)
{
	AUTO_FREE char *text = NULL;
	char *kernel, *log;
	size_t length;

	if (level == LIBBPF_DEBUG || vasprintf(&text, fmt, args) < 0)
		return 0;
	log = strstr(text, "BEGIN PROG LOAD LOG --");
	if (log) {
		take_verifier_reason(strchrnul(log, '\n'));
		return 0;
	}
	kernel = strstr(text, "Kernel error message: ");
	if (!kernel && is_last_from_kernel)
		return 0; /* what follows only repeats that it failed */
	kernel = kernel ? strchr(kernel, ':') + 2 : text;
	is_last_from_kernel = kernel != text;
	if (starts_with(kernel, "libbpf: "))
		kernel += strlen("libbpf: ");
	util_copy(last_message, sizeof(last_message), kernel);
	length = strlen(last_message);
	while (length && last_message[length - 1] == '\n')
		last_message[--length] = '\0';
	return 0;
}

void kernel_messages_start(void)
{
	libbpf_set_print(collect);
	last_message[0] = '\0';
	is_last_from_kernel = false;
}

const char *kernel_message(void)
{
	return last_message;
}

bool kernel_missing_capabilities(char *text, size_t size)
{
	/* PERFMON: without it the verifier refuses variable offsets into packets and sets. */
	static const struct {
		unsigned int bit;
		const char *name;
	} needed[] = {
		{CAP_BPF, "CAP_BPF"},
		{CAP_NET_ADMIN, "CAP_NET_ADMIN"},
		{CAP_PERFMON, "CAP_PERFMON"},
	};
	size_t i;

	text[0] = '\0';
	if (capng_get_caps_process() < 0)
		return false;
	for (i = 0; i < ARRAY_SIZE(needed); i++)
		if (!capng_have_capability(CAPNG_EFFECTIVE, needed[i].bit))
			snprintf(text + strlen(text), size - strlen(text), "%s%s",
				 text[0] ? ", " : "", needed[i].name);
	return true;
}

int kernel_check_capabilities(struct err *e)
{
	char missing[64];

	if (!kernel_missing_capabilities(missing, sizeof(missing)))
		return err_set(e, ERR_SYSTEM, "", "cannot read the capabilities of this process");
	if (capng_have_capability(CAPNG_EFFECTIVE, CAP_SYS_ADMIN) &&
	    capng_have_capability(CAPNG_EFFECTIVE, CAP_NET_ADMIN))
		return 0; /* stands for CAP_BPF and CAP_PERFMON */
	if (!*missing)
		return 0;
	err_set(e, ERR_FORBIDDEN, "",
		"loading the packet program needs %s, which this process lacks", missing);
	err_hint(e, "run as root, or with AmbientCapabilities=CAP_BPF CAP_NET_ADMIN CAP_PERFMON");
	return -EPERM;
}

static int refuse_kernel(struct err *e, const char *what, int code)
{
	struct utsname uts;

	uname(&uts);
	err_set(e, ERR_UNSUPPORTED, "", "kernel %s has no %s (%s)", uts.release, what,
		strerror(code));
	err_hint(e, "Sluice needs Linux 6.1 or newer with CONFIG_BPF_SYSCALL, CONFIG_BPF_JIT and "
		    "CONFIG_XDP support");
	return -EOPNOTSUPP;
}

/* Creates a small map of the kind, as the object will. */
static int try_map(enum bpf_map_type type, uint32_t key, uint32_t value, uint32_t entries,
		   uint32_t flags)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = flags);
	AUTO_CLOSE int fd = bpf_map_create(type, "sluice_probe", key, value, entries, &opts);

	return fd < 0 ? -errno : 0;
}

/* Unlike libbpf's question about map types, this tells "not permitted" from "not there". */
static int try_program(void)
{
	int ret;

	kernel_messages_start();
	ret = libbpf_probe_bpf_prog_type(BPF_PROG_TYPE_XDP, NULL);
	return ret > 0 ? 0 : ret ? ret : -EOPNOTSUPP;
}

const char *kernel_probe_feature(size_t index, int *ret_code)
{
	const struct {
		const char *what;
		enum bpf_map_type type;
		uint32_t key, value, entries, flags;
	} maps[] = {
		{"mmapable BPF arrays", BPF_MAP_TYPE_ARRAY, 4, 64, 1, BPF_F_MMAPABLE},
		{"BPF ring buffer", BPF_MAP_TYPE_RINGBUF, 0, 0, (uint32_t)getpagesize(), 0},
		{"BPF device hash map", BPF_MAP_TYPE_DEVMAP_HASH, 4, 4, 1, 0},
		{"per-CPU BPF arrays", BPF_MAP_TYPE_PERCPU_ARRAY, 4, 8, 1, 0},
	};

	if (index == ARRAY_SIZE(maps)) {
		*ret_code = try_program();
		return "XDP programs";
	}
	if (index > ARRAY_SIZE(maps))
		return NULL;
	*ret_code = try_map(maps[index].type, maps[index].key, maps[index].value,
			    maps[index].entries, maps[index].flags);
	return maps[index].what;
}

int kernel_check_features(struct err *e)
{
	const char *what;
	size_t i;
	int ret;

	for (i = 0; (what = kernel_probe_feature(i, &ret)); i++) {
		if (ret == -EPERM) {
			err_set(e, ERR_FORBIDDEN, "", "the kernel refuses to create BPF maps (%s)",
				strerror(-ret));
			err_hint(e,
				 "give CAP_BPF; in a container also allow the bpf() system call");
			return ret;
		}
		if (ret)
			return refuse_kernel(e, what, -ret);
	}
	return 0;
}

int kernel_check_bpffs(struct err *e)
{
	struct statfs fs;

	if (statfs(BPFFS, &fs) || fs.f_type != BPF_FS_MAGIC) {
		err_set(e, ERR_UNSUPPORTED, "",
			"no bpffs is mounted at " BPFFS ", so nothing can be pinned");
		err_hint(e, "mount -t bpf bpf " BPFFS
			    "; under `ip netns exec` it is hidden: use nsenter --net=");
		return -EOPNOTSUPP;
	}
	return 0;
}
