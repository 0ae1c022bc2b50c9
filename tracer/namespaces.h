/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Namespaces, granted virtually: those of mounts, host names, processes (pids.h) and users (users.h) are real to the guest, the
 * others have a number of their own and share the host's world.
 */
#ifndef FAKEBUILD_NAMESPACES_H
#define FAKEBUILD_NAMESPACES_H

#include "tracer/tracee.h"

struct call;
struct object;

#define NAMESPACES_ALL 0x7e020080 /* CLONE_NEW{NS,CGROUP,UTS,IPC,USER,PID,NET,TIME} of clone(2) */

/* Is there a new one for a task by these CLONE_NEW* flags, of clone(2) or unshare(2)?  0, -EPERM, -EINVAL, -ENOSPC. */
int namespaces_may_make(const struct tracee *t, uint64_t clone_flags);
/*
 * What these CLONE_NEW* flags make, but for that of processes: first that of users, who the others belong to.  Its maker had
 * these credentials.
 */
void namespaces_renew(struct tracee *t, const struct cred *maker, uint64_t clone_flags);
/* Has it the capability toward the user namespace that this namespace of its own belongs to, by CLONE_NEW* kind? */
bool namespaces_has(const struct tracee *t, unsigned clone_flag, enum capability capability);
/* So toward who the pid namespace of its process, the one whose files a mount of proc shows, belongs to. */
const struct user_namespace *namespaces_owner(const struct tracee *t, unsigned clone_flag);
/* ioctl(2) of such a descriptor, ioctl_nsfs(2): false when it is none of these. */
bool namespaces_ioctl(struct call *c, uint32_t command, int64_t *ret);
/* Which pid namespace (pids.h) a new task is in, and its children will be. */
void namespaces_inherit_pids(struct tracee *child, const struct tracee *parent, uint64_t clone_flags);
/* The same for a task from outside: in the process' (NULL: in what the run began in), or first in a new one. */
void namespaces_put_pids(struct tracee *t, const struct process *into, bool is_first);
/*
 * What the link /proc/PID/ns/`name` says of a namespace that is not the host's: "mnt:[4026532001]" into
 * `ret`; false when the host's own link will do.  "": it has none yet.
 */
bool namespaces_link(const struct tracee *of, const char *name, char *ret, size_t room);
/* The host path of a file that stands for it, to be opened instead: setns knows it again.  NULL: the host's. */
char *namespaces_file(const void *ctx, const struct tracee *of, const char *name);
/* The same for whatever namespace of this name, to be bound on a file: setns(2) knows it by it. */
char *namespaces_file_to_bind(const void *ctx, const struct tracee *of, const char *name);
/* Is t in the namespace of this CLONE_NEW* kind that the run began in? */
bool namespaces_is_first(const struct tracee *t, unsigned clone_flag);
/* Is the object a descriptor of such a file? */
bool namespaces_is_file(const struct object *o);
/* Is it one of a user namespace, the host's file or ours? */
bool namespaces_is_user(const struct object *o);
/* The run begins: what its first process is in. */
void namespaces_open(struct tracee *first);
/* The first process gets a pid namespace of its own, which the run's mounts of proc show. */
void namespaces_begin_pids(struct tracee *first);
void namespaces_close(void);
/* What the run began in, one user more each. */
struct mounts *namespaces_first_mounts(void);
struct uts *namespaces_first_uts(void);

#endif
