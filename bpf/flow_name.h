/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a flow is known by. */
#pragma once

#include <sluice/hash.h>

#include "config.h"
#include "pkt.h"

/* The hash that stands for the flow. */
static __always_inline void flow_name(struct pkt *p)
{
	p->flow_hash = sluice_hash_flow(&p->tuple, config_key());
	if (p->svc_word & SLUICE_SVC_F_SOURCE)
		p->flow_hash = sluice_flow_by_source(
			p->flow_hash, sluice_hash_addr(&p->tuple.saddr, config_key()));
}
