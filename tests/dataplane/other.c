/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "dataplane/other.h"

#include <net/if.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <xdp/libxdp.h>

static struct xdp_program *program;

void other_attach(const char *interface)
{
	program = xdp_program__open_file("build/bpf/xdp_pass.bpf.o", "xdp", NULL);
	assert_int_equal(libxdp_get_error(program), 0);
	assert_int_equal(
		xdp_program__attach(program, (int)if_nametoindex(interface), XDP_MODE_NATIVE, 0),
		0);
}

void other_detach(const char *interface)
{
	assert_int_equal(
		xdp_program__detach(program, (int)if_nametoindex(interface), XDP_MODE_NATIVE, 0),
		0);
	xdp_program__close(program);
}
