/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What large requests, answers and tables took goes back to the system. */
#pragma once

/* Call once a second. */
void memory_tick(void);
