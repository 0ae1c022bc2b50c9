/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One intercepted call: what the guest asked, the row that says what its arguments mean, and what
 * becomes of it.  A hook either answers (returns the result), lets the call pass, or points it to
 * translated arguments.
 */
#ifndef FAKEBUILD_CALL_H
#define FAKEBUILD_CALL_H

#include <stdint.h>

#include "tracer/path.h"
#include "tracer/tracee.h"

/* Results no call can have. */
#define CALL_PASS (INT64_MIN)         /* the kernel does it; changed arguments (call_set) are used */
#define CALL_PASS_EXIT (INT64_MIN + 1) /* so, and t->at_exit sees the result */

/* Of a row's check: the call has succeeded without looking at its path. */
enum { CHECK_DONE = 1 };

enum action {
	ACTION_TRACE,  /* the tracer's */
	ACTION_LATER,  /* the kernel's as the next, until a process matters (watch.h) */
	ACTION_WRITE,  /* so, until a process opens a file of a control group to write to it */
	ACTION_ALLOW,  /* harmless: the kernel's, without a stop */
	ACTION_REFUSE, /* row->refusal is the errno */
};

/* A filter on one argument's low 32 bits: the call is traced only when it holds, else allowed. */
enum condition {
	WHEN_ALWAYS,
	WHEN_NOT_ZERO, /* argument != 0 */
	WHEN_ANY_BIT,  /* argument & value */
	WHEN_EQUAL,    /* argument == value */
	WHEN_TYPE,     /* the argument's second byte, an ioctl's type, is one of value's four */
	WHEN_AT_MOST,  /* argument <= value */
	WHEN_AMONG,    /* argument is one of the row's values, none of which is 0 */
};

/* What of a process a call changes, that its fast path must know. */
enum touches {
	TOUCHES_NOTHING,
	TOUCHES_IDENTITY, /* of the thread */
	TOUCHES_PLACE,    /* root, cwd, mounts of the process */
	TOUCHES_MOUNTS,   /* of all who share them */
};

/* Where a path argument is and how it is looked up. */
struct path_argument {
	signed char dir_fd; /* argument number + 1 of the directory descriptor, 0: the cwd */
	signed char path;   /* argument number + 1, 0: none; with path == 0 and dir_fd the fd is the object */
	signed char flags;  /* argument number + 1 of AT_* flags, 0: none */
	unsigned lookup;    /* enum lookup_flags */
	unsigned allowed;   /* AT_* flags the call knows; others are EINVAL */
};

struct row {
	const char *name; /* the kernel's */
	enum action action;
	int64_t (*hook)(struct call *c);
	int64_t (*plain)(struct call *c); /* in place of the hook when the guest is the invoking user (plain.h) */
	int (*check)(const struct call *c); /* what the kernel sees before a path: 0, -errno, CHECK_DONE */
	struct path_argument path[2];
	int number;  /* where the same on all architectures (424 and up): for libraries that lack the name */
	int refusal; /* errno of ACTION_REFUSE */
	bool by_real_ids;   /* unless AT_EACCESS is among its flags */
	enum touches touches;
	bool is_whole_later; /* in processes that matter (watch.h) it stops whatever `trace` says */
	bool is_inside; /* in processes that are in a pid namespace of the guest's (pids.h) it stops when `inside` says so */
	bool has_short_ids; /* on i386 its ids are 16 bits wide, 0xffff means -1 */
	struct when {
		enum condition when;
		unsigned char argument;
		uint32_t value;
	} trace, inside;
	const uint32_t *values; /* of WHEN_AMONG, in `inside`; the last is followed by 0 */
};

struct call {
	struct tracee *t;
	const struct row *row;
	enum abi abi;
	unsigned row_data; /* the filter's: the row's number, bit 15 for ABI_32 */
	int64_t number;
	uint64_t argument[6];
	uint64_t ip, sp;
	bool is_trapped; /* at the stop of a trap (confined.h): the kernel has left the call, and makes it no more */
	int64_t result; /* at the exit stop */
	bool is_again;  /* the exit hook has sent the tracee back to make the call again */
	unsigned changed; /* bit n: argument n was replaced */
	uint64_t original[6];
	size_t room_used; /* of the slot */
	struct object object[2];
	char text[2][PATH_MAX]; /* the path arguments as given */
	unsigned at_flags;
};

extern const struct row rows[];
extern const unsigned row_count;

/* An argument as a 32-bit int. */
static inline int call_int(const struct call *c, unsigned n)
{
	return (int)c->argument[n];
}

/* The argument behind the (first) path, or descriptor, of the row. */
static inline unsigned call_after_path(const struct call *c)
{
	const struct path_argument *p = &c->row->path[0];
	return p->path ? p->path : p->dir_fd;
}

/* An argument that is a user or group id, of 16 bits in the rows that say so; -1 is 0xffffffff in either width. */
uint32_t call_id(const struct call *c, unsigned n);

/* Replace an argument for this execution; the guest's register is restored afterwards. */
void call_set(struct call *c, unsigned n, uint64_t value);
/* Bytes in the slot that the tracee can read during this call; NULL when there is no room. */
void *call_room(struct call *c, size_t size);
/* The same, of several slots in a row when one is too small; such a run is had once a call. */
void *call_large_room(struct call *c, size_t size);
/* Point argument n at a host path; 0 or -errno. */
int call_set_path(struct call *c, unsigned n, const char *host);
/*
 * Send the call's path arguments to the objects looked up: nothing to change when the kernel would get
 * there by itself.  CALL_PASS or -errno.
 */
int64_t call_redirect(struct call *c);

/* Serve the call that the tracee is stopped in, and resume it. */
void call_serve(struct tracee *t);
/* The same for a call whose trap has brought it to us (confined.h), with the filter's row_data. */
void call_serve_trapped(struct tracee *t, unsigned row_data);
/* At the entry of a call: make another one first, which adds the second filter, or takes orphans in (watch.h). */
void call_watch(struct tracee *t);
/* The exit stop of a call whose hook asked for it. */
void call_serve_exit(struct tracee *t);

#endif
