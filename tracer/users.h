/* SPDX-License-Identifier: Apache-2.0 */
/*
 * User namespaces that the guest makes, user_namespaces(7): who makes and enters them, and the files of /proc by which their
 * maps are told.  NULL stands for what the run began in.  What they mean for ids is core/idmap.h's, for capabilities core/cred.h's.
 */
#ifndef FAKEBUILD_USERS_H
#define FAKEBUILD_USERS_H

#include <stdio.h>

#include "tracer/call.h"
#include "tracer/core/idmap.h"

struct object;

/* Can they be had: has the kernel the files for it, and is the guest root? */
bool users_are_there(void);
/* May the task make one?  0, -EPERM, -ENOSPC; -EINVAL where the kernel has none. */
int users_may_make(const struct tracee *t);
/* It is in a new one with this number of namespaces, whose maker had these credentials, with all capabilities there. */
void users_make(struct tracee *t, const struct cred *maker, unsigned number);
/* setns(2): 0, -EINVAL, -EPERM. */
int users_enter(struct tracee *t, unsigned number);
/* The one of this number; NULL: the run's first, or none. */
const struct user_namespace *users_find(unsigned number);
/* As in the links of /proc/PID/ns; 0: NULL's. */
unsigned users_number(const struct user_namespace *ns);
/* Is it `in`, or below it? */
bool users_is_below(const struct user_namespace *ns, const struct user_namespace *in);
/* May its processes set groups? */
bool users_may_set_groups(const struct user_namespace *ns);
void users_close(void);

/* An id as the task calls it, and as the run does: ID_NONE for what has no name, or is none. */
static inline uint32_t users_shown(const struct tracee *t, enum id_kind kind, uint32_t id)
{
	return id_shown(t->cred.users, kind, id);
}
static inline uint32_t users_named(const struct tracee *t, enum id_kind kind, uint32_t id)
{
	return id_of(t->cred.users, kind, id);
}

/* usermaps.c: the files uid_map, gid_map, projid_map and setgroups */
enum users_file { USERS_UIDS, USERS_GIDS, USERS_PROJECTS, USERS_GROUPS };
/* By its name in /proc/PID. */
bool users_file_named(const char *name, enum users_file *ret);
/* What the file of a process there says to who is in `reader`. */
void users_tell(FILE *out, const struct user_namespace *ns, enum users_file file, const struct user_namespace *reader);
/* The host path, on t, of a file to be opened for writing in its place. */
char *users_open_to_write(struct tracee *t, const struct user_namespace *ns, enum users_file file);
/* A call that writes, to a descriptor: its result, or CALL_PASS when that is of no such file.  `text` is what is written. */
bool users_is_file(const struct tracee *t, int fd);
int64_t users_write(struct call *c, const char *text, size_t length);

#endif
