/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What is known of checks, for those who show it. */
#pragma once

#include "core/check_durations.h"
#include "core/check_message.h"

/* Of one member's target. */
struct check_report {
	uint64_t results[PROBE_RESULT_MAX];
	uint64_t latency_us_sum;  /* of passes */
	struct check_times times; /* of the last pass */
	int64_t expires_s;	  /* the certificate's end, wall clock; 0: none was seen */
	bool is_expiry_near;	  /* or over */
	uint32_t undecided;	  /* so many probes in a row, up to now */
	uint64_t undecided_ms;	  /* when the first of them was over, if there are any */
};

/* So many undecided probes in a row are no accident: nobody knows how the member is. */
#define CHECK_UNDECIDED_MAX 3

/* Of all of them. */
struct check_totals {
	/* By type, and PROBE_PASS or PROBE_FAIL; NULL: no probe has been made. */
	const struct check_durations (*durations)[2];
	size_t targets, running, waiting; /* waiting: are due, but have not begun */
	size_t failing;			  /* targets whose last probe failed */
	size_t unchecked;		  /* targets with CHECK_UNDECIDED_MAX undecided ones */
	uint64_t passed_ms;		  /* when a probe passed last, of any target; 0: none did */
	uint64_t lag_us;		  /* worst of the last 10 to 20 s: how late probes began */
	struct {
		bool is_wanted; /* some target is probed by sluice-check */
		bool is_up;
		uint64_t starts, deaths, unanswered, refused; /* refused: answers not believed */
		char problem[CHECK_CONTROL_MAX];	      /* "" */
	} apart;
};
