/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "dataplane/space.h"

#include <errno.h>
#include <linux/magic.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cmocka.h>

#define COMMAND_MAX 512

static pid_t peer;

void space_require_root(void)
{
	struct statfs fs;

	if (geteuid() != 0) {
		printf("1..0 # SKIP needs root\n");
		exit(0);
	}
	if (statfs("/sys/fs/bpf", &fs) == 0 && fs.f_type == BPF_FS_MAGIC)
		return;
	if (mount("bpf", "/sys/fs/bpf", "bpf", 0, NULL)) {
		printf("1..0 # SKIP cannot mount bpffs: %s\n", strerror(errno));
		exit(0);
	}
}

static void live_as_peer(int ready)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (unshare(CLONE_NEWNET))
		_exit(1);
	if (write(ready, "", 1) != 1)
		_exit(1);
	for (;;)
		pause();
}

void space_enter(void)
{
	int ready[2];
	char byte;

	assert_int_equal(unshare(CLONE_NEWNET), 0);
	assert_int_equal(pipe(ready), 0);
	peer = fork();
	assert_true(peer >= 0);
	if (peer == 0)
		live_as_peer(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	close(ready[1]);
	space_run("ip link set lo up");
	space_run_peer("ip link set lo up");
}

static int run(const char *prefix, const char *suffix, const char *fmt, va_list args)
{
	char text[COMMAND_MAX], command[COMMAND_MAX * 2];

	vsnprintf(text, sizeof(text), fmt, args);
	snprintf(command, sizeof(command), "%s%s%s", prefix, text, suffix);
	return system(command);
}

void space_run(const char *fmt, ...)
{
	va_list args;
	int status;

	va_start(args, fmt);
	status = run("", "", fmt, args);
	va_end(args);
	if (status)
		fail_msg("command failed: %s", fmt);
}

void space_run_peer(const char *fmt, ...)
{
	char prefix[64];
	va_list args;
	int status;

	snprintf(prefix, sizeof(prefix), "nsenter --net=/proc/%d/ns/net ", peer);
	va_start(args, fmt);
	status = run(prefix, "", fmt, args);
	va_end(args);
	if (status)
		fail_msg("command failed in the peer: %s", fmt);
}

bool space_try(const char *fmt, ...)
{
	va_list args;
	int status;

	va_start(args, fmt);
	status = run("", " >/dev/null 2>&1", fmt, args);
	va_end(args);
	return status == 0;
}

void space_veth(const char *name)
{
	space_run("ip link add %s type veth peer name %s netns %d", name, name, peer);
	space_run("ip link set %s up", name);
	space_run_peer("ip link set %s up", name);
}

void space_add_to_loopback(const char *address)
{
	space_run("ip address add %s/128 dev lo; for i in $(seq 500); do ip -6 route show table "
		  "local %s | grep -q . && exit; sleep 0.02; done; false",
		  address, address);
}

pid_t space_peer(void)
{
	return peer;
}
