/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the seccomp filter.  Per ABI a binary search over the numbers, so that always-allowed calls cost
 * few instructions and keep the kernel's bitmap of constant answers; the address of the caller is looked
 * at only for calls that would be traced: those made from the shim's gate are allowed.  What has no row
 * gets ENOSYS.
 */
#include "tracer/filter.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "tracer/arch/arch.h"
#include "tracer/base/compat.h"
#include "tracer/base/mem.h"
#include "tracer/call.h"
#include "tracer/confined.h"
#include "tracer/core/cred.h"
#include "tracer/hooks.h"
#include "tracer/shim/abi.h"

#ifndef SECCOMP_RET_KILL
#define SECCOMP_RET_KILL 0
#endif

enum { INSTRUCTIONS_MAX = BPF_MAXINSNS };

/* Calls from `number` on, up to the next segment, have this answer. */
struct segment {
	uint32_t number;
	int row; /* -1: no row, ENOSYS */
};

struct builder {
	struct sock_filter *code;
	unsigned length;
	unsigned check[INSTRUCTIONS_MAX / 4]; /* jumps to the check of the caller's address */
	unsigned check_count;
};

static void emit(struct builder *b, uint16_t code, uint32_t k, uint8_t jump_true, uint8_t jump_false)
{
	if (b->length < INSTRUCTIONS_MAX)
		b->code[b->length] = (struct sock_filter){ code, jump_true, jump_false, k };
	b->length++;
}

static void load(struct builder *b, size_t offset)
{
	emit(b, BPF_LD | BPF_W | BPF_ABS, offset, 0, 0);
}

static void ret(struct builder *b, uint32_t value)
{
	emit(b, BPF_RET | BPF_K, value, 0, 0);
}

/* What a row answers without looking at more than the number; 0: it is traced. */
static uint32_t constant_answer(int number_of_row)
{
	if (number_of_row < 0)
		return SECCOMP_RET_ERRNO | ENOSYS;
	const struct row *row = &rows[number_of_row];
	if (row->action == ACTION_REFUSE)
		return SECCOMP_RET_ERRNO | row->refusal;
	return row->action == ACTION_TRACE ? 0 : SECCOMP_RET_ALLOW;
}

/* What it does not hold for is allowed; otherwise on behind. */
static void emit_when(struct builder *b, const struct when *w, const uint32_t *values)
{
	unsigned count;
	size_t argument = offsetof(struct seccomp_data, args) + w->argument * 8;
	switch (w->when) {
	case WHEN_ALWAYS:
		break;
	case WHEN_NOT_ZERO: /* a pointer: both halves */
		load(b, argument);
		emit(b, BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 3);
		load(b, argument + 4);
		emit(b, BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1);
		ret(b, SECCOMP_RET_ALLOW);
		break;
	case WHEN_ANY_BIT:
		load(b, argument);
		emit(b, BPF_JMP | BPF_JSET | BPF_K, w->value, 1, 0);
		ret(b, SECCOMP_RET_ALLOW);
		break;
	case WHEN_TYPE:
		load(b, argument);
		emit(b, BPF_ALU | BPF_AND | BPF_K, 0xff00, 0, 0);
		emit(b, BPF_JMP | BPF_JEQ | BPF_K, w->value >> 16 & 0xff00, 4, 0);
		emit(b, BPF_JMP | BPF_JEQ | BPF_K, w->value >> 8 & 0xff00, 3, 0);
		emit(b, BPF_JMP | BPF_JEQ | BPF_K, w->value & 0xff00, 2, 0);
		emit(b, BPF_JMP | BPF_JEQ | BPF_K, (w->value & 0xff) << 8, 1, 0);
		ret(b, SECCOMP_RET_ALLOW);
		break;
	case WHEN_EQUAL:
		load(b, argument);
		emit(b, BPF_JMP | BPF_JEQ | BPF_K, w->value, 1, 0);
		ret(b, SECCOMP_RET_ALLOW);
		break;
	case WHEN_AT_MOST:
		load(b, argument);
		emit(b, BPF_JMP | BPF_JGT | BPF_K, w->value, 0, 1);
		ret(b, SECCOMP_RET_ALLOW);
		break;
	case WHEN_AMONG:
		for (count = 0; values[count];)
			count++;
		load(b, argument);
		for (unsigned i = 0; i < count; i++)
			emit(b, BPF_JMP | BPF_JEQ | BPF_K, values[i], count - i, 0);
		ret(b, SECCOMP_RET_ALLOW);
		break;
	}
}

static void emit_leaf(struct builder *b, int number_of_row, enum abi abi)
{
	uint32_t answer = constant_answer(number_of_row);
	if (answer) {
		ret(b, answer);
		return;
	}
	emit_when(b, &rows[number_of_row].trace, rows[number_of_row].values);
	/* The answer waits in X while the shared tail looks at the caller's address. */
	uint32_t asking = confined_refusal(abi, number_of_row) ? SECCOMP_RET_TRAP : SECCOMP_RET_TRACE;
	emit(b, BPF_LDX | BPF_W | BPF_IMM, asking | number_of_row | (abi == ABI_32 ? 0x8000 : 0), 0, 0);
	if (b->check_count < INSTRUCTIONS_MAX / 4)
		b->check[b->check_count++] = b->length;
	emit(b, BPF_JMP | BPF_JA, 0, 0, 0);
}

/* Calls made from the shim's gate are allowed; the rest get the answer in X. */
static void emit_check(struct builder *b)
{
	for (unsigned i = 0; i < b->check_count; i++)
		b->code[b->check[i]].k = b->length - b->check[i] - 1;
	b->check_count = 0;
	load(b, offsetof(struct seccomp_data, instruction_pointer));
	emit(b, BPF_ALU | BPF_AND | BPF_K, SHIM_GATE_MASK, 0, 0);
	emit(b, BPF_JMP | BPF_JEQ | BPF_K, SHIM_GATE, 0, 3);
	load(b, offsetof(struct seccomp_data, instruction_pointer) + 4);
	emit(b, BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1);
	ret(b, SECCOMP_RET_ALLOW);
	emit(b, BPF_MISC | BPF_TXA, 0, 0, 0);
	emit(b, BPF_RET | BPF_A, 0, 0, 0);
}

/* The jump at `at` goes over what has been emitted behind it; beyond 255 instructions it takes two. */
static void emit_jump_over(struct builder *b, unsigned at, unsigned first_check)
{
	unsigned length = b->length - at - 1;
	if (length <= 255) {
		b->code[at].jt = length;
		return;
	}
	emit(b, 0, 0, 0, 0);
	if (b->length > INSTRUCTIONS_MAX)
		return;
	memmove(&b->code[at + 2], &b->code[at + 1], length * sizeof(*b->code));
	b->code[at].jf = 1;
	b->code[at + 1] = (struct sock_filter){ BPF_JMP | BPF_JA, 0, 0, length };
	for (unsigned i = first_check; i < b->check_count; i++)
		b->check[i]++;
}

/* Binary search over segments[from..to). */
static void emit_search(struct builder *b, const struct segment *segments, unsigned from, unsigned to, enum abi abi)
{
	if (to - from == 1) {
		emit_leaf(b, segments[from].row, abi);
		return;
	}
	unsigned middle = from + (to - from) / 2, at = b->length, first_check = b->check_count;
	emit(b, BPF_JMP | BPF_JGE | BPF_K, segments[middle].number, 0, 0);
	emit_search(b, segments, from, middle, abi);
	if (at < INSTRUCTIONS_MAX)
		emit_jump_over(b, at, first_check);
	emit_search(b, segments, middle, to, abi);
}

static int by_number(const void *a, const void *b)
{
	uint32_t x = ((const struct segment *)a)->number, y = ((const struct segment *)b)->number;
	return x < y ? -1 : x > y;
}

enum { NUMBERS = 1024 };
static short row_by_number[ABI_COUNT][NUMBERS]; /* plus one; 0: none */

static bool is_among(uint32_t argument, const uint32_t *values)
{
	while (*values && *values != argument)
		values++;
	return *values;
}

static bool holds(const struct when *w, const uint32_t *values, const struct call *c)
{
	uint64_t argument = c->argument[w->argument];
	return w->when == WHEN_NOT_ZERO ? argument != 0 :
	       w->when == WHEN_ANY_BIT	? (uint32_t)argument & w->value :
	       w->when == WHEN_EQUAL	? (uint32_t)argument == w->value :
	       w->when == WHEN_AT_MOST	? (uint32_t)argument <= w->value :
	       w->when == WHEN_AMONG	? is_among(argument, values) : true;
}

static const struct row *row_of(const struct call *c)
{
	unsigned number = c->number < 0 || c->number >= NUMBERS ? NUMBERS : (unsigned)c->number;
	int index = number < NUMBERS ? row_by_number[c->abi][number] - 1 : -1;
	return index < 0 ? NULL : &rows[index];
}

bool filter_is_row_of(const struct call *c, const struct row *row)
{
	return row_of(c) == row;
}

const struct row *filter_find_row(const struct call *c)
{
	const struct row *row = row_of(c);
	if (row && row->is_inside && c->t->is_inside && holds(&row->inside, row->values, c))
		return row;
	if (row && row->hook == hook_readv && c->t->has_signals)
		return row;
	if (!row || row->action == ACTION_ALLOW || row->action == ACTION_REFUSE ||
	    (row->action == ACTION_LATER && !c->t->is_watched) || (row->action == ACTION_WRITE && !c->t->has_control))
		return NULL;
	if (row->is_whole_later && c->t->is_watched)
		return row;
	return holds(&row->trace, row->values, c) ? row : NULL;
}

int filter_number(enum abi abi, unsigned row)
{
	int number = arch_call_number(abi, rows[row].name);
	return number < 0 && rows[row].number ? rows[row].number : number;
}

/* The rows of an ABI by number, gaps filled with "no row", equal neighbours joined. */
static unsigned resolve(enum abi abi, struct segment *segments, struct segment *scratch)
{
	unsigned count = 0, joined = 0;
	for (unsigned i = 0; i < row_count; i++) {
		int number = filter_number(abi, i);
		if (number >= 0)
			scratch[count++] = (struct segment){ number, i };
		if (number >= 0 && number < NUMBERS)
			row_by_number[abi][number] = i + 1;
	}
	qsort(scratch, count, sizeof(*scratch), by_number);
	uint32_t next = 0;
	for (unsigned i = 0; i <= count; i++) {
		struct segment add[2] = { { next, -1 }, i < count ? scratch[i] : (struct segment){ 0, -1 } };
		bool has_gap = i == count || scratch[i].number > next;
		for (unsigned j = !has_gap; j < 2 - (i == count); j++) {
			uint32_t answer = constant_answer(add[j].row);
			if (!joined || !answer || constant_answer(segments[joined - 1].row) != answer)
				segments[joined++] = add[j];
		}
		if (i < count)
			next = scratch[i].number + 1;
	}
	return joined;
}

struct sock_fprog *filter_make(const void *ctx, struct error *err)
{
	struct sock_fprog *program = mem_new(ctx, struct sock_fprog);
	CLEANUP_TALLOC struct builder *b = mem_new(NULL, struct builder);
	CLEANUP_TALLOC struct segment *segments = mem_array(NULL, struct segment, 2 * row_count + 1);
	CLEANUP_TALLOC struct segment *scratch = mem_array(NULL, struct segment, row_count);
	confined_find();
	b->code = mem_array(program, struct sock_filter, INSTRUCTIONS_MAX);
	load(b, offsetof(struct seccomp_data, arch));
	for (enum abi abi = 0; abi < ABI_COUNT; abi++) {
		unsigned count = resolve(abi, segments, scratch);
		emit(b, BPF_JMP | BPF_JEQ | BPF_K, arch_audit[abi], 1, 0);
		unsigned jump = b->length;
		emit(b, BPF_JMP | BPF_JA, 0, 0, 0);
		load(b, offsetof(struct seccomp_data, nr));
		/* Numbers of the foreign ABI are above all rows: no row, ENOSYS. */
		emit_search(b, segments, 0, count, abi);
		if (b->length > INSTRUCTIONS_MAX - 16)
			break;
		emit_check(b);
		b->code[jump].k = b->length - jump - 1;
	}
	ret(b, SECCOMP_RET_KILL);
	if (b->length > INSTRUCTIONS_MAX) {
		error_set(err, 0, "the system call filter has %u instructions, the kernel takes %d", b->length,
			  INSTRUCTIONS_MAX);
		talloc_free(program);
		return NULL;
	}
	program->filter = b->code;
	program->len = b->length;
	return program;
}

/* The condition on which a row is in the program; NULL: it is not. */
static const struct when *when_later(const struct row *row, enum watch watch)
{
	static const struct when always = { .when = WHEN_ALWAYS };
	bool is_later = row->action == ACTION_LATER || row->is_whole_later;
	switch (watch) {
	case WATCH_CALLS:
		return is_later ? &always : NULL;
	case WATCH_WRITES:
		return row->action == ACTION_WRITE ? &row->trace : NULL;
	case WATCH_READS:
		return row->hook == hook_read || row->hook == hook_readv ? &row->trace : NULL;
	default:
		return is_later ? &always : row->is_inside ? &row->inside : NULL;
	}
}

struct sock_fprog *filter_make_later(const void *ctx, enum watch watch)
{
	struct sock_fprog *program = mem_new(ctx, struct sock_fprog);
	struct builder b = { .code = mem_array(program, struct sock_filter, 16 * row_count) };
	/* What comes from the gate has been looked at, and may come again from there. */
	load(&b, offsetof(struct seccomp_data, instruction_pointer));
	emit(&b, BPF_ALU | BPF_AND | BPF_K, SHIM_GATE_MASK, 0, 0);
	emit(&b, BPF_JMP | BPF_JEQ | BPF_K, SHIM_GATE, 0, 3);
	load(&b, offsetof(struct seccomp_data, instruction_pointer) + 4);
	emit(&b, BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1);
	ret(&b, SECCOMP_RET_ALLOW);
	for (enum abi abi = 0; abi < ABI_COUNT; abi++) {
		load(&b, offsetof(struct seccomp_data, arch));
		emit(&b, BPF_JMP | BPF_JEQ | BPF_K, arch_audit[abi], 1, 0);
		unsigned jump = b.length;
		emit(&b, BPF_JMP | BPF_JA, 0, 0, 0);
		load(&b, offsetof(struct seccomp_data, nr));
		for (unsigned i = 0; i < row_count; i++) {
			const struct when *when = when_later(&rows[i], watch);
			int number = when ? filter_number(abi, i) : -1;
			if (number < 0)
				continue;
			unsigned at = b.length;
			emit(&b, BPF_JMP | BPF_JEQ | BPF_K, number, 0, 0);
			emit_when(&b, when, rows[i].values);
			ret(&b, SECCOMP_RET_TRACE | i | (abi == ABI_32 ? 0x8000 : 0));
			b.code[at].jf = b.length - at - 1;
		}
		ret(&b, SECCOMP_RET_ALLOW);
		b.code[jump].k = b.length - jump - 1;
	}
	ret(&b, SECCOMP_RET_ALLOW);
	program->filter = b.code;
	program->len = b.length;
	return program;
}

void filter_drop_capabilities(void)
{
	const uint64_t kept = 1u << CAPABILITY_CHOWN | 1u << CAPABILITY_DAC_OVERRIDE | 1u << CAPABILITY_DAC_READ_SEARCH |
			      1u << CAPABILITY_FOWNER | 1u << CAPABILITY_FSETID | 1u << CAPABILITY_NET_BIND_SERVICE |
			      1u << CAPABILITY_NET_RAW;
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct sets[2];
	for (int i = 0; i <= CAPABILITY_LAST; i++)
		if (!(kept >> i & 1))
			prctl(PR_CAPBSET_DROP, i, 0, 0, 0); /* EPERM for who has none */
	if (syscall(SYS_capget, &head, sets) < 0)
		return;
	for (unsigned i = 0; i < 2; i++) {
		sets[i].effective &= kept >> (32 * i);
		sets[i].permitted &= kept >> (32 * i);
		sets[i].inheritable &= kept >> (32 * i);
	}
	syscall(SYS_capset, &head, sets);
}

int filter_install(const struct sock_fprog *program)
{
	filter_drop_capabilities();
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW, program) == 0)
		return 0;
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, program, 0, 0) < 0 ? -errno : 0;
}
