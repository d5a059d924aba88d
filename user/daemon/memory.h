/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What large requests, answers and tables took goes back to the system. */
#pragma once

/* Before any thread is begun: all take from one place, and none keeps what it no longer needs. */
void memory_begin(void);

/* Call once a second. */
void memory_tick(void);
