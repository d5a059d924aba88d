/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "dataplane/neigh.h"

#include <errno.h>
#include <linux/neighbour.h>
#include <string.h>
#include <sys/socket.h>

#include <libmnl/libmnl.h>
#include <uthash.h>

#include "base/util.h"
#include "dataplane/netlink.h"

#define NUD_USABLE (NUD_PERMANENT | NUD_NOARP | NUD_REACHABLE | NUD_PROBE | NUD_STALE | NUD_DELAY)
#define ASK_AGAIN_MS 5000    /* missing or failed */
#define REFRESH_ASK_MS 20000 /* stale, on kernels that do not keep it fresh for us */

struct neigh_key {
	struct sluice_addr addr;
	uint32_t ifindex;
	uint32_t pad; /* zero: the key is hashed as bytes */
};

struct neigh {
	struct neigh_key key;
	uint16_t nud;	 /* NUD_*, 0: the kernel has no entry */
	bool is_managed; /* the kernel probes it by itself */
	uint8_t mac[6];
	uint32_t holders;
	uint64_t asked_ms;
	uint64_t unanswered_ms; /* the first question without an answer, 0: there is none */
	UT_hash_handle hh;
};

struct neigh_table {
	struct netlink *netlink;
	struct neigh *by_key;
	uint64_t now_ms;	 /* of the last tick */
	bool is_managed_unknown; /* the kernel refused NTF_EXT_MANAGED */
};

struct neigh_table *neigh_table_new(struct netlink *netlink)
{
	struct neigh_table *table = util_alloc(sizeof(*table));

	table->netlink = netlink;
	return table;
}

static struct neigh_key make_key(uint32_t ifindex, const struct sluice_addr *addr)
{
	return (struct neigh_key){.addr = *addr, .ifindex = ifindex};
}

static struct neigh *find(const struct neigh_table *table, const struct neigh_key *key)
{
	struct neigh *neigh;

	HASH_FIND(hh, table->by_key, key, sizeof(*key), neigh);
	return neigh;
}

static struct neigh *find_or_add(struct neigh_table *table, const struct neigh_key *key)
{
	struct neigh *neigh = find(table, key);

	if (neigh)
		return neigh;
	neigh = util_alloc(sizeof(*neigh));
	neigh->key = *key;
	HASH_ADD(hh, table->by_key, key, sizeof(neigh->key), neigh);
	return neigh;
}

static void forget(struct neigh_table *table, struct neigh *neigh)
{
	HASH_DEL(table->by_key, neigh);
	free(neigh);
}

/* Drops what nobody holds; held ones become missing until the dump finds them. */
void neigh_table_clear(struct neigh_table *table)
{
	struct neigh *neigh, *next;

	HASH_ITER (hh, table->by_key, neigh, next) {
		if (!neigh->holders) {
			forget(table, neigh);
			continue;
		}
		neigh->nud = NUD_NONE;
		neigh->is_managed = false;
	}
}

/*
 * Makes the kernel resolve the entry at once (NTF_USE), and probe it for ever (NTF_EXT_MANAGED,
 * Linux 5.16): traffic that XDP forwards does not confirm neighbours as the stack's own would.
 * Or, with is_doubted, makes it ask again for what it has (NUD_PROBE): three times, a second apart;
 * the kernel takes that only without "managed", which ends by it. Such a request also takes away
 * "permanent", so static entries must never get one.
 */
static int request(struct neigh_table *table, const struct neigh_key *key, bool is_managed,
		   bool is_doubted)
{
	union {
		struct nlmsghdr header;
		char bytes[NETLINK_REQUEST_BYTES];
	} buffer = {};
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer.bytes);
	struct ndmsg *nd;

	message->nlmsg_type = RTM_NEWNEIGH;
	message->nlmsg_flags = is_doubted ? NLM_F_REPLACE : NLM_F_CREATE | NLM_F_REPLACE;
	nd = mnl_nlmsg_put_extra_header(message, sizeof(*nd));
	nd->ndm_family = netlink_family(&key->addr);
	nd->ndm_ifindex = (int)key->ifindex;
	nd->ndm_state = is_doubted ? NUD_PROBE : NUD_NONE;
	nd->ndm_flags = is_doubted ? 0 : NTF_USE;
	netlink_put_addr(message, NDA_DST, &key->addr);
	if (is_managed)
		mnl_attr_put_u32(message, NDA_FLAGS_EXT, NTF_EXT_MANAGED);
	return netlink_request(table->netlink, message, NULL, NULL);
}

static int ask(struct neigh_table *table, const struct neigh_key *key, bool is_managed)
{
	return request(table, key, is_managed, false);
}

static void ask_for(struct neigh_table *table, struct neigh *neigh)
{
	int ret;

	neigh->asked_ms = table->now_ms;
	if (neigh->nud & (NUD_PERMANENT | NUD_NOARP))
		return;
	if (!table->is_managed_unknown) {
		ret = ask(table, &neigh->key, true);
		if (ret == 0)
			return;
		table->is_managed_unknown = ret == -EINVAL || ret == -EOPNOTSUPP;
	}
	ask(table, &neigh->key, false);
}

void neigh_table_free(struct neigh_table *table)
{
	struct neigh *neigh, *next;

	if (!table)
		return;
	HASH_ITER (hh, table->by_key, neigh, next) {
		if (neigh->holders && neigh->is_managed)
			ask(table, &neigh->key, false); /* back to the kernel's usual ways */
		forget(table, neigh);
	}
	free(table);
}

struct neigh_attrs {
	struct sluice_addr addr;
	bool has_addr;
	uint8_t mac[6];
	bool is_managed;
};

static int take_attr(const struct nlattr *attr, void *arg)
{
	struct neigh_attrs *attrs = arg;

	switch (mnl_attr_get_type(attr)) {
	case NDA_DST:
		attrs->has_addr = netlink_get_addr(attr, &attrs->addr);
		break;
	case NDA_LLADDR:
		if (mnl_attr_get_payload_len(attr) == sizeof(attrs->mac))
			memcpy(attrs->mac, mnl_attr_get_payload(attr), sizeof(attrs->mac));
		break;
	case NDA_FLAGS_EXT:
		attrs->is_managed = mnl_attr_get_u32(attr) & NTF_EXT_MANAGED;
		break;
	}
	return MNL_CB_OK;
}

static enum neigh_state state_of(const struct neigh *neigh)
{
	static const uint8_t no_mac[6];

	if (neigh->nud == NUD_NONE)
		return NEIGH_MISSING;
	if (neigh->nud & NUD_USABLE && memcmp(neigh->mac, no_mac, sizeof(no_mac)))
		return NEIGH_VALID;
	return neigh->nud & NUD_INCOMPLETE ? NEIGH_RESOLVING : NEIGH_FAILED;
}

/* Was it heard of? An answer makes it REACHABLE. A neighbour that asks somebody itself leaves STALE
 * where there was a question, which nothing else does. That the kernel forgot it tells nothing. */
static bool is_heard(uint16_t nud)
{
	return nud & (NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PERMANENT | NUD_NOARP);
}

bool neigh_take(struct neigh_table *table, const struct nlmsghdr *message)
{
	const struct ndmsg *nd = mnl_nlmsg_get_payload(message);
	struct neigh_attrs attrs = {};
	struct neigh *neigh;
	struct neigh_key key;
	enum neigh_state before;
	bool is_changed;
	uint16_t nud;

	if (message->nlmsg_type != RTM_NEWNEIGH && message->nlmsg_type != RTM_DELNEIGH)
		return false;
	if (nd->ndm_family != AF_INET && nd->ndm_family != AF_INET6)
		return false; /* a bridge's forwarding table */
	mnl_attr_parse(message, sizeof(*nd), take_attr, &attrs);
	if (!attrs.has_addr || nd->ndm_flags & NTF_PROXY)
		return false;
	key = make_key((uint32_t)nd->ndm_ifindex, &attrs.addr);
	nud = message->nlmsg_type == RTM_DELNEIGH ? NUD_NONE : nd->ndm_state;
	neigh = nud == NUD_NONE ? find(table, &key) : find_or_add(table, &key);
	if (!neigh)
		return false;
	before = state_of(neigh);
	is_changed = memcmp(neigh->mac, attrs.mac, sizeof(attrs.mac)) != 0;
	neigh->nud = nud;
	neigh->is_managed = attrs.is_managed && nud;
	memcpy(neigh->mac, attrs.mac, sizeof(neigh->mac));
	if (is_heard(nud))
		neigh->unanswered_ms = 0;
	is_changed = (is_changed || state_of(neigh) != before) && neigh->holders;
	if (!neigh->holders && nud == NUD_NONE)
		forget(table, neigh);
	return is_changed;
}

void neigh_hold(struct neigh_table *table, uint32_t ifindex, const struct sluice_addr *addr)
{
	struct neigh_key key = make_key(ifindex, addr);
	struct neigh *neigh = find_or_add(table, &key);

	if (neigh->holders++ == 0)
		ask_for(table, neigh);
}

void neigh_release(struct neigh_table *table, uint32_t ifindex, const struct sluice_addr *addr)
{
	struct neigh_key key = make_key(ifindex, addr);
	struct neigh *neigh = find(table, &key);

	if (!neigh || --neigh->holders)
		return;
	if (neigh->is_managed)
		ask(table, &key, false);
	if (neigh->nud == NUD_NONE)
		forget(table, neigh);
}

enum neigh_state neigh_get(const struct neigh_table *table, uint32_t ifindex,
			   const struct sluice_addr *addr, uint8_t ret_mac[6])
{
	struct neigh_key key = make_key(ifindex, addr);
	const struct neigh *neigh = find(table, &key);
	enum neigh_state state = neigh ? state_of(neigh) : NEIGH_MISSING;

	if (state == NEIGH_VALID)
		memcpy(ret_mac, neigh->mac, sizeof(neigh->mac));
	return state;
}

void neigh_question(struct neigh_table *table, uint32_t ifindex, const struct sluice_addr *addr,
		    uint64_t now_ms)
{
	struct neigh_key key = make_key(ifindex, addr);
	struct neigh *neigh = find(table, &key);

	if (!neigh || neigh->nud & (NUD_PERMANENT | NUD_NOARP))
		return;
	table->now_ms = neigh->asked_ms = now_ms;
	if (!neigh->unanswered_ms)
		neigh->unanswered_ms = now_ms;
	/* What it does not have, or gave up, it looks for as for a new one. */
	if (state_of(neigh) != NEIGH_VALID || request(table, &key, false, true))
		ask(table, &key, false);
}

uint64_t neigh_unanswered_since(const struct neigh_table *table, uint32_t ifindex,
				const struct sluice_addr *addr)
{
	struct neigh_key key = make_key(ifindex, addr);
	const struct neigh *neigh = find(table, &key);

	return neigh ? neigh->unanswered_ms : 0;
}

void neigh_tick(struct neigh_table *table, uint64_t now_ms)
{
	struct neigh *neigh, *next;
	uint64_t wait_ms;

	table->now_ms = now_ms;
	HASH_ITER (hh, table->by_key, neigh, next) {
		if (!neigh->holders || neigh->nud & (NUD_PERMANENT | NUD_NOARP | NUD_REACHABLE))
			continue;
		if (neigh->is_managed && neigh->nud != NUD_FAILED)
			continue;
		wait_ms = neigh->nud & NUD_USABLE ? REFRESH_ASK_MS : ASK_AGAIN_MS;
		if (now_ms - neigh->asked_ms >= wait_ms)
			ask_for(table, neigh);
	}
}
