/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the doctor looked at, as plain data: dataplane/doctor.h reads it from the kernel, tests
 * invent it. Nothing here is an opinion; those are core/doctor.h's.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/config.h"

enum fact { FACT_UNKNOWN, FACT_NO, FACT_YES };

#define DOCTOR_FEATURES_MAX 8
#define DOCTOR_NUMBER_UNKNOWN (-1)
#define DOCTOR_INTERFACES_MAX (2 * CONFIG_INTERFACES_MAX)
#define DOCTOR_TUNNELS_MAX 16
#define DOCTOR_VERSION(major, minor) ((uint32_t)(major) << 16 | (uint32_t)(minor))

/* enum netdev_xdp_act of Linux 6.3, which Debian's headers do not have yet. */
#define DOCTOR_XDP_BASIC (1U << 0)
#define DOCTOR_XDP_TARGET (1U << 2) /* transmits frames that others redirect to it */

struct doctor_host {
	char release[65];
	uint32_t version; /* DOCTOR_VERSION */
	struct {
		const char *name; /* static */
		enum fact state;
		int code; /* errno, when the answer is no */
	} features[DOCTOR_FEATURES_MAX];
	size_t feature_count;
	enum fact has_btf;
	enum fact has_bpffs;
	enum fact is_bpffs_writable;
	char missing_capabilities[64]; /* of this process; "CAP_BPF, CAP_PERFMON" */
	enum fact has_extensions;      /* programs under a dispatcher */
	int jit;		       /* net.core.bpf_jit_enable */
	int unprivileged_bpf_disabled;
	int ip_forward;
	uint64_t memlock_bytes;				     /* UINT64_MAX: no limit */
	uint64_t memory_total_bytes, memory_available_bytes; /* 0: unknown */
	uint64_t map_bytes; /* what a start has to allocate; 0: nothing, or unknown */
	char clock_source[32];
	enum fact is_tsc_available;
	uint32_t tick_ns;
};

struct doctor_program {
	uint32_t id; /* 0: none */
	char name[16];
	bool is_generic;
	enum fact is_ours;
	enum fact is_dispatcher;
	size_t dispatched; /* programs under it */
	char names[160];   /* of those */
};

/* Numbers of queues; 0 where the driver does not say. */
struct doctor_channels {
	uint32_t rx, tx, combined;
	uint32_t max_rx, max_tx, max_combined;
};

struct doctor_interface {
	char name[16];
	bool exists;
	bool is_attach;	     /* the program is to run here; else members are behind it */
	bool is_egress;	     /* of a member that is not reached by where its packets come in */
	char there_are[160]; /* other names, when it does not exist */
	uint32_t ifindex;
	char kind[16];	 /* as rtnetlink says: "veth", "vlan", "bond", ...; "" for hardware */
	char driver[32]; /* as ethtool -i says */
	bool is_ethernet;
	bool is_up, has_carrier;
	uint32_t mtu;
	uint32_t rx_queues; /* real ones */
	char lower[16];	    /* below a VLAN device or the like */
	char members[128];  /* of a bridge or bond, comma separated */
	char master[16];
	char master_kind[16];
	uint32_t master_program_id;
	char vlans[128]; /* VLAN devices on top, comma separated */
	enum fact has_xdp_features;
	uint64_t xdp_features;
	struct doctor_program program;
	enum fact has_far_program; /* does the far end of a veth run one? */
	char far_name[16];	   /* of that end, where it is; "" unknown */
	enum fact lro, gro_hw, vlan_offload, gro;
	struct doctor_channels channels;
	int rp_filter;		    /* the stricter of "all" and its own */
	enum fact is_default_route; /* does the IPv4 default route leave by it? */
};

/* A tunnel device of this host, as a backend has one. */
struct doctor_tunnel {
	char name[16];
	char kind[16];
	int rp_filter;
};

struct doctor_service {
	const struct service_config *config;
	enum fact is_local; /* is its address one of this host's? */
	char device[16];    /* that has it; "" when only a route makes it local */
	int prefix_length;
	char way[16]; /* the device by which this host would reach it; "": by none */
};

enum doctor_neighbour {
	DOCTOR_NEIGHBOUR_UNKNOWN,
	DOCTOR_NEIGHBOUR_MISSING, /* nobody has asked for it yet */
	DOCTOR_NEIGHBOUR_RESOLVING,
	DOCTOR_NEIGHBOUR_VALID,
	DOCTOR_NEIGHBOUR_FAILED
};

/* How this host reaches one member of one pool. */
struct doctor_path {
	const struct service_config *service;
	const struct pool_config *pool;
	struct sluice_addr addr;
	char problem[128]; /* "": there is a path, and the rest is known */
	char device[16];   /* of the route */
	char egress[16];   /* what frames really leave by: below a VLAN device */
	bool has_gateway;
	struct sluice_addr next;   /* whose MAC is needed */
	struct sluice_addr source; /* of the outer header; zero: unknown */
	uint32_t mtu;
	enum doctor_neighbour neighbour;
	int rp_filter; /* of device: the stricter of "all" and its own */
};

struct doctor_facts {
	const struct config *config; /* NULL: only interfaces were asked about */
	enum xdp_attach_mode xdp_mode;
	uint32_t cpus; /* online */
	uint32_t page_bytes;
	struct doctor_host host;
	struct doctor_interface interfaces[DOCTOR_INTERFACES_MAX];
	size_t interface_count;
	struct doctor_tunnel tunnels[DOCTOR_TUNNELS_MAX];
	size_t tunnel_count;
	struct doctor_service *services;
	size_t service_count;
	struct doctor_path *paths;
	size_t path_count;
};
