/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a command as fake root: the tracer's whole face.  It knows nothing of images: it is given a root
 * directory, bindings, a metadata table, credentials, a policy, argv and environment.
 */
#ifndef FAKEBUILD_TRACER_H
#define FAKEBUILD_TRACER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "tracer/base/error.h"
#include "tracer/base/meta.h"

enum binding_flags {
	BINDING_READ_ONLY = 1,
	BINDING_PROC = 2, /* shows the guest's own world where /proc would tell the host's */
};

/* A host file or directory shown at a guest path; the guest path need not exist in the root. */
struct binding {
	const char *host_path;  /* absolute */
	const char *guest_path; /* absolute; symlinks in it are resolved in the guest */
	unsigned flags;         /* enum binding_flags */
	const char *fs_type;    /* what mountinfo says: "proc", "sysfs", "tmpfs", "bind"; NULL: "bind" */
};

enum tracer_flags {
	TRACER_NO_NETWORK = 1, /* inet sockets are refused with ENETUNREACH's kind of errno */
	TRACER_READ_ONLY = 2,  /* the root itself gives EROFS */
	TRACER_NO_FAST_PATH = 4, /* all calls come to the tracer */
	TRACER_STATS = 8,        /* count stops and print the counts to standard error at the end */
};

struct tracer_config {
	const char *root;    /* absolute host path of the guest's root directory */
	struct meta *meta;   /* its metadata table */
	const char *run_dir; /* private host directory for this run's shim, arena and generated files */
	const char *scratch; /* private host directory on root's file system, for copies; NULL: run_dir */
	const struct binding *bindings;
	size_t binding_count;
	char *const *argv; /* argv[0] is looked up in env's PATH when it has no slash */
	char *const *env;
	const char *cwd; /* guest path; must exist */
	uid_t uid;
	gid_t gid;
	const gid_t *groups;
	size_t group_count;
	const char *hostname; /* NULL: the host's */
	unsigned flags;       /* enum tracer_flags */
	const char *code_dir; /* private host directory for patched copies of code, shared by runs; NULL: run_dir */
	/* host folders, colons between them, with static qemu-MACHINE[-static] for programs of other machines; NULL: none */
	const char *emulator_folders;
	const char *trace_path; /* a timeline of the stops goes here, NULL: none */
	unsigned fall_through; /* for tests: one call in so many misses the fast path; 0: none */
};

/*
 * Run it to its end and kill what it left behind.  *ret_status is the first process's exit status, or
 * 128 + signal.  Standard descriptors 0, 1, 2 are the guest's; all others are closed in it.  Signals
 * TERM, HUP, INT, QUIT, USR1, USR2 sent to this process are passed to the first process.
 * Fails with err->status 126 or 127 when the command cannot be executed or is not found, 125 when the
 * host forbids tracing (the sentence names the setting) or the tracer itself failed.
 */
int tracer_run(const struct tracer_config *config, int *ret_status, struct error *err);

/*
 * Look a guest path up as the run would, following symlinks inside the root: for /etc/passwd and such.
 * Returns the host path on ctx, or NULL when there is none.  The mounts of `config` are kept for the next
 * lookup, which may come with more bindings but else the same config, up to the run or tracer_lookup_end.
 */
char *tracer_lookup(const void *ctx, const struct tracer_config *config, const char *guest_path);
void tracer_lookup_end(void);

#endif
