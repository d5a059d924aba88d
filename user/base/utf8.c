/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "base/utf8.h"

#include <stdbool.h>
#include <stdint.h>

size_t utf8_length(const char *text)
{
	const unsigned char *byte = (const unsigned char *)text;
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t length, i;
	uint32_t point;

	if (byte[0] < 0x80)
		return byte[0] ? 1 : 0;
	length = byte[0] >= 0xf0 ? 4 : byte[0] >= 0xe0 ? 3 : 2;
	if (byte[0] < 0xc0 || byte[0] >= 0xf8)
		return 0;
	point = byte[0] & (0x7f >> length);
	for (i = 1; i < length; i++) { /* stops at the terminating zero, too */
		if ((byte[i] & 0xc0) != 0x80)
			return 0;
		point = point << 6 | (byte[i] & 0x3f);
	}
	/* Neither the long spelling of a short one, nor a surrogate, nor beyond Unicode. */
	if (point < least[length] || (point >= 0xd800 && point < 0xe000) || point > 0x10ffff)
		return 0;
	return length;
}

/* U+202A to U+202E and U+2066 to U+2069: they turn what follows around, beyond their text's end. */
static bool turns_direction(const char *text)
{
	const unsigned char *byte = (const unsigned char *)text;

	if (byte[0] != 0xe2)
		return false;
	return (byte[1] == 0x80 && byte[2] >= 0xaa && byte[2] <= 0xae) ||
	       (byte[1] == 0x81 && byte[2] >= 0xa6 && byte[2] <= 0xa9);
}

void utf8_clean(char *text)
{
	while (*text) {
		size_t length = utf8_length(text);

		if (length == 0)
			*text = '?';
		else if ((unsigned char)*text < 0x20 || *text == 0x7f)
			*text = ' ';
		/* U+0080 to U+009F: terminals may take them for control sequences. */
		else if ((unsigned char)text[0] == 0xc2 && (unsigned char)text[1] < 0xa0)
			text[0] = text[1] = '?';
		else if (length == 3 && turns_direction(text))
			text[0] = text[1] = text[2] = '?';
		text += length ? length : 1;
	}
}
