/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the doctor's checks share. */
#pragma once

#include "core/doctor.h"

struct doctor_context {
	const struct doctor_facts *facts;
	const struct doctor_interface *interface; /* DOCTOR_OF_INTERFACE */
	const struct doctor_check *check;
	struct doctor_report *report;
	size_t found, unlisted; /* by this check, for this object */
};

/* A finding about an object (NULL: the interface, or the host). The result takes a fix; it is valid
 * until the next finding. */
struct finding *doctor_find(struct doctor_context *context, enum doctor_severity severity,
			    const char *object, const char *fmt, ...) PRINTF(4, 5);

/* doctor_host.c */
void doctor_judge_kernel(struct doctor_context *context);
void doctor_judge_features(struct doctor_context *context);
void doctor_judge_btf(struct doctor_context *context);
void doctor_judge_jit(struct doctor_context *context);
void doctor_judge_bpffs(struct doctor_context *context);
void doctor_judge_memory(struct doctor_context *context);
void doctor_judge_memlock(struct doctor_context *context);
void doctor_judge_capabilities(struct doctor_context *context);
void doctor_judge_clock(struct doctor_context *context);
void doctor_judge_unprivileged(struct doctor_context *context);
void doctor_judge_forwarding(struct doctor_context *context);

/* doctor_link.c */
void doctor_judge_device(struct doctor_context *context);
void doctor_judge_link(struct doctor_context *context);
void doctor_judge_driver(struct doctor_context *context);
void doctor_judge_program(struct doctor_context *context);
void doctor_judge_redirect(struct doctor_context *context);
void doctor_judge_queues(struct doctor_context *context);
void doctor_judge_frame_size(struct doctor_context *context);
void doctor_judge_merging(struct doctor_context *context);
void doctor_judge_vlan(struct doctor_context *context);

/* doctor_path.c */
void doctor_judge_addresses(struct doctor_context *context);
void doctor_judge_next_hops(struct doctor_context *context);
void doctor_judge_mtu(struct doctor_context *context);
void doctor_judge_rp_filter(struct doctor_context *context);
