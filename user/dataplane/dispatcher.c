/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "dataplane/dispatcher.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <xdp/libxdp.h>

#include "base/util.h"
#include "dataplane/hook.h"
#include "dataplane/kernel.h"
#include "dataplane/rights.h"

/* Behind others, whose default is 50: what we send on they would not see after us. */
#define RUN_PRIORITY 100
#define PINS "/sys/fs/bpf/xdp"

static char message[200];

/* The first complaint names the cause; those that follow repeat that it failed. */
static int collect(enum libxdp_print_level level, const char *fmt, va_list args)
{
	size_t length;

	if (level != LIBXDP_WARN || *message)
		return 0;
	vsnprintf(message, sizeof(message), fmt, args);
	length = strcspn(message, "\n");
	message[length] = '\0';
	return 0;
}

static void start(void)
{
	kernel_messages_start();
	libxdp_set_print(collect);
	message[0] = '\0';
}

const char *dispatcher_message(void)
{
	return *message ? message : kernel_message();
}

bool dispatcher_is_supported(void)
{
	static int answer = -1; /* of this kernel: it does not change */

	if (answer < 0) {
		start();
		answer = libbpf_probe_bpf_prog_type(BPF_PROG_TYPE_EXT, NULL) > 0;
	}
	return answer;
}

bool dispatcher_is_possible(void)
{
	return rights_are_held() && dispatcher_is_supported();
}

/* From the pins, whose places libxdp's protocol fixes: asking libxdp itself (1.3.1) leaves two descriptors
 * open for each program, and the daemon asks every second. */
size_t dispatcher_list(uint32_t ifindex, struct dispatcher_program list[DISPATCHER_SLOTS])
{
	struct hook hook;
	size_t count;

	if (hook_query(ifindex, &hook) || strcmp(hook.program, DISPATCHER_PROGRAM))
		return 0;
	for (count = 0; count < DISPATCHER_SLOTS; count++) {
		struct bpf_prog_info info = {};
		uint32_t length = sizeof(info);
		AUTO_CLOSE int fd = -1;
		char path[128];

		snprintf(path, sizeof(path), PINS "/dispatch-%" PRIu32 "-%" PRIu32 "/prog%zu-prog",
			 ifindex, hook.program_id, count);
		fd = bpf_obj_get(path);
		if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &length))
			break;
		list[count].id = info.id;
		util_copy(list[count].name, sizeof(list->name), info.name);
	}
	return count;
}

void dispatcher_others(uint32_t ifindex, uint32_t own_id, char *text, size_t size)
{
	struct dispatcher_program list[DISPATCHER_SLOTS];
	size_t count = dispatcher_list(ifindex, list), used = 0, i;

	text[0] = '\0';
	for (i = 0; i < count; i++) {
		if (list[i].id == own_id || used >= size)
			continue;
		used += (size_t)snprintf(text + used, size - used, "%s%s (id %u)", used ? ", " : "",
					 list[i].name, list[i].id);
	}
}

/* libxdp attaches a single program where its dispatcher does not work. */
static bool is_under_dispatcher(uint32_t ifindex, uint32_t program_id)
{
	struct dispatcher_program list[DISPATCHER_SLOTS];
	size_t count = dispatcher_list(ifindex, list), i;

	for (i = 0; i < count; i++)
		if (list[i].id == program_id)
			return true;
	return false;
}

int dispatcher_attach(struct bpf_object *object, const char *program, uint32_t ifindex,
		      bool is_generic)
{
	CLEANUP(rights_lower) struct rights rights = rights_raise();
	DECLARE_LIBXDP_OPTS(xdp_program_opts, opts, .obj = object, .prog_name = program);
	enum xdp_attach_mode mode = is_generic ? XDP_MODE_SKB : XDP_MODE_NATIVE;
	struct xdp_program *xdp;
	int ret, fd;

	start();
	xdp = xdp_program__create(&opts);
	ret = (int)libxdp_get_error(xdp);
	if (ret)
		return ret;
	ret = (int)xdp_program__set_run_prio(xdp, RUN_PRIORITY);
	if (!ret)
		ret = xdp_program__attach(xdp, (int)ifindex, mode, 0);
	if (ret) {
		xdp_program__close(xdp);
		return ret;
	}
	fd = fcntl(xdp_program__fd(xdp), F_DUPFD_CLOEXEC, 3);
	if (fd < 0 || !is_under_dispatcher(ifindex, xdp_program__id(xdp))) {
		ret = fd < 0 ? -errno : -EOPNOTSUPP;
		xdp_program__detach(xdp, (int)ifindex, mode, 0);
		util_close_p(&fd);
	}
	xdp_program__close(xdp);
	return ret ? ret : fd;
}

int dispatcher_detach(uint32_t ifindex, int program_fd, bool is_generic)
{
	CLEANUP(rights_lower) struct rights rights = rights_raise();
	struct xdp_program *xdp;
	int ret;

	start();
	xdp = xdp_program__from_fd(program_fd);
	ret = (int)libxdp_get_error(xdp);
	if (ret)
		return ret;
	ret = xdp_program__detach(xdp, (int)ifindex, is_generic ? XDP_MODE_SKB : XDP_MODE_NATIVE,
				  0);
	xdp_program__close(xdp);
	return ret;
}
