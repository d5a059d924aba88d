/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "dataplane/node.h"

#include "base/clock.h"
#include "base/util.h"

#define NS_PER_S 1000000000ULL

_Static_assert(sizeof(((struct dp_bypass_state *)NULL)->by) ==
		       sizeof(((struct sluice_bypass_note *)NULL)->by),
	       "a name fits");

static uint64_t load(const __u64 *word)
{
	return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

static void store(__u64 *word, uint64_t value)
{
	__atomic_store_n(word, value, __ATOMIC_RELEASE);
}

static uint64_t left_s(const struct dp_node *node, uint64_t until_ns)
{
	return until_ns > node->now_ns ? (until_ns - node->now_ns + NS_PER_S - 1) / NS_PER_S : 0;
}

/* ---- role ------------------------------------------------------------------------------------ */

bool dp_node_is_active(const struct dp_node *node)
{
	return load(&node->control->flags) & SLUICE_CONTROL_F_ACTIVE;
}

/* Other switches share the word. */
static bool set_flag(const struct dp_node *node, uint64_t flag, bool is_on)
{
	__u64 *flags = &node->control->flags, old;

	if (is_on)
		old = __atomic_fetch_or(flags, flag, __ATOMIC_ACQ_REL);
	else
		old = __atomic_fetch_and(flags, ~flag, __ATOMIC_ACQ_REL);
	return !(old & flag) == is_on;
}

bool dp_node_set_active(const struct dp_node *node, bool is_active)
{
	return set_flag(node, SLUICE_CONTROL_F_ACTIVE, is_active);
}

bool dp_node_set_cut_off(const struct dp_node *node, bool is_cut_off)
{
	return set_flag(node, SLUICE_CONTROL_F_CUT_OFF, is_cut_off);
}

struct routes_place dp_node_routes(const struct dp_node *node)
{
	return (struct routes_place){
		.table = __atomic_load_n(&node->notes->route_table, __ATOMIC_ACQUIRE),
		.protocol = node->notes->route_protocol,
	};
}

/* The table last: it says that the rest is there. */
void dp_node_note_routes(const struct dp_node *node, struct routes_place place)
{
	node->notes->route_protocol = place.protocol;
	__atomic_store_n(&node->notes->route_table, place.table, __ATOMIC_RELEASE);
}

/* ---- bypass --------------------------------------------------------------------------------- */

static __u64 *bypass_word(const struct dp_node *node, enum dp_bypass what)
{
	return what == DP_BYPASS_LIMITS ? &node->control->bypass_limits_until_ns
					: &node->control->bypass_lists_until_ns;
}

static struct sluice_bypass_note *bypass_note(const struct dp_node *node, enum dp_bypass what)
{
	return what == DP_BYPASS_LIMITS ? &node->notes->bypass_limits : &node->notes->bypass_lists;
}

void dp_node_bypass_set(const struct dp_node *node, enum dp_bypass what, uint64_t for_s,
			const char *by)
{
	struct sluice_bypass_note *note = bypass_note(node, what);

	store(bypass_word(node, what), for_s ? node->now_ns + for_s * NS_PER_S : 0);
	note->since_s = clock_wall_s();
	util_copy(note->by, sizeof(note->by), by);
}

void dp_node_bypass_get(const struct dp_node *node, enum dp_bypass what,
			struct dp_bypass_state *ret_state)
{
	const struct sluice_bypass_note *note = bypass_note(node, what);

	*ret_state = (struct dp_bypass_state){
		.left_s = left_s(node, load(bypass_word(node, what))),
		.since_s = note->since_s,
	};
	ret_state->is_on = ret_state->left_s > 0;
	util_copy(ret_state->by, sizeof(ret_state->by), note->by);
}

/* ---- trial ---------------------------------------------------------------------------------- */

/* The note before the deadline: whoever sees one finds out what it is about. */
void dp_node_trial_begin(const struct dp_node *node, enum sluice_trial kind, uint64_t for_s)
{
	node->notes->trial_since_s = clock_wall_s();
	__atomic_store_n(&node->notes->trial, kind, __ATOMIC_RELEASE);
	store(&node->control->deadline_ns, node->now_ns + for_s * NS_PER_S);
}

void dp_node_trial_end(const struct dp_node *node)
{
	store(&node->control->deadline_ns, 0);
	__atomic_store_n(&node->notes->trial, SLUICE_TRIAL_NONE, __ATOMIC_RELEASE);
	node->notes->trial_since_s = 0;
}

void dp_node_trial_get(const struct dp_node *node, struct dp_trial_state *ret_state)
{
	uint64_t deadline_ns = load(&node->control->deadline_ns);
	uint32_t kind = node->notes->trial;

	*ret_state = (struct dp_trial_state){0};
	if (!deadline_ns)
		return;
	/* A deadline that nobody explains is still one. */
	ret_state->kind = kind == SLUICE_TRIAL_RELOAD ? SLUICE_TRIAL_RELOAD : SLUICE_TRIAL_START;
	ret_state->left_s = left_s(node, deadline_ns);
	ret_state->is_over = !ret_state->left_s;
	ret_state->since_s = node->notes->trial_since_s;
}
