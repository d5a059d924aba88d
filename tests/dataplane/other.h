/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Another tool's program (tests/lib/xdp_pass.bpf.c), put under a dispatcher by libxdp. In a file of
 * its own because libxdp and our configuration both have an enum xdp_attach_mode. */
#pragma once

void other_attach(const char *interface);
void other_detach(const char *interface);
