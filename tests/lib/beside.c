/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Another tool that shares an interface, as xdp-loader does: its program counts what it sees and passes
 * it on. usage: beside probe | attach IF OBJECT | detach IF | seen IF
 */
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <xdp/libxdp.h>

#define PROGRAM "xdp_count"

static struct xdp_multiprog *all;

static struct xdp_program *find(int ifindex)
{
	struct xdp_program *program = NULL;

	all = xdp_multiprog__get_from_ifindex(ifindex);
	if (libxdp_get_error(all))
		return NULL;
	while ((program = xdp_multiprog__next_prog(program, all)))
		if (!strcmp(xdp_program__name(program), PROGRAM))
			return program;
	return NULL;
}

static int attach(int ifindex, const char *object)
{
	struct xdp_program *program = xdp_program__open_file(object, "xdp", NULL);

	if (libxdp_get_error(program))
		return 1;
	return xdp_program__attach(program, ifindex, XDP_MODE_NATIVE, 0) ? 1 : 0;
}

static int detach(int ifindex)
{
	struct xdp_program *program = find(ifindex);

	return !program || xdp_program__detach(program, ifindex, XDP_MODE_NATIVE, 0) ? 1 : 0;
}

static int print_seen(int ifindex)
{
	struct xdp_program *program = find(ifindex);
	struct bpf_prog_info info = {.nr_map_ids = 1};
	unsigned int length = sizeof(info), zero = 0, map = 0;
	unsigned long long seen;
	int fd;

	info.map_ids = (unsigned long)&map;
	if (!program || bpf_obj_get_info_by_fd(xdp_program__fd(program), &info, &length))
		return 1;
	fd = bpf_map_get_fd_by_id(map);
	if (fd < 0 || bpf_map_lookup_elem(fd, &zero, &seen))
		return 1;
	printf("%llu\n", seen);
	return 0;
}

int main(int argc, char **argv)
{
	int ifindex = argc > 2 ? (int)if_nametoindex(argv[2]) : 0;

	if (argc == 2 && !strcmp(argv[1], "probe"))
		return libbpf_probe_bpf_prog_type(BPF_PROG_TYPE_EXT, NULL) > 0 ? 0 : 1;
	if (argc == 4 && ifindex && !strcmp(argv[1], "attach"))
		return attach(ifindex, argv[3]);
	if (argc == 3 && ifindex && !strcmp(argv[1], "detach"))
		return detach(ifindex);
	if (argc == 3 && ifindex && !strcmp(argv[1], "seen"))
		return print_seen(ifindex);
	fprintf(stderr, "usage: beside probe | attach IF OBJECT | detach IF | seen IF\n");
	return 2;
}
