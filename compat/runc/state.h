/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Containers of the runtime: <root>/<id>/state.json, with the files of a running one beside it.  A folder is
 * made and removed whole; changes of a container are made under its lock.
 */
#ifndef FAKEBUILD_COMPAT_RUNC_STATE_H
#define FAKEBUILD_COMPAT_RUNC_STATE_H

#include <stdbool.h>
#include <sys/types.h>

#include "oci/json.h"
#include "tracer/base/error.h"
#include "tracer/base/mem.h"

/* runtime.md, "State" */
enum container_status { STATUS_CREATING, STATUS_CREATED, STATUS_RUNNING, STATUS_PAUSED, STATUS_STOPPED };

struct runc_container {
	const char *id;
	const char *dir;            /* <root>/<id> */
	const char *bundle, *root;  /* absolute */
	const char *oci_version;
	const char *created;        /* RFC 3339, nanoseconds, UTC */
	const char *owner;          /* name of the invoking user, "" when it has none */
	pid_t pid;                  /* the container's first process; 0: none yet */
	unsigned long long pid_start_time; /* field 22 of /proc/PID/stat, that tells it from a later one */
	bool is_paused;
	pid_t supervisor;           /* who traces it; 0: a guest's container, see process.h */
	struct json *annotations;   /* may be NULL */
	struct json *groups;        /* paths of its control groups by the hierarchies' mounts; NULL: not chosen yet */
	struct json *config;        /* the bundle's document as it was at create */
	int lock_fd;                /* of <dir>/lock, held; -1: not held.  Closed with the container */
};

/* Files in a container's folder. */
#define CONTAINER_FIFO "exec.fifo"      /* the first process waits here for `start` */
#define CONTAINER_SESSION "session"     /* socket of the session: see tracer_serve */
#define CONTAINER_META "meta"           /* the metadata table, when none is kept by the root's path */

/*
 * Where containers are kept when --root is not given: /run/runc of real root, else
 * $XDG_RUNTIME_DIR/runc, else /tmp/fakebuild-runc-UID, as runc does.
 */
char *state_default_root(const void *ctx);

/*
 * Make a new container's folder, locked.  Fails for an id that is empty or has other characters than
 * [A-Za-z0-9_+.-] ("invalid container ID format"), or that is taken ("container with given ID already exists").
 */
int state_create(const void *ctx, const char *root, const char *id, struct runc_container **ret, struct error *err);
/* Write state.json anew. */
int state_save(struct runc_container *c, struct error *err);
/* Read it and take its lock (waiting).  Fails with "container does not exist", which callers match, and ENOENT. */
int state_open(const void *ctx, const char *root, const char *id, struct runc_container **ret, struct error *err);
/*
 * Read it without: for who only asks, and may be a hook of the one that holds the lock.  It cannot be saved.
 */
int state_read(const void *ctx, const char *root, const char *id, struct runc_container **ret, struct error *err);
/* The lock is this process' alone, not of what it forks. */
void state_unlock(struct runc_container *c);
/* Remove the folder with all that is in it. */
int state_remove(struct runc_container *c, struct error *err);
/* Remove what a creation that was killed left: a folder without state.json.  0 or -errno. */
int state_remove_remains(const char *root, const char *id);
/* All ids below root, sorted.  Fails when there is no such folder. */
int state_ids(const void *ctx, const char *root, struct strlist **ret, struct error *err);

/* Has it a pid namespace that is no other's, by its config.json?  Then all of it ends with its first process. */
bool state_has_own_pids(const struct runc_container *c);
/* What it is now: looks at the process, and whether it still waits at the fifo.  Zombies have stopped. */
enum container_status state_status(const struct runc_container *c);
const char *state_status_name(enum container_status status);
/* Field 22 of /proc/PID/stat; 0 when there is no such process, or it is a zombie. */
unsigned long long state_start_time(pid_t pid);
/* The document of `state`, also what hooks get on standard input. */
struct json *state_document(const void *ctx, const struct runc_container *c, enum container_status status);

#endif
