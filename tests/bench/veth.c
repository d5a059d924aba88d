/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "veth.h"

#include <net/if.h>
#include <sched.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include <bpf/libbpf.h>
#include <linux/if_link.h>

#define VETH_GENERATOR "slz-gen"
#define VETH_TESTED "slz-dut"

extern char **environ;

static int ip(const char *const arguments[])
{
	int status, err;
	pid_t pid;

	err = posix_spawnp(&pid, "ip", NULL, NULL, (char **)arguments, environ);
	if (err) {
		fprintf(stderr, "bench: cannot run ip: %s (install iproute2)\n", strerror(err));
		return -1;
	}
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || WEXITSTATUS(status)) {
		fprintf(stderr, "bench: ip %s %s %s failed\n", arguments[1], arguments[2],
			arguments[3]);
		return -1;
	}
	return 0;
}

int veth_open(struct veth *ret_veth)
{
	static const char *const add[] = {"ip",	  "link", "add",  VETH_GENERATOR, "type",
					  "veth", "peer", "name", VETH_TESTED,	  NULL};
	/* Without an address of its own IPv6 keeps quiet, so that all frames are ours. */
	static const char *const up_generator[] = {"ip",	  "link", "set", VETH_GENERATOR,
						   "addrgenmode", "none", "up",	 NULL};
	static const char *const up_tested[] = {"ip",	       "link", "set", VETH_TESTED,
						"addrgenmode", "none", "up",  NULL};

	if (unshare(CLONE_NEWNET)) {
		fprintf(stderr, "bench: cannot make a network namespace: %m (needs root)\n");
		return -1;
	}
	if (ip(add) || ip(up_generator) || ip(up_tested))
		return -1;
	ret_veth->generator = if_nametoindex(VETH_GENERATOR);
	ret_veth->tested = if_nametoindex(VETH_TESTED);
	return 0;
}

int veth_attach(uint32_t ifindex, int program_fd)
{
	int err = bpf_xdp_attach((int)ifindex, program_fd, XDP_FLAGS_DRV_MODE, NULL);

	if (err)
		fprintf(stderr, "bench: cannot attach to interface %u: %s\n", ifindex,
			strerror(-err));
	return err ? -1 : 0;
}
