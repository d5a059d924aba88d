/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a network driver says about itself, by the ethtool ioctl. To ask needs no privileges. */
#pragma once

#include <stddef.h>

#include "core/doctor_facts.h"

/* "" when the device has no driver. */
void ethtool_driver(const char *interface, char *buffer, size_t size);
/* An offload by the kernel's name for it: "rx-lro", "rx-gro-hw", "rx-vlan-hw-parse", "rx-gro". */
enum fact ethtool_feature(const char *interface, const char *feature);
/* Whatever is sent has its checksums already, and is no larger than the MTU: the driver gets neither to
 * do. 0 or -errno. */
int ethtool_checksums_off(const char *interface);
/* All zero when the driver does not say. */
struct doctor_channels ethtool_channels(const char *interface);
