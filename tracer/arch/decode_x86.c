/* SPDX-License-Identifier: Apache-2.0 */
/* Lengths of x86-64 and i386 instructions, by the opcode maps.  What is not known for sure is not decoded. */
#include "tracer/arch/decode.h"

#ifdef __x86_64__
#include <string.h>

/* What follows an opcode; the letters of the maps below. */
enum follows {
	N,     /* nothing */
	M,     /* ModRM */
	B,     /* an immediate byte */
	Z,     /* an immediate of 4 bytes, 2 with an operand size prefix */
	MB,    /* ModRM and a byte */
	MZ,    /* ModRM and Z */
	W,     /* an immediate of 2 bytes */
	WB,    /* 2 bytes and a byte: enter */
	V,     /* Z, or 8 bytes with REX.W: mov */
	A,     /* an address of 8 bytes */
	R1,    /* a branch of one byte */
	R4,    /* a branch of four bytes */
	G3,    /* ModRM, and with /0 and /1 a byte */
	GZ,    /* ModRM, and with /0 and /1 Z */
	X,     /* not in 64-bit mode, or a prefix that was looked at before */
};

static const uint8_t one_byte[256] = {
	/* 00 */ M, M, M, M, B, Z, X, X, M, M, M, M, B, Z, X, X,
	/* 10 */ M, M, M, M, B, Z, X, X, M, M, M, M, B, Z, X, X,
	/* 20 */ M, M, M, M, B, Z, X, X, M, M, M, M, B, Z, X, X,
	/* 30 */ M, M, M, M, B, Z, X, X, M, M, M, M, B, Z, X, X,
	/* 40 */ X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X,
	/* 50 */ N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N,
	/* 60 */ X, X, X, M, X, X, X, X, Z, MZ, B, MB, N, N, N, N,
	/* 70 */ R1, R1, R1, R1, R1, R1, R1, R1, R1, R1, R1, R1, R1, R1, R1, R1,
	/* 80 */ MB, MZ, X, MB, M, M, M, M, M, M, M, M, M, M, M, M,
	/* 90 */ N, N, N, N, N, N, N, N, N, N, X, N, N, N, N, N,
	/* a0 */ A, A, A, A, N, N, N, N, B, Z, N, N, N, N, N, N,
	/* b0 */ B, B, B, B, B, B, B, B, V, V, V, V, V, V, V, V,
	/* c0 */ MB, MB, W, N, X, X, MB, MZ, WB, N, W, N, N, B, X, N,
	/* d0 */ M, M, M, M, X, X, X, N, M, M, M, M, M, M, M, M,
	/* e0 */ R1, R1, R1, R1, B, B, B, B, R4, R4, X, R1, N, N, N, N,
	/* f0 */ X, N, X, X, N, N, G3, GZ, N, N, N, N, N, N, M, M,
};

static const uint8_t two_byte[256] = {
	/* 00 */ M, M, M, M, X, N, N, N, N, N, X, N, X, M, N, MB,
	/* 10 */ M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M,
	/* 20 */ M, M, M, M, X, X, X, X, M, M, M, M, M, M, M, M,
	/* 30 */ N, N, N, N, N, N, X, N, X, X, X, X, X, X, X, X,
	/* 40 */ M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M,
	/* 50 */ M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M,
	/* 60 */ M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M,
	/* 70 */ MB, MB, MB, MB, M, M, M, N, M, M, X, X, M, M, M, M,
	/* 80 */ R4, R4, R4, R4, R4, R4, R4, R4, R4, R4, R4, R4, R4, R4, R4, R4,
	/* 90 */ M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M,
	/* a0 */ N, N, N, M, MB, M, X, X, N, N, N, M, MB, M, M, M,
	/* b0 */ M, M, M, M, M, M, M, M, M, M, MB, M, M, M, M, M,
	/* c0 */ M, M, MB, M, MB, MB, MB, M, N, N, N, N, N, N, N, N,
	/* d0 */ M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M,
	/* e0 */ M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M,
	/* f0 */ M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M,
};

/* Where 32-bit code has something else. */
static enum follows follows_in_32(uint8_t opcode)
{
	static const uint8_t alone[] = { 0x06, 0x07, 0x0e, 0x16, 0x17, 0x1e, 0x1f, 0x27, 0x2f, 0x37, 0x3f, 0x60, 0x61, 0xce };
	if ((opcode & 0xf0) == 0x40 || memchr(alone, opcode, sizeof(alone)))
		return N;
	return opcode == 0x62 || opcode == 0xc4 || opcode == 0xc5 ? M : /* bound, les, lds */
	       opcode == 0x82				  ? MB :
	       opcode == 0xd4 || opcode == 0xd5		  ? B : one_byte[opcode];
}

struct reader {
	const uint8_t *code;
	size_t room, at;
	bool is_32;
	bool has_operand_prefix, has_address_prefix, has_rex_w;
};

static bool take(struct reader *r, size_t bytes)
{
	r->at += bytes;
	return r->at <= r->room && r->at <= 15; /* longer is no instruction */
}

/* ModRM, SIB and displacement. */
static bool take_modrm(struct reader *r, uint8_t *ret_modrm, bool *ret_is_bound)
{
	if (!take(r, 1))
		return false;
	uint8_t modrm = r->code[r->at - 1], mod = modrm >> 6, rm = modrm & 7;
	*ret_modrm = modrm;
	if (mod == 3)
		return true;
	if (r->is_32 && r->has_address_prefix)
		return false; /* of 16 bits */
	bool has_displacement = mod == 2;
	if (rm == 4) {
		if (!take(r, 1))
			return false;
		has_displacement |= mod == 0 && (r->code[r->at - 1] & 7) == 5;
	} else if (mod == 0 && rm == 5) {
		*ret_is_bound |= !r->is_32;
		has_displacement = true;
	}
	return take(r, has_displacement ? 4 : mod == 1 ? 1 : 0);
}

static bool take_branch(struct reader *r, size_t bytes, struct instruction *ret)
{
	if (!take(r, bytes) || (r->is_32 && r->has_operand_prefix))
		return false;
	int32_t distance = (int8_t)r->code[r->at - 1];
	if (bytes == 4)
		memcpy(&distance, r->code + r->at - 4, 4);
	ret->is_bound = ret->has_target = true;
	ret->target = (int64_t)r->at + distance;
	return true;
}

static bool take_rest(struct reader *r, enum follows what, struct instruction *ret)
{
	size_t z = r->has_operand_prefix && !r->has_rex_w ? 2 : 4;
	uint8_t modrm = 0;
	switch (what) {
	case N:
		return true;
	case B:
		return take(r, 1);
	case Z:
		return take(r, z);
	case W:
		return take(r, 2);
	case WB:
		return take(r, 3);
	case V:
		return take(r, r->has_rex_w ? 8 : z);
	case A:
		return take(r, (r->is_32 ? 4 : 8) / (r->has_address_prefix ? 2 : 1));
	case R1:
		return take_branch(r, 1, ret);
	case R4:
		return take_branch(r, 4, ret);
	case M:
		return take_modrm(r, &modrm, &ret->is_bound);
	case MB:
		return take_modrm(r, &modrm, &ret->is_bound) && take(r, 1);
	case MZ:
		return take_modrm(r, &modrm, &ret->is_bound) && take(r, z);
	case G3:
	case GZ:
		return take_modrm(r, &modrm, &ret->is_bound) &&
		       (modrm >> 3 & 6 || take(r, what == G3 ? 1 : z));
	case X:
		break;
	}
	return false;
}

/* VEX (c4, c5) and EVEX (62): map, opcode, ModRM and perhaps a byte. */
static bool take_vector(struct reader *r, uint8_t lead, struct instruction *ret)
{
	size_t more = lead == 0xc5 ? 1 : lead == 0xc4 ? 2 : 3;
	if (!take(r, more))
		return false;
	uint8_t map = lead == 0xc5 ? 1 : r->code[r->at - more] & (lead == 0xc4 ? 0x1f : 7);
	if (map == 0 || (map > 3 && !(lead == 0x62 && (map == 5 || map == 6))) || !take(r, 1))
		return false;
	uint8_t opcode = r->code[r->at - 1], modrm;
	if (map == 1 && opcode == 0x77)
		return true; /* vzeroupper */
	return take_modrm(r, &modrm, &ret->is_bound) &&
	       (!(map == 3 || (map == 1 && two_byte[opcode] == MB)) || take(r, 1));
}

/* Of an opcode at code[at], 0x0f00 above the second map's, with its ModRM behind it. */
static void tell_flow(const uint8_t *code, size_t at, unsigned opcode, struct instruction *ret)
{
	enum { NOP = 0x90, NOP_LONG = 0x0f1f, INT3 = 0xcc, RET = 0xc3, RET_POP = 0xc2, JMP = 0xe9, JMP_SHORT = 0xeb, HLT = 0xf4,
	       INDIRECT = 0xff, UD2 = 0x0f0b };
	bool has_other_meaning = at && (code[at - 1] & 0xf0) == 0x40; /* REX: xchg */
	for (size_t i = 0; i < at; i++)
		has_other_meaning |= code[i] == 0xf2 || code[i] == 0xf3;
	ret->is_filler = opcode == INT3 || ((opcode == NOP || opcode == NOP_LONG) && !has_other_meaning);
	ret->ends_flow = opcode == INT3 || opcode == RET || opcode == RET_POP || opcode == JMP || opcode == JMP_SHORT ||
			 opcode == HLT || opcode == UD2 || (opcode == INDIRECT && (code[at + 1] >> 3 & 7) == 4);
}

bool decode_instruction(enum code_kind kind, const uint8_t *code, size_t room, struct instruction *ret)
{
	static const uint8_t prefixes[] = { 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf0, 0xf2, 0xf3 };
	struct reader r = { .code = code, .room = room, .is_32 = kind == CODE_32 };
	*ret = (struct instruction){ .length = 0 };
	uint8_t byte = 0;
	do {
		if (!take(&r, 1))
			return false;
		byte = code[r.at - 1];
		r.has_operand_prefix |= byte == 0x66;
		r.has_address_prefix |= byte == 0x67;
	} while (memchr(prefixes, byte, sizeof(prefixes)));
	if (!r.is_32 && (byte & 0xf0) == 0x40) {
		r.has_rex_w = byte & 8;
		if (!take(&r, 1))
			return false;
		byte = code[r.at - 1];
	}
	bool is_known;
	/* In 32-bit code they are vectors only in front of what would be a register. */
	bool is_vector = byte == 0xc4 || byte == 0xc5 || byte == 0x62;
	if (is_vector && r.is_32)
		is_vector = r.at < room && code[r.at] >= 0xc0;
	if (is_vector) {
		is_known = take_vector(&r, byte, ret);
	} else if (byte == 0x8f && r.at < room && (code[r.at] & 0x38)) {
		is_known = false; /* no pop: AMD's XOP */
	} else if (byte != 0x0f) {
		size_t at = r.at - 1;
		is_known = take_rest(&r, r.is_32 ? follows_in_32(byte) : one_byte[byte], ret);
		ret->is_syscall = is_known && r.is_32 && r.at == 2 && byte == 0xcd && code[1] == 0x80;
		if (is_known)
			tell_flow(code, at, byte, ret);
		/* mov $imm32,%eax; mov $imm32,%rax */
		ret->sets_number = is_known && ((r.at == 5 && code[0] == 0xb8) || (r.at == 7 && memcmp(code, "\x48\xc7\xc0", 3) == 0));
		if (ret->sets_number)
			memcpy(&ret->number, code + r.at - 4, 4);
	} else {
		if (!take(&r, 1))
			return false;
		byte = code[r.at - 1];
		ret->is_syscall = !r.is_32 && byte == 0x05 && r.at == 2;
		tell_flow(code, r.at - 1, 0x0f00u | byte, ret);
		if (byte == 0x38 || byte == 0x3a)
			is_known = take(&r, 1) && take_rest(&r, byte == 0x38 ? M : MB, ret);
		else
			is_known = take_rest(&r, two_byte[byte], ret);
	}
	ret->length = r.at;
	return is_known;
}
#endif
