/* SPDX-License-Identifier: Apache-2.0 */
/* What patch.c, which finds the sites of a file, and stubs.c, which finds room and writes, share.  Nobody else includes this. */
#ifndef FAKEBUILD_PATCH_TEXT_H
#define FAKEBUILD_PATCH_TEXT_H

#include <elf.h>

#include "tracer/padding.h"
#include "tracer/patch.h"

enum { JUMP_BYTES = 5 };

struct list {
	uint64_t *items;
	size_t count;
};

struct elf {
	const uint8_t *bytes;
	size_t size;
	bool is_32;
	const Elf64_Phdr *segments;
	unsigned segment_count;
	const Elf64_Shdr *sections; /* none when they are not whole */
	unsigned section_count, names_index;
	struct list starts; /* addresses of functions, ascending */
};

/* An executable segment that is being patched, with the whole pages around it. */
struct text {
	uint8_t *bytes;
	size_t size;
	uint64_t file_offset, address; /* of bytes[0] */
	size_t begin, end;             /* of the segment in bytes */
	size_t room;                   /* where the next stub goes */
	bool is_32;
	struct padding *padding;       /* where pieces of stubs go when that is used up; once it was looked for */
	size_t padding_count;
	bool has_looked;
	uint8_t *front;                /* PATCH_FRONT_BYTES that lie in memory where they lie here; NULL: there are none */
	size_t front_used;
	const uint8_t *leave;          /* a piece that jumps to the hub, which stubs in padding share; NULL: there is none */
};

struct site {
	size_t from, call; /* in text.bytes: first byte that is moved, the syscall */
	unsigned pieces;   /* instructions moved */
	bool is_cold, is_short;
};

/*
 * Write the stub of a site, and return it; NULL: there is no room.  From behind the segment's end on, then in padding, then in
 * front of the file.
 */
const uint8_t *stub_write(struct elf *e, struct text *t, const struct site *s);
/* A jump from here to there; returns what is behind it. */
uint8_t *stub_put_jump(uint8_t *at, const uint8_t *to);

#endif
