/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Which sources can be banned. */
#include <errno.h>
#include <string.h>

#include "core/bans.h"

struct prefix bans_source_of(const struct model_limit *limit, const struct sluice_addr *addr)
{
	struct prefix prefix = {.addr = *addr};

	prefix.length = addr_family(addr) == SLUICE_FAMILY_V6 ? limit->config.prefix6
							      : limit->config.prefix4;
	addr_mask(&prefix.addr, prefix.length);
	return prefix;
}

int bans_source(const struct model_limit *limit, const char *text, struct prefix *ret_source,
		struct err *e)
{
	struct prefix asked, source;
	char name[PREFIX_TEXT_MAX];
	int r = prefix_parse(text, strlen(text), &asked, e);

	if (r)
		return r;
	source = bans_source_of(limit, &asked.addr);
	if (strchr(text, '/') && asked.length != source.length) {
		r = err_set(e, ERR_INVALID, "", "%.60s: limit %s knows sources of /%u, not of /%u",
			    text, limit->config.name, source.length, asked.length);
		if (asked.length > source.length)
			err_hint(e,
				 "%s is the source that it belongs to; a deny list takes any "
				 "prefix: sluicectl list add",
				 prefix_format(&source, name));
		else
			err_hint(e, "ban sources one by one, or deny the whole prefix: sluicectl "
				    "list add");
		return r;
	}
	*ret_source = source;
	return 0;
}

/* Is the prefix, or one that covers it, in the set? */
static bool is_covered(const struct prefix_set *set, const struct prefix *source)
{
	struct prefix outer = *source;

	if (!prefix_set_count(set))
		return false;
	for (;; outer.length--) {
		addr_mask(&outer.addr, outer.length);
		if (prefix_set_find(set, &outer))
			return true;
		if (!outer.length)
			return false;
	}
}

const char *bans_exempt(const struct model *model, const struct prefix *source, char text[80])
{
	size_t i;

	if (is_covered(model_management(model), source)) {
		snprintf(text, 80, "management");
		return text;
	}
	for (i = 0; i < model_list_count(model); i++) {
		const struct model_list *list = model_list_at(model, i);

		if (list->action != LIST_EXEMPT)
			continue;
		if (is_covered(list->configured, source) || is_covered(list->runtime, source)) {
			snprintf(text, 80, "list %s", list->name);
			return text;
		}
	}
	return NULL;
}

static bool is_gateway(const struct model *model, const struct prefix *source)
{
	const struct prefix_set *gateways = model_gateways(model);

	return gateways && prefix_set_find(gateways, source);
}

bool bans_is_spared(const struct model *model, const struct prefix *source)
{
	for (size_t s = 0; s < model_service_count(model); s++) {
		const struct model_service *service = model_service_at(model, s);

		for (size_t p = 0; p < service->pool_count; p++)
			for (size_t m = 0; m < service->pools[p].member_count; m++) {
				const struct prefix member =
					prefix_of_addr(&service->pools[p].members[m].addr);

				if (!prefix_compare(&member, source))
					return true;
			}
	}
	return is_gateway(model, source);
}

const char *bans_exempt_from(const struct model *model, const struct model_limit *limit,
			     const struct prefix *source, char text[80])
{
	const char *exempt = bans_exempt(model, source, text);

	if (exempt || limit->config.scope != LIMIT_SCOPE_EVERYTHING ||
	    !bans_is_spared(model, source))
		return exempt;
	snprintf(text, 80, "scope everything, as a member or a gateway");
	return text;
}
