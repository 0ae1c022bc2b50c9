/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON objects read by rows: which members one has, of which kind, and where each goes.  Members without a row are
 * passed over, as the runtime-spec's "Extensibility" wants it.  What the members mean is spec.c's.
 */
#ifndef FAKEBUILD_COMPAT_RUNC_SPEC_MEMBERS_H
#define FAKEBUILD_COMPAT_RUNC_SPEC_MEMBERS_H

#include <stdbool.h>
#include <stddef.h>

#include "oci/json.h"
#include "tracer/base/error.h"
#include "tracer/base/mem.h"

/* What is filled while a document is read. */
struct member_reader {
	const void *ctx;     /* of what is read */
	const char *file;    /* for sentences */
	const char *bundle;  /* absolute */
	bool has_files;      /* the host's files are looked at, too: the bundle is being used for the first time */
	struct strlist *unsupported, *harmless, *warnings;
	char where[256];     /* the member being read: "process.user.uid" */
	struct error *err;
};

/* The type of what is at `offset`. */
enum member_kind {
	MEMBER_BOOL,          /* bool */
	MEMBER_TEXT,          /* const char * */
	MEMBER_ABSOLUTE,      /* const char *, that begins with a slash */
	MEMBER_TEXTS,         /* struct strlist * */
	MEMBER_ID,            /* uid_t: 0 to 2^31-1 */
	MEMBER_MODE,          /* mode_t: 0 to 07777 */
	MEMBER_COLUMNS,       /* unsigned short */
	MEMBER_SECONDS,       /* int from 1 */
	MEMBER_LIMIT,         /* uint64_t: all of them */
	MEMBER_DEVICE_NUMBER, /* unsigned: 0 to 2^20-1, which a dev_t of Linux has room for */
	MEMBER_OBJECT,        /* the struct that `shape` fills */
	MEMBER_NEW,           /* a pointer to one */
	MEMBER_ITEMS,         /* a pointer to an array of them, its length (size_t) at `count_offset` */
	MEMBER_IDS,           /* the same of uid_t */
	MEMBER_STRINGS,       /* nothing: an object all of whose members are strings */
	MEMBER_HOOK,          /* whatever `hook` makes of it */
	MEMBER_TAKEN,         /* nothing: not held to, named in `unsupported` when it asks for something */
	MEMBER_HARMLESS,      /* nothing: says what has no meaning here, named in `harmless` */
	MEMBER_REFUSED,       /* nothing: an error when it asks for something; `why` is the sentence */
};

struct member_shape;

struct member_row {
	const char *name; /* NULL ends the rows */
	enum member_kind kind;
	size_t offset;
	bool is_required;
	const struct member_shape *shape;
	size_t count_offset;
	int (*hook)(struct member_reader *r, struct json *value, void *to);
	const char *why;
};

struct member_shape {
	const struct member_row *rows;
	size_t size; /* of the struct */
	/* May be NULL.  Called with the object, once its members are read. */
	int (*check)(struct member_reader *r, struct json *object, void *container);
};

/* Fill *container by the shape.  r->where is the object's own name; "" for the document. */
int members_read(struct member_reader *r, const struct member_shape *shape, struct json *object, void *container);
/* The same of one value, by a row; its name is r->where. */
int members_read_value(struct member_reader *r, const struct member_row *row, struct json *value, void *container);
/* "FILE: MEMBER ...", always -1.  `member` is one of r->where, or NULL for that itself. */
int members_fail(struct member_reader *r, const char *member, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Add such a sentence to the warnings. */
void members_warn(struct member_reader *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Is there anything but false, 0 and empty in it? */
bool members_ask(struct json *value);

#endif
