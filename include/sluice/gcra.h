/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The generic cell rate algorithm (ATM Forum Traffic Management 4.0, virtual scheduling), equal
 * to a token bucket: a source holds one theoretical arrival time (TAT). A packet conforms when
 * the debt it would leave, TAT + increment - now, is at most tau (= burst x increment). Times are
 * 32-bit and wrap; user space chooses the unit 2^k/16 ns, k <= SLUICE_GCRA_K_MAX, so that tau +
 * increment < SLUICE_GCRA_SPAN, and what the smallest packet adds is at least 50 units (so rounding
 * errs by at most 1 %; where packets are counted, 0.5 %).
 */
#pragma once

#include <linux/types.h>

#define SLUICE_GCRA_INLINE static inline __attribute__((always_inline))

#define SLUICE_GCRA_NS_LOG2 4 /* a nanosecond has 2^4 of the finest units */
#define SLUICE_GCRA_K_MAX 32  /* so that a unit's 2^32 come after all that 64 bits of ns hold */

#define SLUICE_GCRA_SPAN (1U << 30) /* units; what a source may owe is less */

#define SLUICE_SEEN_NS_LOG2 24 /* one tick of `seen`: 2^24 ns, about 16.8 ms */

/* A CPU's clock may be so many of them, half a second, behind another one's. */
#define SLUICE_SEEN_LATE 32

#define SLUICE_SRC_TAT(word) ((__u32)(word))
#define SLUICE_SRC_SEEN(word) ((__u16)((word) >> 32))
#define SLUICE_SRC_TAG(word) ((__u16)((word) >> 48))
#define SLUICE_SRC(tag, seen, tat)                                                                 \
	((__u64)(__u16)(tag) << 48 | (__u64)(__u16)(seen) << 32 | (__u32)(tat))

/* Now in a limit's units. */
SLUICE_GCRA_INLINE __u32 sluice_gcra_now(__u64 now_ns, __u32 k)
{
	return (__u32)(now_ns << SLUICE_GCRA_NS_LOG2 >> (k & 63));
}

SLUICE_GCRA_INLINE __u16 sluice_gcra_seen(__u64 now_ns)
{
	return (__u16)(now_ns >> SLUICE_SEEN_NS_LOG2);
}

/* What a packet of so many bytes adds, where 2^16 bytes add inc. A larger one is paid as that. */
SLUICE_GCRA_INLINE __u32 sluice_gcra_bytes(__u32 bytes, __u32 inc)
{
	if (bytes > 1U << 16)
		bytes = 1U << 16;
	return (__u32)(((__u64)bytes * inc + (1U << 15)) >> 16);
}

/* Ticks of `seen` since the word was written; the first may have just begun. Where our clock is behind
 * the writer's, none. */
SLUICE_GCRA_INLINE __u64 sluice_gcra_silent(__u64 word, __u16 seen)
{
	__u16 ticks = seen - SLUICE_SRC_SEEN(word) + SLUICE_SEEN_LATE;

	return ticks > SLUICE_SEEN_LATE ? ticks - SLUICE_SEEN_LATE : 0;
}

/*
 * Debt of a word, in units; 0 when its TAT is past. Times wrap, also while nobody sweeps: what was
 * seen longer ago than debts last is none, nor is more than a debt can be. More than SLUICE_GCRA_SPAN is
 * owed only where a CPU was held up after it read the clock, and others charged the word meanwhile: to
 * its clock the word was not silent.
 */
SLUICE_GCRA_INLINE __u32 sluice_gcra_debt(__u64 word, __u32 now, __u16 seen, __u32 k)
{
	__u64 ticks = sluice_gcra_silent(word, seen);
	__u32 debt = SLUICE_SRC_TAT(word) - now;

	if (!word)
		return 0;
	if (ticks > 1 && (debt >= SLUICE_GCRA_SPAN ||
			  (ticks - 1) << (SLUICE_SEEN_NS_LOG2 + SLUICE_GCRA_NS_LOG2) >> (k & 63) >=
				  SLUICE_GCRA_SPAN))
		return 0;
	return (__s32)debt > 0 ? debt : 0;
}

/* May a packet pass that finds this debt? burst packets pass at once from an idle start. */
SLUICE_GCRA_INLINE int sluice_gcra_conforms(__u32 debt, __u32 inc, __u32 tau)
{
	return debt + inc <= tau;
}
