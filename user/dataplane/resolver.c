/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "dataplane/resolver.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <libmnl/libmnl.h>

#include "base/addr.h"
#include "base/util.h"
#include "dataplane/resolver_internal.h"

#define LOOKUPS_A_TURN 2000    /* about 20 ms; the rest waits for the next turn */
#define RECHECK_AFTER_MS 30000 /* learnt path MTUs come and go without a notification */
#define DUMP_TRIES 3

static void wake(struct resolver *resolver)
{
	uint64_t one = 1;
	ssize_t ignored = write(resolver->wake_fd, &one, sizeof(one));

	(void)ignored; /* EAGAIN: it is awake */
}

static void mark_all_stale(struct resolver *resolver)
{
	struct want *want, *next;

	HASH_ITER (hh, resolver->wants, want, next) {
		want->is_stale = true;
	}
}

static bool is_local_route(const struct nlmsghdr *message)
{
	const struct rtmsg *route = mnl_nlmsg_get_payload(message);

	return route->rtm_type == RTN_LOCAL;
}

static void take_message(const struct nlmsghdr *message, void *arg)
{
	struct resolver *resolver = arg;

	switch (message->nlmsg_type) {
	case RTM_NEWNEIGH:
	case RTM_DELNEIGH:
		if (neigh_take(resolver->neighbours, message))
			resolver->is_neighbour_changed = true;
		break;
	case RTM_NEWLINK:
	case RTM_DELLINK:
		if (links_take(resolver->links, message))
			mark_all_stale(resolver);
		break;
	case RTM_NEWADDR:
	case RTM_DELADDR:
		resolver->addresses++;
		mark_all_stale(resolver);
		break;
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		resolver->addresses += is_local_route(message);
		mark_all_stale(resolver);
		break;
	default: /* rules, next hop objects */
		mark_all_stale(resolver);
		break;
	}
}

static int dump(struct resolver *resolver, uint16_t type)
{
	int i, ret = 0;

	for (i = 0; i < DUMP_TRIES; i++) {
		ret = netlink_dump(&resolver->netlink, type, take_message, resolver);
		if (ret != -EINTR) /* the list changed while it was read */
			break;
	}
	return ret;
}

static int resync(struct resolver *resolver)
{
	int ret;

	links_clear(resolver->links);
	neigh_table_clear(resolver->neighbours);
	ret = dump(resolver, RTM_GETLINK);
	if (!ret)
		ret = dump(resolver, RTM_GETNEIGH);
	resolver->is_resync_due = ret != 0;
	resolver->addresses++;
	resolver->is_neighbour_changed = true;
	mark_all_stale(resolver);
	return ret;
}

static int watch(struct resolver *resolver, int fd)
{
	struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

	return epoll_ctl(resolver->epoll_fd, EPOLL_CTL_ADD, fd, &event);
}

int resolver_new(resolver_fn fn, void *arg, struct resolver **ret_resolver, struct err *e)
{
	struct resolver *resolver = util_alloc(sizeof(*resolver));
	int ret;

	resolver->fn = fn;
	resolver->arg = arg;
	resolver->links = links_new();
	resolver->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	resolver->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	ret = netlink_init(&resolver->netlink, e);
	if (ret) {
		resolver_free(resolver);
		return ret;
	}
	resolver->neighbours = neigh_table_new(&resolver->netlink);
	if (resolver->epoll_fd < 0 || resolver->wake_fd < 0 || watch(resolver, resolver->wake_fd) ||
	    watch(resolver, netlink_events_fd(&resolver->netlink))) {
		err_set(e, ERR_SYSTEM, "", "resolver: cannot create descriptors: %s",
			strerror(errno));
		resolver_free(resolver);
		return -EIO;
	}
	ret = resync(resolver);
	if (ret) {
		err_set(e, ERR_SYSTEM, "", "resolver: cannot list interfaces and neighbours: %s",
			strerror(-ret));
		resolver_free(resolver);
		return ret;
	}
	*ret_resolver = resolver;
	return 0;
}

static void free_want(struct resolver *resolver, struct want *want)
{
	HASH_DEL(resolver->wants, want);
	free(want->route_error);
	free(want->answer.text);
	free(want);
}

void resolver_free(struct resolver *resolver)
{
	struct want *want, *next;

	if (!resolver)
		return;
	HASH_ITER (hh, resolver->wants, want, next)
		free_want(resolver, want);
	free(resolver->gateways.list);
	neigh_table_free(resolver->neighbours);
	links_free(resolver->links);
	netlink_done(&resolver->netlink);
	util_close_p(&resolver->epoll_fd);
	util_close_p(&resolver->wake_fd);
	free(resolver);
}

int resolver_fd(const struct resolver *resolver)
{
	return resolver->epoll_fd;
}

/* ---- one want ------------------------------------------------------------------------------ */

static void let_go(struct resolver *resolver, struct want *want)
{
	if (want->is_holding)
		neigh_release(resolver->neighbours, want->route.ifindex, &want->route.next);
	want->is_holding = false;
}

/* Routing and device for the address; on success the neighbour to use is held. */
static void refresh_route(struct resolver *resolver, struct want *want)
{
	char gateway[ADDR_TEXT_MAX];
	struct egress egress = {};
	struct route route = {};
	char text[RESOLVER_TEXT_MAX] = "";
	int ret;

	want->is_stale = false;
	want->is_checked = true;
	want->checked_ms = resolver->now_ms;
	ret = route_lookup(&resolver->netlink, &want->key.addr, &route);
	if (ret == -ETIMEDOUT || ret == -ENOBUFS || ret == -EINTR) {
		want->is_stale = true; /* says nothing about the route: keep what we know */
		return;
	}
	if (ret)
		route_describe_error(ret, text, sizeof(text));
	else
		ret = route_check(&route, text, sizeof(text));
	if (!ret)
		ret = links_egress(resolver->links, route.ifindex, &egress, text, sizeof(text));
	if (!ret && want->key.is_on_link_only && route.has_gateway) {
		snprintf(text, sizeof(text),
			 "not on the segment: behind %s on %s, mode l2 reaches "
			 "neighbours only",
			 addr_format(&route.next, gateway), egress.name);
		ret = -EHOSTUNREACH;
	}
	util_set_text(&want->route_error, text);
	if (ret) {
		let_go(resolver, want);
		return;
	}
	if (!want->is_holding || want->route.ifindex != route.ifindex ||
	    !addr_equal(&want->route.next, &route.next)) {
		neigh_hold(resolver->neighbours, route.ifindex, &route.next);
		let_go(resolver, want);
		want->is_holding = true;
		want->answer.state = NEXTHOP_PENDING; /* nothing is known about this neighbour */
	}
	want->route = route;
	want->egress = egress;
}

static void fail(struct answer *answer, const char *text)
{
	answer->state = NEXTHOP_FAILED;
	memset(&answer->nexthop, 0, sizeof(answer->nexthop));
	util_set_text(&answer->text, text);
}

static void resolve(struct answer *answer, const struct want *want, const uint8_t mac[6])
{
	struct nexthop nexthop = {
		.ifindex = want->egress.ifindex,
		.has_vlan = want->egress.has_vlan,
		.has_gateway = want->route.has_gateway,
		.vlan_tci = want->egress.vlan_tci,
		.mtu = want->egress.mtu,
	};

	if (want->route.mtu && want->route.mtu < nexthop.mtu)
		nexthop.mtu = want->route.mtu;
	memcpy(nexthop.smac, want->egress.smac, sizeof(nexthop.smac));
	memcpy(nexthop.dmac, mac, sizeof(nexthop.dmac));
	if (addr_family(&want->key.addr) == SLUICE_FAMILY_V4)
		nexthop.src4 = want->route.source;
	else
		nexthop.src6 = want->route.source;
	answer->state = NEXTHOP_RESOLVED;
	answer->nexthop = nexthop;
	util_set_text(&answer->text, NULL);
}

static void find_answer(const struct resolver *resolver, const struct want *want,
			struct answer *answer)
{
	char address[ADDR_TEXT_MAX], text[RESOLVER_TEXT_MAX];
	uint8_t mac[6];

	if (want->route_error) {
		fail(answer, want->route_error);
		return;
	}
	switch (neigh_get(resolver->neighbours, want->route.ifindex, &want->route.next, mac)) {
	case NEIGH_VALID:
		resolve(answer, want, mac);
		break;
	case NEIGH_FAILED:
		snprintf(text, sizeof(text), "%s on %s: neighbour failed (no answer to %s)",
			 addr_format(&want->route.next, address), want->egress.name,
			 addr_family(&want->route.next) == SLUICE_FAMILY_V4 ? "ARP" : "ND");
		fail(answer, text);
		break;
	default:
		/* Being asked again: what was known about this neighbour holds until the verdict. */
		if (answer->state == NEXTHOP_PENDING) {
			memset(&answer->nexthop, 0, sizeof(answer->nexthop));
			util_set_text(&answer->text, NULL);
		}
		break;
	}
}

static bool answers_equal(const struct answer *a, const struct answer *b)
{
	const struct nexthop *x = &a->nexthop, *y = &b->nexthop;

	return a->state == b->state && !strcmp(util_text(a->text), util_text(b->text)) &&
	       x->ifindex == y->ifindex && x->has_vlan == y->has_vlan &&
	       x->vlan_tci == y->vlan_tci && x->mtu == y->mtu &&
	       !memcmp(x->dmac, y->dmac, sizeof(x->dmac)) &&
	       !memcmp(x->smac, y->smac, sizeof(x->smac)) && addr_equal(&x->src4, &y->src4) &&
	       addr_equal(&x->src6, &y->src6);
}

/* ---- turns --------------------------------------------------------------------------------- */

static void reap(struct resolver *resolver)
{
	struct want *want, *next;

	HASH_ITER (hh, resolver->wants, want, next) {
		if (want->references)
			continue;
		let_go(resolver, want);
		free_want(resolver, want);
	}
}

/* Asks the routing for stale wants, then reports every answer that changed. The callback may want
 * and drop: dropped ones stay in the list until reap(). */
static void settle(struct resolver *resolver)
{
	uint32_t lookups = 0;
	struct want *want, *next;
	struct answer before;

	HASH_ITER (hh, resolver->wants, want, next) {
		AUTO_FREE char *text_before = NULL;

		if (!want->references)
			continue;
		if (!want->is_stale && !want->is_report_due && !resolver->is_neighbour_changed)
			continue;
		text_before = util_strdup(want->answer.text);
		before = want->answer;
		before.text = text_before;
		if (want->is_stale && lookups < LOOKUPS_A_TURN) {
			lookups++;
			refresh_route(resolver, want);
		} else if (want->is_stale && !want->is_checked) {
			continue; /* its turn comes */
		}
		find_answer(resolver, want, &want->answer);
		if (answers_equal(&before, &want->answer) && !want->is_report_due)
			continue;
		want->is_report_due = false;
		resolver->fn(resolver->arg, &want->key.addr, want->key.is_on_link_only,
			     want->answer.state, &want->answer.nexthop,
			     util_text(want->answer.text));
	}
	resolver->is_neighbour_changed = false;
	if (lookups == LOOKUPS_A_TURN)
		wake(resolver);
	reap(resolver);
}

void resolver_read(struct resolver *resolver)
{
	uint64_t count;
	ssize_t ignored = read(resolver->wake_fd, &count, sizeof(count));

	(void)ignored; /* EAGAIN: woken by a notification */
	if (netlink_read_events(&resolver->netlink, take_message, resolver) == -ENOBUFS)
		resync(resolver);
	settle(resolver);
}

void resolver_tick(struct resolver *resolver, uint64_t now_ms)
{
	struct want *want, *next;

	resolver->now_ms = now_ms;
	HASH_ITER (hh, resolver->wants, want, next) {
		if (now_ms - want->checked_ms >= RECHECK_AFTER_MS)
			want->is_stale = true;
	}
	if (resolver->is_resync_due)
		resync(resolver);
	neigh_tick(resolver->neighbours, now_ms);
	resolver_read(resolver);
}

static struct want *find_want(const struct resolver *resolver, const struct sluice_addr *addr,
			      bool is_on_link_only)
{
	const struct want_key key = {.addr = *addr, .is_on_link_only = is_on_link_only};
	struct want *want;

	HASH_FIND(hh, resolver->wants, &key, sizeof(key), want);
	return want;
}

void resolver_want(struct resolver *resolver, const struct sluice_addr *addr, bool is_on_link_only)
{
	struct want *want = find_want(resolver, addr, is_on_link_only);

	if (!want) {
		want = util_alloc(sizeof(*want));
		want->key = (struct want_key){.addr = *addr, .is_on_link_only = is_on_link_only};
		want->is_stale = true;
		HASH_ADD(hh, resolver->wants, key, sizeof(want->key), want);
	}
	want->references++;
	want->is_report_due = true;
	wake(resolver);
}

void resolver_drop(struct resolver *resolver, const struct sluice_addr *addr, bool is_on_link_only)
{
	struct want *want = find_want(resolver, addr, is_on_link_only);

	if (!want || !want->references)
		return;
	if (--want->references == 0)
		wake(resolver); /* freed in the next turn, outside of any callback */
}

enum nexthop_state resolver_answer(const struct resolver *resolver, const struct sluice_addr *addr,
				   bool is_on_link_only, struct nexthop *ret_nexthop,
				   const char **ret_text)
{
	const struct want *want = find_want(resolver, addr, is_on_link_only);

	*ret_nexthop = (struct nexthop){0};
	*ret_text = want ? util_text(want->answer.text) : "";
	if (want && want->answer.state == NEXTHOP_RESOLVED)
		*ret_nexthop = want->answer.nexthop;
	return want ? want->answer.state : NEXTHOP_PENDING;
}

uint64_t resolver_addresses(const struct resolver *resolver)
{
	return resolver->addresses;
}

const char *resolver_vlan_on(const struct resolver *resolver, uint32_t ifindex)
{
	return links_vlan_on(resolver->links, ifindex);
}

bool resolver_is_local(struct resolver *resolver, const struct sluice_addr *addr)
{
	struct route route;

	return !route_lookup(&resolver->netlink, addr, &route) && route.type == RTN_LOCAL;
}
