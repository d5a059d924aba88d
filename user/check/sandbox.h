/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What this process may do: nothing that any user may not. */
#pragma once

/* Another user than root, no capabilities and no way to get some, only the descriptors that were
 * passed, bounded resources. 0, or -1 after saying why not. */
int sandbox_enter(void);
