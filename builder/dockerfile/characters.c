/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the few classes of characters that the language asks for, whatever the host's locale. */
#include "builder/dockerfile/characters.h"

#include <string.h>

enum { STRAY = 0xdc00 };

uint32_t character_at(const char *text, size_t *ret_width)
{
	const unsigned char *p = (const unsigned char *)text;
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t width = *p < 0x80 ? 1 : *p >= 0xf0 && *p < 0xf8 ? 4 : *p >= 0xe0 ? 3 : *p >= 0xc0 ? 2 : 0;
	*ret_width = 1;
	if (width == 1)
		return *p;
	if (width == 0 || *p >= 0xf8)
		return STRAY + *p;
	uint32_t value = *p & (0xff >> (width + 1));
	for (size_t i = 1; i < width; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return STRAY + *p;
		value = value << 6 | (p[i] & 0x3f);
	}
	if (value < least[width] || value > 0x10ffff || (value >= 0xd800 && value < 0xe000))
		return STRAY + *p;
	*ret_width = width;
	return value;
}

struct range {
	uint32_t first, last;
};

static bool is_in(const struct range *ranges, size_t count, uint32_t c)
{
	for (size_t i = 0; i < count; i++)
		if (c >= ranges[i].first && c <= ranges[i].last)
			return true;
	return false;
}

size_t character_space(const char *text)
{
	static const struct range spaces[] = {
		{ '\t', '\r' }, { ' ', ' ' }, { 0x85, 0x85 }, { 0xa0, 0xa0 }, { 0x1680, 0x1680 },
		{ 0x2000, 0x200a }, { 0x2028, 0x2029 }, { 0x202f, 0x202f }, { 0x205f, 0x205f }, { 0x3000, 0x3000 },
	};
	size_t width;
	uint32_t c = character_at(text, &width);
	return is_in(spaces, sizeof(spaces) / sizeof(*spaces), c) ? width : 0;
}

size_t character_letter(const char *text)
{
	/* Of the scripts that people name variables in; not all of Unicode's letters. */
	static const struct range letters[] = {
		{ 'A', 'Z' }, { 'a', 'z' }, { 0xaa, 0xaa }, { 0xb5, 0xb5 }, { 0xba, 0xba }, { 0xc0, 0xd6 },
		{ 0xd8, 0xf6 }, { 0xf8, 0x2c1 }, { 0x370, 0x373 }, { 0x376, 0x377 }, { 0x37b, 0x37d },
		{ 0x386, 0x386 }, { 0x388, 0x3f5 }, { 0x3f7, 0x481 }, { 0x48a, 0x52f }, { 0x531, 0x556 }, { 0x561, 0x587 },
		{ 0x5d0, 0x5ea }, { 0x620, 0x64a }, { 0x671, 0x6d3 }, { 0x904, 0x939 }, { 0xe01, 0xe30 },
		{ 0x10a0, 0x10ff }, { 0x1e00, 0x1fbc }, { 0x3041, 0x3096 }, { 0x30a1, 0x30fa },
		{ 0x3400, 0x4dbf }, { 0x4e00, 0x9fff }, { 0xac00, 0xd7a3 },
	};
	size_t width;
	uint32_t c = character_at(text, &width);
	return is_in(letters, sizeof(letters) / sizeof(*letters), c) ? width : 0;
}

bool character_is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\v' || c == '\f' || c == '\r';
}

const char *characters_trim_start(const char *text)
{
	for (size_t width; *text && (width = character_space(text)) > 0;)
		text += width;
	return text;
}

char *characters_trim(char *text)
{
	char *start = text + (characters_trim_start(text) - text);
	size_t size = strlen(start);
	while (size > 0) {
		/* A space has one to three bytes; its last may not be the end of a longer character. */
		size_t back = 0;
		for (size_t n = 1; n <= 3 && n <= size && !back; n++)
			if (character_space(start + size - n) == n)
				back = n;
		if (!back)
			break;
		size -= back;
		start[size] = '\0';
	}
	return start;
}
