/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "dataplane/dispatcher.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <bpf/libbpf.h>
#include <cap-ng.h>
#include <xdp/libxdp.h>

#include "base/util.h"
#include "dataplane/kernel.h"

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
	return message;
}

bool dispatcher_is_possible(void)
{
	static int answer = -1; /* of this kernel and process: it does not change */

	if (answer < 0) {
		start();
		answer = !capng_get_caps_process() &&
			 capng_have_capability(CAPNG_EFFECTIVE, CAP_SYS_ADMIN) &&
			 libbpf_probe_bpf_prog_type(BPF_PROG_TYPE_EXT, NULL) > 0;
	}
	return answer;
}

size_t dispatcher_programs(uint32_t ifindex, uint32_t ids[DISPATCHER_SLOTS])
{
	struct xdp_program *program = NULL;
	struct xdp_multiprog *all;
	size_t count = 0;

	start();
	all = xdp_multiprog__get_from_ifindex((int)ifindex);
	if (libxdp_get_error(all))
		return 0;
	if (!xdp_multiprog__is_legacy(all))
		while (count < DISPATCHER_SLOTS &&
		       (program = xdp_multiprog__next_prog(program, all)))
			ids[count++] = xdp_program__id(program);
	xdp_multiprog__close(all);
	return count;
}

/* libxdp attaches a single program where its dispatcher does not work. */
static bool is_under_dispatcher(uint32_t ifindex, uint32_t program_id)
{
	uint32_t ids[DISPATCHER_SLOTS];
	size_t count = dispatcher_programs(ifindex, ids), i;

	for (i = 0; i < count; i++)
		if (ids[i] == program_id)
			return true;
	return false;
}

int dispatcher_attach(struct bpf_object *object, const char *program, uint32_t ifindex,
		      bool is_generic)
{
	DECLARE_LIBXDP_OPTS(xdp_program_opts, opts, .obj = object, .prog_name = program);
	enum xdp_attach_mode mode = is_generic ? XDP_MODE_SKB : XDP_MODE_NATIVE;
	struct xdp_program *xdp;
	int ret, fd;

	start();
	xdp = xdp_program__create(&opts);
	ret = (int)libxdp_get_error(xdp);
	if (ret)
		return ret;
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
