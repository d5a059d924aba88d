/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "dataplane/routes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <libmnl/libmnl.h>
#include <linux/fib_rules.h>

#include "base/addr.h"
#include "base/util.h"
#include "dataplane/netlink.h"

struct listing {
	const struct routes_place *place;
	struct sluice_addr *addrs;
	size_t count, capacity;
};

union request {
	struct nlmsghdr header;
	char bytes[NETLINK_REQUEST_BYTES];
};

static int compare(const void *a, const void *b)
{
	return addr_compare(a, b);
}

static struct rtmsg *begin(union request *request, uint16_t type, uint16_t flags, uint8_t family,
			   const struct routes_place *place)
{
	struct rtmsg *rt;

	memset(request, 0, sizeof(*request));
	mnl_nlmsg_put_header(request->bytes);
	request->header.nlmsg_type = type;
	request->header.nlmsg_flags = flags;
	rt = mnl_nlmsg_put_extra_header(&request->header, sizeof(*rt));
	rt->rtm_family = family;
	rt->rtm_type = RTN_BLACKHOLE;
	rt->rtm_protocol = (uint8_t)place->protocol;
	mnl_attr_put_u32(&request->header, RTA_TABLE, place->table);
	return rt;
}

/* ---- what is there -------------------------------------------------------------------------- */

struct found {
	struct sluice_addr addr;
	bool has_addr;
	uint32_t table;
};

static int take_attr(const struct nlattr *attr, void *arg)
{
	struct found *found = arg;

	if (mnl_attr_get_type(attr) == RTA_DST)
		found->has_addr = netlink_get_addr(attr, &found->addr);
	else if (mnl_attr_get_type(attr) == RTA_TABLE)
		found->table = mnl_attr_get_u32(attr);
	return MNL_CB_OK;
}

/* The kernel filters by what the request says, where it knows how to; so it is looked at again. */
static void take_route(const struct nlmsghdr *message, void *arg)
{
	const struct rtmsg *rt = mnl_nlmsg_get_payload(message);
	struct listing *listing = arg;
	struct found found = {.table = rt->rtm_table};

	if (message->nlmsg_type != RTM_NEWROUTE || rt->rtm_type != RTN_BLACKHOLE ||
	    rt->rtm_protocol != listing->place->protocol ||
	    rt->rtm_dst_len != (rt->rtm_family == AF_INET ? 32 : 128))
		return;
	mnl_attr_parse(message, sizeof(*rt), take_attr, &found);
	if (!found.has_addr || found.table != listing->place->table)
		return;
	listing->addrs = util_grow(listing->addrs, &listing->capacity, listing->count + 1,
				   sizeof(*listing->addrs));
	listing->addrs[listing->count++] = found.addr;
}

static int list(struct netlink *netlink, struct listing *listing, struct err *e)
{
	static const uint8_t families[] = {AF_INET, AF_INET6};
	union request request;
	size_t i;
	int ret;

	for (i = 0; i < ARRAY_SIZE(families); i++) {
		begin(&request, RTM_GETROUTE, NLM_F_DUMP, families[i], listing->place);
		ret = netlink_request(netlink, &request.header, take_route, listing);
		/* A table that does not exist is empty; so is a family that the kernel lacks. */
		if (ret && ret != -ENOENT && ret != -EAFNOSUPPORT && ret != -EOPNOTSUPP)
			return err_set(e, ERR_SYSTEM, "routes", "cannot list table %u: %s",
				       listing->place->table, strerror(-ret));
	}
	if (listing->count)
		qsort(listing->addrs, listing->count, sizeof(*listing->addrs), compare);
	return 0;
}

/* ---- changes -------------------------------------------------------------------------------- */

static int change(struct netlink *netlink, const struct routes_place *place,
		  const struct sluice_addr *addr, bool is_added, struct err *e)
{
	uint8_t family = netlink_family(addr);
	char text[ADDR_TEXT_MAX];
	union request request;
	struct rtmsg *rt;
	int ret;

	rt = begin(&request, is_added ? RTM_NEWROUTE : RTM_DELROUTE,
		   is_added ? NLM_F_CREATE | NLM_F_EXCL : 0, family, place);
	rt->rtm_dst_len = family == AF_INET ? 32 : 128;
	rt->rtm_scope = RT_SCOPE_UNIVERSE;
	netlink_put_addr(&request.header, RTA_DST, addr);
	ret = netlink_request(netlink, &request.header, NULL, NULL);
	if (!ret || (!is_added && ret == -ESRCH))
		return 0;
	if (e && e->code)
		return ret; /* one reason is enough */
	err_set(e, ret == -EPERM ? ERR_FORBIDDEN : ERR_SYSTEM, "routes",
		"cannot %s the route to %s in table %u: %s", is_added ? "install" : "withdraw",
		addr_format(addr, text), place->table, strerror(-ret));
	if (ret == -EEXIST)
		err_hint(e, "somebody else's route to it is there: ip route show table %u",
			 place->table);
	return ret;
}

static bool has(const struct sluice_addr *addrs, size_t count, const struct sluice_addr *addr)
{
	return count && bsearch(addr, addrs, count, sizeof(*addrs), compare);
}

/* Of from, what to does not have: added or removed. Returns the worst result. */
static int apply(struct netlink *netlink, const struct routes_place *place,
		 const struct listing *from, const struct listing *to, bool is_added,
		 struct routes_result *result, struct err *e)
{
	int ret, worst = 0;
	size_t i;

	for (i = 0; i < from->count; i++) {
		if (has(to->addrs, to->count, &from->addrs[i]))
			continue;
		ret = change(netlink, place, &from->addrs[i], is_added, e);
		if (ret) {
			worst = ret;
			continue;
		}
		if (is_added ? !result->added : !result->removed)
			result->example = from->addrs[i];
		*(is_added ? &result->added : &result->removed) += 1;
	}
	return worst;
}

int routes_set(const struct routes_place *place, const struct sluice_addr *addrs, size_t count,
	       struct routes_result *ret_result, struct err *e)
{
	struct listing wanted = {
		.place = place, .addrs = (struct sluice_addr *)addrs, .count = count};
	struct listing there = {.place = place};
	struct routes_result result = {0};
	struct netlink netlink = {0};
	struct err local = {0};
	int ret, added;
	size_t i;

	e = e ? e : &local;
	memset(e, 0, sizeof(*e));
	ret = netlink_init_requests(&netlink, e);
	if (ret)
		return ret;
	ret = list(&netlink, &there, e);
	if (!ret) {
		for (i = 0; i < count; i++)
			result.present += has(there.addrs, there.count, &addrs[i]);
		ret = apply(&netlink, place, &there, &wanted, false, &result, e);
		added = apply(&netlink, place, &wanted, &there, true, &result, e);
		ret = ret ? ret : added;
		result.present += result.added;
	}
	netlink_done(&netlink);
	free(there.addrs);
	*ret_result = result;
	return ret;
}

/* ---- rules ---------------------------------------------------------------------------------- */

struct rule {
	uint32_t wanted; /* table */
	bool is_found;
	uint32_t priority;
};

static void take_rule(const struct nlmsghdr *message, void *arg)
{
	const struct fib_rule_hdr *header = mnl_nlmsg_get_payload(message);
	uint32_t table = header->table, priority = 0;
	struct rule *rule = arg;
	const struct nlattr *attr;

	if (message->nlmsg_type != RTM_NEWRULE || rule->is_found)
		return;
	mnl_attr_for_each(attr, message, sizeof(*header))
	{
		if (mnl_attr_get_type(attr) == FRA_TABLE)
			table = mnl_attr_get_u32(attr);
		else if (mnl_attr_get_type(attr) == FRA_PRIORITY)
			priority = mnl_attr_get_u32(attr);
	}
	if (table != rule->wanted)
		return;
	rule->is_found = true;
	rule->priority = priority;
}

int routes_check_rules(uint32_t table, struct err *e)
{
	static const uint8_t families[] = {AF_INET, AF_INET6};
	struct rule rule = {.wanted = table};
	struct netlink netlink = {0};
	size_t i;
	int ret = netlink_init_requests(&netlink, e);

	for (i = 0; !ret && !rule.is_found && i < ARRAY_SIZE(families); i++) {
		union request request = {0};
		struct fib_rule_hdr *header;

		mnl_nlmsg_put_header(request.bytes);
		request.header.nlmsg_type = RTM_GETRULE;
		request.header.nlmsg_flags = NLM_F_DUMP;
		header = mnl_nlmsg_put_extra_header(&request.header, sizeof(*header));
		header->family = families[i];
		/* Without policy routing there is no rule to fear. */
		netlink_request(&netlink, &request.header, take_rule, &rule);
		if (rule.is_found) {
			const char *family = families[i] == AF_INET ? "" : "-6 ";

			err_set(e, ERR_CONFLICT, "routes.table",
				"a rule of this host (priority %u) points at table %u: the "
				"blackholes for services would take effect here",
				rule.priority, table);
			err_hint(e, "ip %srule del priority %u, or another routes.table", family,
				 rule.priority);
			ret = -EEXIST;
		}
	}
	netlink_done(&netlink);
	return ret;
}
