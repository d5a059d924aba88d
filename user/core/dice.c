/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "core/dice.h"

uint32_t dice_of(uint64_t z)
{
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return (uint32_t)(z >> 32);
}

uint32_t dice_next(uint64_t *state)
{
	*state += DICE_STEP;
	return dice_of(*state);
}
