/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "dataplane/placement.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/membarrier.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <sluice/hash.h>
#include <uthash.h>

#include "base/addr.h"
#include "base/clock.h"
#include "base/util.h"

#define SEARCH_MAX 1024 /* cells looked at for a free one before the table counts as full */
#define NO_CELL UINT32_MAX

/* What a cell is found by. */
struct cell_key {
	struct sluice_addr addr;
	__be16 port_be;
	uint8_t proto;
};

/* How many services an address has: the last one takes the address cell with it. */
struct address {
	struct sluice_addr addr;
	uint32_t services;
	UT_hash_handle hh;
};

struct placement {
	struct sluice_service *cells;
	uint32_t count;
	const struct sluice_hash_key *key;
	uint64_t *freed_ms; /* 0: at rest for long enough */
	struct address *addresses;
};

/* ---- words --------------------------------------------------------------------------------- */

static uint64_t load_word(const struct sluice_service *cell)
{
	return __atomic_load_n(&cell->word, __ATOMIC_ACQUIRE);
}

static void store_word(struct sluice_service *cell, uint64_t word)
{
	__atomic_store_n(&cell->word, word, __ATOMIC_RELEASE);
}

static uint64_t service_word(const struct dp_service *service)
{
	uint64_t word = SLUICE_SVC_F_USED | service->slots_base;

	word |= (uint64_t)service->slots_log2 << 32;
	if (service->is_local)
		word |= SLUICE_SVC_F_LOCAL;
	if (service->is_by_source)
		word |= SLUICE_SVC_F_SOURCE;
	if (service->is_tracked)
		word |= SLUICE_SVC_F_TRACK;
	if (service->has_ceiling)
		word |= SLUICE_SVC_F_CEILING;
	return word;
}

static uint64_t address_word(const struct dp_service *service)
{
	uint64_t word = SLUICE_SVC_F_USED | SLUICE_SVC_F_ADDRESS;

	if (service->is_unknown_port_passed)
		word |= SLUICE_SVC_F_PASS_UNKNOWN;
	if (service->is_local)
		word |= SLUICE_SVC_F_LOCAL;
	return service->is_arp_answered ? word | SLUICE_SVC_F_ARP : word;
}

static uint64_t limits_word(const struct dp_service *service)
{
	uint64_t limits = 0;
	int i;

	for (i = 0; i < SLUICE_SERVICE_LIMITS_MAX; i++)
		limits |= (uint64_t)service->limits[i] << (16 * i);
	return limits;
}

static uint64_t allow_word(const struct dp_service *service)
{
	uint64_t allow = 0;
	int i;

	for (i = 0; i < SLUICE_SERVICE_ALLOW_MAX; i++)
		allow |= (uint64_t)service->allow[i] << (16 * i);
	return allow;
}

/* ---- cells --------------------------------------------------------------------------------- */

static void candidates(const struct placement *placement, const struct cell_key *key,
		       uint32_t ret_cells[2])
{
	uint64_t hash = sluice_hash_service(&key->addr, key->port_be, key->proto, placement->key);

	ret_cells[0] = sluice_service_cell(hash, 0, placement->count);
	ret_cells[1] = sluice_service_cell(hash, 1, placement->count);
}

static struct cell_key key_of(const struct sluice_service *cell)
{
	return (struct cell_key){cell->addr, cell->port_be, cell->proto};
}

static bool holds(const struct sluice_service *cell, const struct cell_key *key)
{
	return load_word(cell) && cell->port_be == key->port_be && cell->proto == key->proto &&
	       addr_equal(&cell->addr, &key->addr);
}

static uint32_t find_cell(const struct placement *placement, const struct cell_key *key)
{
	uint32_t cells[2];

	candidates(placement, key, cells);
	if (holds(&placement->cells[cells[0]], key))
		return cells[0];
	return holds(&placement->cells[cells[1]], key) ? cells[1] : NO_CELL;
}

static uint32_t other_candidate(const struct placement *placement, uint32_t cell)
{
	struct cell_key key = key_of(&placement->cells[cell]);
	uint32_t cells[2];

	candidates(placement, &key, cells);
	return cells[0] == cell ? cells[1] : cells[0];
}

static bool is_empty(const struct placement *placement, uint32_t cell)
{
	return load_word(&placement->cells[cell]) == 0;
}

static void clear_cell(struct placement *placement, uint32_t cell)
{
	store_word(&placement->cells[cell], 0);
	placement->freed_ms[cell] = clock_now_ms();
}

/* Body first, then the word that makes it visible. */
static void write_cell(struct placement *placement, uint32_t cell,
		       const struct sluice_service *from)
{
	struct sluice_service *to = &placement->cells[cell];

	to->addr = from->addr;
	to->port_be = from->port_be;
	to->proto = from->proto;
	to->id = from->id;
	__atomic_store_n(&to->limits, from->limits, __ATOMIC_RELAXED);
	__atomic_store_n(&to->allow, from->allow, __ATOMIC_RELAXED);
	store_word(to, load_word(from));
	placement->freed_ms[cell] = 0;
}

/*
 * Can the body of an empty cell be overwritten? After SLUICE_REUSE_AFTER_MS surely; before, when a
 * barrier shows that every CPU has left the packet path since: the global one waits for an RCU
 * grace period, and XDP programs run inside RCU read sections.
 */
static int make_reusable(struct placement *placement, uint32_t cell)
{
	uint64_t freed_ms = placement->freed_ms[cell];

	if (!freed_ms)
		return 0;
	if (clock_now_ms() - freed_ms < SLUICE_REUSE_AFTER_MS) {
		if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0))
			return -EAGAIN; /* not on this kernel: let time pass */
		memset(placement->freed_ms, 0, placement->count * sizeof(*placement->freed_ms));
	}
	placement->freed_ms[cell] = 0;
	return 0;
}

/* ---- making room ---------------------------------------------------------------------------- */

struct step {
	uint32_t cell;
	int32_t from; /* step whose owner would move here; -1: a candidate of the new key */
};

static bool is_seen(const struct step *steps, uint32_t count, uint32_t cell)
{
	uint32_t i;

	for (i = 0; i < count; i++)
		if (steps[i].cell == cell)
			return true;
	return false;
}

/* Breadth first, so that the fewest owners move. Returns the position of an empty cell in steps,
 * -1 if there is none near. */
static int32_t find_path(const struct placement *placement, const uint32_t *starts, int start_count,
			 struct step *steps)
{
	uint32_t count = 0, next, other;
	int i;

	for (i = 0; i < start_count; i++)
		if (!is_seen(steps, count, starts[i]))
			steps[count++] = (struct step){starts[i], -1};
	for (next = 0; next < count; next++) {
		if (is_empty(placement, steps[next].cell))
			return (int32_t)next;
		other = other_candidate(placement, steps[next].cell);
		if (count < SEARCH_MAX && !is_seen(steps, count, other))
			steps[count++] = (struct step){other, (int32_t)next};
	}
	return -1;
}

/* Empties one of the start cells: owners move one step each, from the empty end backwards. A moved
 * owner is in both cells for a moment, and in at least one always. */
static int make_room(struct placement *placement, const uint32_t *starts, int start_count,
		     uint32_t *ret_cell)
{
	AUTO_FREE struct step *steps = util_alloc_array(SEARCH_MAX, sizeof(*steps));
	int32_t at = find_path(placement, starts, start_count, steps);
	int ret;

	if (at < 0)
		return -ENOSPC;
	for (; steps[at].from >= 0; at = steps[at].from) {
		uint32_t from = steps[steps[at].from].cell;

		ret = make_reusable(placement, steps[at].cell);
		if (ret)
			return ret;
		write_cell(placement, steps[at].cell, &placement->cells[from]);
		clear_cell(placement, from);
	}
	ret = make_reusable(placement, steps[at].cell);
	if (ret)
		return ret;
	*ret_cell = steps[at].cell;
	return 0;
}

static int insert(struct placement *placement, const struct sluice_service *cell)
{
	struct cell_key key = key_of(cell);
	uint32_t cells[2], target;
	int ret;

	candidates(placement, &key, cells);
	ret = make_room(placement, cells, 2, &target);
	if (ret)
		return ret;
	write_cell(placement, target, cell);
	return 0;
}

/* The key is there, but with another immutable part: the new cell appears beside the old one. */
static int replace(struct placement *placement, uint32_t old, const struct sluice_service *cell)
{
	uint32_t other = other_candidate(placement, old), target;
	int ret;

	if (other == old) {
		clear_cell(placement, old);
		return insert(placement, cell);
	}
	ret = make_room(placement, &other, 1, &target);
	if (ret)
		return ret;
	/* Making room may have gone in a circle and moved the old cell itself. */
	old = find_cell(placement, &(struct cell_key){cell->addr, cell->port_be, cell->proto});
	write_cell(placement, target, cell);
	if (old != NO_CELL && old != target)
		clear_cell(placement, old);
	return 0;
}

static int set_cell(struct placement *placement, const struct sluice_service *cell)
{
	struct cell_key key = key_of(cell);
	uint32_t at = find_cell(placement, &key);

	if (at == NO_CELL)
		return insert(placement, cell);
	if (placement->cells[at].id != cell->id)
		return replace(placement, at, cell);
	__atomic_store_n(&placement->cells[at].limits, cell->limits, __ATOMIC_RELEASE);
	__atomic_store_n(&placement->cells[at].allow, cell->allow, __ATOMIC_RELEASE);
	store_word(&placement->cells[at], cell->word);
	return 0;
}

/* ---- services ------------------------------------------------------------------------------- */

static struct address *find_address(const struct placement *placement,
				    const struct sluice_addr *addr)
{
	struct address *address;

	HASH_FIND(hh, placement->addresses, addr, sizeof(*addr), address);
	return address;
}

static void count_service(struct placement *placement, const struct sluice_addr *addr)
{
	struct address *address = find_address(placement, addr);

	if (!address) {
		address = util_alloc(sizeof(*address));
		address->addr = *addr;
		HASH_ADD(hh, placement->addresses, addr, sizeof(address->addr), address);
	}
	address->services++;
}

static void forget_address(struct placement *placement, struct address *address)
{
	HASH_DEL(placement->addresses, address);
	free(address);
}

int placement_set(struct placement *placement, const struct dp_service *service)
{
	struct cell_key key = {service->addr, htons(service->port), service->proto};
	bool is_new = find_cell(placement, &key) == NO_CELL;
	struct sluice_service cell = {
		.word = service_word(service),
		.limits = limits_word(service),
		.allow = allow_word(service),
		.addr = service->addr,
		.port_be = key.port_be,
		.proto = service->proto,
		.id = service->id,
	};
	uint32_t at;
	int ret;

	if (!service->proto || !service->id)
		return -EINVAL; /* would pass for an address cell */
	ret = set_cell(placement, &cell);
	if (ret)
		return ret;
	/* The address last: before it is known, packets to other ports are not ours. */
	cell = (struct sluice_service){.word = address_word(service), .addr = service->addr};
	ret = set_cell(placement, &cell);
	if (!ret) {
		if (is_new)
			count_service(placement, &service->addr);
		return 0;
	}
	at = find_cell(placement, &key);
	if (is_new && at != NO_CELL)
		clear_cell(placement, at);
	return ret;
}

int placement_delete(struct placement *placement, const struct dp_service *service)
{
	struct cell_key key = {service->addr, htons(service->port), service->proto};
	struct cell_key address_key = {.addr = service->addr};
	struct address *address = find_address(placement, &service->addr);
	uint32_t at = find_cell(placement, &key), address_at;

	if (at == NO_CELL || !service->proto)
		return -ENOENT;
	if (address && --address->services == 0) {
		forget_address(placement, address);
		address_at = find_cell(placement, &address_key);
		if (address_at != NO_CELL)
			clear_cell(placement, address_at);
	}
	clear_cell(placement, at);
	return 0;
}

const struct sluice_service *placement_find(const struct placement *placement,
					    const struct sluice_addr *addr, uint16_t port,
					    uint8_t proto)
{
	struct cell_key key = {*addr, htons(port), proto};
	uint32_t at = find_cell(placement, &key);

	return at == NO_CELL ? NULL : &placement->cells[at];
}

/* ---- life ----------------------------------------------------------------------------------- */

struct placement *placement_new(struct sluice_service *cells, uint32_t count,
				const struct sluice_hash_key *key)
{
	struct placement *placement = util_alloc(sizeof(*placement));

	placement->cells = cells;
	placement->count = count;
	placement->key = key;
	placement->freed_ms = util_alloc_array(count, sizeof(*placement->freed_ms));
	return placement;
}

void placement_free(struct placement *placement)
{
	struct address *address, *next;

	if (!placement)
		return;
	HASH_ITER (hh, placement->addresses, address, next) {
		forget_address(placement, address);
	}
	free(placement->freed_ms);
	free(placement);
}

/* A key in both of its cells: a move that was cut short between writing and clearing. */
static int adopt_cell(struct placement *placement, uint32_t cell)
{
	struct sluice_service *here = &placement->cells[cell];
	struct cell_key key = key_of(here);
	bool is_address = load_word(here) & SLUICE_SVC_F_ADDRESS;
	uint32_t cells[2];

	candidates(placement, &key, cells);
	if (cell != cells[0] && cell != cells[1])
		return -EUCLEAN;
	if (is_address != (key.proto == 0) || (!is_address && !here->id))
		return -EUCLEAN;
	if (cell == cells[1] && cells[0] != cells[1] && holds(&placement->cells[cells[0]], &key))
		clear_cell(placement, cell);
	else if (!is_address)
		count_service(placement, &key.addr);
	return 0;
}

int placement_adopt(struct placement *placement)
{
	uint32_t cell;
	int ret;

	for (cell = 0; cell < placement->count; cell++) {
		/* Whoever wrote it may have freed it a moment ago. */
		placement->freed_ms[cell] = clock_now_ms();
		if (is_empty(placement, cell))
			continue;
		ret = adopt_cell(placement, cell);
		if (ret)
			return ret;
	}
	for (cell = 0; cell < placement->count; cell++)
		if (load_word(&placement->cells[cell]) & SLUICE_SVC_F_ADDRESS &&
		    !find_address(placement, &placement->cells[cell].addr))
			clear_cell(placement, cell);
	return 0;
}
