/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The doctor's findings, and the facts that they rest on, as one JSON document. */
#include <jansson.h>
#include <string.h>

#include "base/addr.h"
#include "cli/cli.h"
#include "cli/doctor.h"

/* null when nobody could tell. */
static json_t *fact(enum fact state)
{
	return state == FACT_UNKNOWN ? json_null() : json_boolean(state == FACT_YES);
}

static json_t *number(int value)
{
	return value == DOCTOR_NUMBER_UNKNOWN ? json_null() : json_integer(value);
}

static json_t *findings(const struct doctor_report *report)
{
	json_t *list = json_array();

	for (size_t i = 0; i < report->count; i++) {
		const struct finding *finding = &report->list[i];

		json_array_append_new(list,
				      json_pack("{s:s, s:s, s:s, s:s, s:s*}", "severity",
						doctor_severity_name(finding->severity), "check",
						finding->check, "object", finding->object, "text",
						finding->text, "fix",
						finding->fix[0] != '\0' ? finding->fix : NULL));
	}
	return list;
}

static json_t *host(const struct doctor_facts *facts)
{
	const struct doctor_host *h = &facts->host;
	json_t *features = json_object();

	for (size_t i = 0; i < h->feature_count; i++)
		json_object_set_new(features, h->features[i].name, fact(h->features[i].state));
	return json_pack("{s:s, s:i, s:i, s:o, s:o, s:o, s:o, s:s, s:o, s:o, s:o, s:I, s:I, s:I, "
			 "s:s, s:i}",
			 "kernel", h->release, "cpus", (int)facts->cpus, "page_bytes",
			 (int)facts->page_bytes, "features", features, "btf", fact(h->has_btf),
			 "bpffs", fact(h->has_bpffs), "bpffs_writable", fact(h->is_bpffs_writable),
			 "missing_capabilities", h->missing_capabilities, "jit", number(h->jit),
			 "unprivileged_bpf_disabled", number(h->unprivileged_bpf_disabled),
			 "ip_forward", number(h->ip_forward), "memory_total_bytes",
			 (json_int_t)h->memory_total_bytes, "memory_available_bytes",
			 (json_int_t)h->memory_available_bytes, "map_bytes",
			 (json_int_t)h->map_bytes, "clock_source", h->clock_source, "tick_ns",
			 (int)h->tick_ns);
}

static json_t *program(const struct doctor_program *p)
{
	if (p->id == 0)
		return json_null();
	return json_pack("{s:i, s:s, s:s, s:o, s:o}", "id", (int)p->id, "name", p->name, "mode",
			 p->is_generic ? "generic" : "native", "ours", fact(p->is_ours),
			 "dispatcher", fact(p->is_dispatcher));
}

static json_t *xdp(const struct doctor_interface *interface)
{
	uint64_t bits = interface->xdp_features;

	if (interface->has_xdp_features != FACT_YES)
		return json_null();
	return json_pack("{s:b, s:b}", "native", (bits & DOCTOR_XDP_BASIC) != 0, "redirect_target",
			 (bits & DOCTOR_XDP_TARGET) != 0);
}

static json_t *interface(const struct doctor_interface *i)
{
	const struct doctor_channels *c = &i->channels;
	json_t *document = json_pack("{s:s, s:b, s:b, s:b}", "name", i->name, "exists", i->exists,
				     "attach", i->is_attach, "egress", i->is_egress);

	if (!i->exists)
		return document;
	json_object_update_new(
		document,
		json_pack("{s:s, s:s, s:b, s:b, s:i, s:i, s:s, s:s, s:s, s:s, s:o, s:o}", "kind",
			  i->kind, "driver", i->driver, "up", i->is_up, "carrier", i->has_carrier,
			  "mtu", (int)i->mtu, "rx_queues", (int)i->rx_queues, "below", i->lower,
			  "members", i->members, "master", i->master, "vlans", i->vlans, "xdp",
			  xdp(i), "program", program(&i->program)));
	json_object_update_new(
		document,
		json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:{s:i, s:i, s:i, s:i, s:i, s:i}}", "lro",
			  fact(i->lro), "gro_hw", fact(i->gro_hw), "gro", fact(i->gro),
			  "vlan_offload", fact(i->vlan_offload), "rp_filter", number(i->rp_filter),
			  "default_route", fact(i->is_default_route), "channels", "rx", (int)c->rx,
			  "tx", (int)c->tx, "combined", (int)c->combined, "max_rx", (int)c->max_rx,
			  "max_tx", (int)c->max_tx, "max_combined", (int)c->max_combined));
	return document;
}

static json_t *path(const struct doctor_path *p)
{
	static const char *const states[] = {"unknown", "missing", "resolving", "valid", "failed"};
	char address[ADDR_TEXT_MAX], next[ADDR_TEXT_MAX];

	addr_format(&p->addr, address);
	addr_format(&p->next, next);
	if (p->problem[0] != '\0')
		return json_pack("{s:s, s:s, s:s, s:s}", "service", p->service->name, "pool",
				 p->pool->name, "member", address, "problem", p->problem);
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:s}", "service", p->service->name,
			 "pool", p->pool->name, "member", address, "device", p->device, "egress",
			 p->egress, "next", next, "mtu", (int)p->mtu, "neighbour",
			 states[p->neighbour]);
}

void doctor_print_json(const struct cli *cli, const struct doctor_facts *facts,
		       const struct doctor_report *report)
{
	json_t *interfaces = json_array(), *paths = json_array(), *document;

	for (size_t i = 0; i < facts->interface_count; i++)
		json_array_append_new(interfaces, interface(&facts->interfaces[i]));
	for (size_t i = 0; i < facts->path_count; i++)
		json_array_append_new(paths, path(&facts->paths[i]));
	document = json_pack("{s:s, s:i, s:i, s:i, s:o, s:o, s:o, s:o}", "state",
			     doctor_severity_name(doctor_worst(report)), "errors",
			     (int)doctor_count(report, DOCTOR_ERROR), "warnings",
			     (int)doctor_count(report, DOCTOR_WARNING), "notes",
			     (int)doctor_count(report, DOCTOR_NOTE), "findings", findings(report),
			     "host", host(facts), "interfaces", interfaces, "paths", paths);
	json_dumpf(document, cli->view.out, JSON_COMPACT);
	fputc('\n', cli->view.out);
	json_decref(document);
}
