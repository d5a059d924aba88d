/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the files that read the doctor's facts share. */
#pragma once

#include "dataplane/doctor.h"
#include "dataplane/links.h"
#include "dataplane/netlink.h"

/* A device, as far as other devices' facts refer to it. */
struct doctor_link {
	uint32_t ifindex, lower, master;
	bool is_lower_elsewhere;
	uint32_t lower_space; /* then: our number for its network namespace */
	char name[16];
	char kind[16];
	uint16_t hardware;
	bool is_up, has_carrier;
	uint32_t mtu, rx_queues;
};

struct doctor_source {
	const struct doctor_question *question;
	struct netlink netlink;
	bool has_netlink;
	struct links *links;	  /* for where frames leave */
	struct doctor_link *list; /* all devices of this network namespace */
	size_t count, capacity;
};

/* doctor_kernel.c: "net/core/bpf_jit_enable" below /proc/sys; DOCTOR_NUMBER_UNKNOWN. */
int doctor_read_sysctl(const char *path);
void doctor_gather_host(const struct doctor_source *source, struct doctor_facts *facts);

/* doctor_link.c */
void doctor_read_links(struct doctor_source *source);
/* Of a device: the kernel takes the larger of "all" and its own. */
int doctor_read_rp_filter(const char *name);
struct doctor_interface *doctor_add_interface(struct doctor_facts *facts, const char *name);
void doctor_gather_interfaces(struct doctor_source *source, struct doctor_facts *facts);

/* doctor_path.c: services and paths; adds the interfaces that members are behind. */
void doctor_gather_paths(struct doctor_source *source, struct doctor_facts *facts);
