/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "dataplane/doctor.h"

#include <unistd.h>

#include "dataplane/doctor_internal.h"

static void open_source(struct doctor_source *source)
{
	source->links = links_new();
	source->has_netlink = !netlink_init_requests(&source->netlink, NULL);
	if (source->has_netlink)
		doctor_read_links(source);
}

static void close_source(struct doctor_source *source)
{
	links_free(source->links);
	free(source->list);
	if (source->has_netlink)
		netlink_done(&source->netlink);
}

static void add_targets(const struct doctor_question *question, struct doctor_facts *facts)
{
	const struct config *config = question->config;
	struct doctor_interface *interface;
	size_t i;

	for (i = 0; i < question->interface_count; i++) {
		interface = doctor_add_interface(facts, question->interfaces[i]);
		if (interface)
			interface->is_attach = true;
	}
	for (i = 0; !question->interfaces && config && i < config->interface_count; i++) {
		interface = doctor_add_interface(facts, config->interfaces[i]);
		if (interface)
			interface->is_attach = true;
	}
}

struct doctor_facts *doctor_gather(const struct doctor_question *question)
{
	struct doctor_facts *facts = util_alloc(sizeof(*facts));
	struct doctor_source source = {.question = question};
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	facts->config = question->config;
	facts->xdp_mode = question->config ? question->config->xdp_mode : XDP_ATTACH_NATIVE;
	facts->cpus = cpus > 0 ? (uint32_t)cpus : 1;
	facts->page_bytes = (uint32_t)sysconf(_SC_PAGESIZE);
	open_source(&source);
	doctor_gather_host(&source, facts);
	add_targets(question, facts);
	if (question->config && source.has_netlink && !question->is_brief)
		doctor_gather_paths(&source, facts);
	doctor_gather_interfaces(&source, facts);
	close_source(&source);
	return facts;
}

void doctor_facts_free(struct doctor_facts *facts)
{
	if (!facts)
		return;
	free(facts->services);
	free(facts->paths);
	free(facts);
}
