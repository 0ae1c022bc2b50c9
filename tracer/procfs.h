/* SPDX-License-Identifier: Apache-2.0 */
/* What of /proc must show the guest's world instead of the host's: links and generated files. */
#ifndef FAKEBUILD_PROCFS_H
#define FAKEBUILD_PROCFS_H

#include <sys/stat.h>
#include <sys/types.h>

#include "tracer/tracee.h"

struct object;

enum procfs_link {
	PROCFS_PLAIN,      /* an ordinary symlink's text */
	PROCFS_GUEST,      /* a magic link: the text is a canonical guest path */
	PROCFS_DESCRIPTOR, /* a magic link to an open file: the text is what the host says */
};

/* "/proc/PID[/task/TID]/rest": the tracee it is about, and rest; NULL when it is about none of the guest's. */
struct tracee *procfs_subject(const char *host, const char **ret_rest);
/*
 * Is this host path below the /proc/PID of whom a mount of proc (pids.h) does not show?  A guest sees its own processes, in a
 * pid namespace those of that.
 */
bool procfs_is_hidden(const char *host, const struct pid_namespace *in);
/*
 * The host path of an object on a mount of proc says of processes what the guest has typed: it is made to lead to them.  False:
 * there is none of this number.  With `is_last`, what is in front of the last component has been settled.
 */
bool procfs_settle(struct object *o, bool is_last);
/* What of a host path in a mount of proc is another number to who sees that mount: into `ret`. */
void procfs_name(const struct pid_namespace *in, const char *host, char *ret, size_t room);
/* The number of what this host path below /proc, of a process or a thread, names at its end; 0: it names none. */
pid_t procfs_number(const char *host);
/* The real parent of any process of the host's; false: there is no such process. */
bool procfs_real_parent(pid_t pid, pid_t *ret);
/* Whose a process that has ended is, when its parent in the guest does not know that yet; NULL: it is no such process. */
const struct tracee *procfs_parent_of_zombie(pid_t pid);

/*
 * Set the owner of a host path below /proc/PID, whose real stat *st is, when that is a process of the guest:
 * true then.  `viewer` is the one who asks.
 */
bool procfs_owner(const char *host, const struct tracee *viewer, struct stat *st);
/*
 * Is what all may read by its mode, below /proc/PID, kept from who may not trace the process?  So are what describes its
 * memory, when it is opened (proc_mem_open of fs/proc/base.c), and its fdinfo (proc_fdinfo_permission of fs/proc/fd.c).
 */
bool procfs_refuses(const char *host, const struct tracee *who, bool is_open);
/*
 * readlink(2) of an object on a mount of proc as the tracee must see it: self and thread-self are its own,
 * exe, cwd and root of guests are guest paths.  -1 with errno; EINVAL when it is no link.
 */
ssize_t procfs_readlink(struct tracee *t, const struct object *o, char *target, size_t room, enum procfs_link *ret_kind);

/*
 * procfiles.c: the host path of a generated file to open instead of this one (maps, mounts, status ...), on a talloc
 * context of the tracee's; NULL when the host's own file will do.  `is_write`: it is opened for writing.
 */
char *procfs_generate(struct tracee *t, const struct object *o, bool is_write);
/*
 * Is the object, to be opened for writing, a file of whose writes the tracer must know (users.h)?  0, 1, or -EACCES for who may
 * not write to it.
 */
int procfs_takes_writes(const struct tracee *t, const struct object *o);
/* Is the file that this path leads to one of /proc's own that is the host's to all, which all may read? */
bool procfs_is_hosts(const char *path, const struct object *o);
/* settings.c: is it a setting of a namespace that is t's own, so that the host's stays what it is? */
bool procfs_is_own_setting(const struct tracee *t, const struct object *o);
/* The host path of the file that has its value, to open instead, on t; NULL when the host's own has it. */
char *procfs_own_setting(struct tracee *t, const struct object *o, bool is_written);
/* Parent of a process as known in a pid namespace: 0 of its first, and of who has come from outside; of orphans the first one. */
pid_t procfs_parent(const struct process *p, const struct pid_namespace *in);
/* The process whose program the link at this host path leads to: /proc/PID/exe.  NULL: it is another link. */
const struct process *procfs_program(const char *host);

#endif
