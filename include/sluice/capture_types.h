/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Capturing packets as they arrived, with what became of them. It is on while sluice_control.capture
 * is a time to come; the filter is written before, while it is off.
 */
#pragma once

#include <linux/types.h>

#include <sluice/abi.h>
#include <sluice/types.h>

/* One entry. */
struct sluice_capture_filter {
	__u64 verdicts;		   /* bit v: packets with verdict v; 0 matches none */
	struct sluice_addr mask;   /* of the source; zero: any, also packets without addresses */
	struct sluice_addr source; /* masked */
	__u32 service;		   /* 0: any, also none */
	__u32 bytes;		   /* kept of a packet, at most SLUICE_CAPTURE_BYTES */
	__u32 per_s;		   /* at most so many a CPU in a second of 2^30 ns */
	__u32 session; /* another one each time: tells what is left of an earlier capture */
	__u8 pad[8];
};

_Static_assert(sizeof(struct sluice_capture_filter) == 64, "capture filter");

/* What arrives in the ring `captures`; it ends after `taken` bytes of data. */
struct sluice_capture {
	__u64 time_ns; /* CLOCK_MONOTONIC */
	struct sluice_tuple tuple;
	__u32 session;
	__u32 verdict; /* enum sluice_verdict */
	__u32 service; /* service id, 0 if unknown */
	__u32 member;  /* member index, 0 if none */
	__u16 limit;   /* limit index, 0 if none */
	__u16 list;    /* access list that decided, 0 if none */
	__u32 bytes;   /* length of the frame */
	__u32 ifindex; /* where it arrived */
	__u16 taken;
	__u8 l3_off; /* where its IP header begins; 0: it was not looked at */
	__u8 pad;
	__u8 data[SLUICE_CAPTURE_BYTES]; /* from the Ethernet header on, as it arrived */
};

_Static_assert(sizeof(struct sluice_capture) == 80 + SLUICE_CAPTURE_BYTES, "capture");

/* Where a CPU keeps the packet that it works on, and counts. */
struct sluice_capture_cpu {
	struct sluice_capture packet;
	__u64 second;	/* that `sent` belongs to */
	__u64 sent;	/* in this second */
	__u64 withheld; /* matched, but were too many in their second */
	__u64 lost;	/* matched, but the ring was full */
	__u32 pending;	/* packet holds the one that is being worked on */
	__u32 pad;
};
