/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Which parts of XDP a device's driver offers, as the kernel tells (generic netlink family
 * "netdev", Linux 6.3). Needs no privileges and disturbs nothing. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct xdp_features;

/* NULL when the kernel cannot tell. */
struct xdp_features *xdp_features_open(void);
void xdp_features_close(struct xdp_features *features);
/* Bits DOCTOR_XDP_*. False when features is NULL, or the kernel does not know the device. */
bool xdp_features_get(struct xdp_features *features, uint32_t ifindex, uint64_t *ret_bits);
