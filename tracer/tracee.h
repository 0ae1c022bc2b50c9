/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The processes of the guest: one struct a thread, ordered by how clone(2) and execve(2) treat each
 * part, and the table that finds them by thread id.
 */
#ifndef FAKEBUILD_TRACEE_H
#define FAKEBUILD_TRACEE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "tracer/core/cred.h"
#include "tracer/tracer.h"

/* An address in a tracee; cannot be dereferenced here. */
typedef uint64_t taddr;

/* mnt, uts, ipc, user, pid, net, cgroup, time: as namespaces.c lists them. */
enum { NAMESPACE_KINDS = 8 };

enum abi { ABI_64, ABI_32, ABI_COUNT };

struct call;
struct cgroup;
struct kept;
struct mounts;
struct pid_namespace;
struct ptraced;

/* What a wait call waits for; kept in the thread that is in it (guest_wait.c). */
struct guest_wait {
	bool is_on;
	bool is_lonely;   /* there is no child for the kernel to wait for: it sleeps in pause(2) instead */
	bool owes_signal; /* SIGCHLD comes when the wait call has told */
	int type;         /* P_ALL, P_PID, P_PGID */
	pid_t id;
	unsigned options;
	int64_t number;   /* of the call */
};

/* What clone(2) shares under CLONE_FS.  Paths are canonical guest paths from the namespace's root. */
struct fs {
	unsigned users;
	char *root; /* "/" unless chrooted */
	char *cwd;
	bool is_cwd_elsewhere; /* another has moved it (pivot_root): the kernel's own cwd is not this one */
	struct kept *lost_root; /* the directory itself, when that is root which has no name: removed, or out of all mounts */
	bool has_lost_cwd; /* the directory has no name: removed, or out of all mounts; cwd is its last one */
	mode_t umask;
};

/* A UTS namespace: the names that sethostname(2) and setdomainname(2) set. */
struct uts {
	unsigned users;
	char *host, *domain; /* NULL: the host's */
};

/* One memory: of one process, and after vfork of two; made anew by fork and execve. */
struct mm {
	unsigned users; /* processes */
	uint32_t state; /* what its shim takes it for (fast_states.h), 0: every call comes to us */
	bool is_off;     /* and will until the next execve */
	bool is_divided; /* two processes in it differ: off while there are two */
	uint64_t answers; /* of its shim, that are counted (stats.h) */
};

/* What the threads of one process share; made anew by fork, mended by execve. */
struct process {
	unsigned users;
	struct mm *mm;
	pid_t pid;
	pid_t parent, parent_tid; /* process and thread that made it; 0: none of the guest */
	pid_t vforked_by;   /* the thread that waits for its execve or end, and is kept for it; 0: none */
	char *exe;          /* guest path of the program */
	char *exe_host;     /* where it really is; NULL, "": not known */
	struct kept *exe_kept; /* when no name leads there (keeper.h); else NULL */
	bool is_peer;       /* it has connected, listened or made a pair */
	struct ucred peer;  /* as what, the last time */
	bool has_claim;     /* it has sent credentials that it named itself */
	struct ucred claim;
	bool asks_ids;      /* it has asked for credentials with messages (inflight.h) */
	pid_t container;    /* the first process of the container that it is of (join.h); 0: of none */
	bool is_paused;     /* with that: its stops wait */
	bool must_watch;    /* its threads are to have the second filter (watch.h) */
	struct pid_namespace *pids; /* what it is in (pids.h); NULL: what the run began in */
	pid_t joined_by;    /* the host's number of its parent, who is outside, when it has joined the run (join.h); else 0 */
	bool must_adopt;    /* before its next call it becomes the parent of orphans (watch.h) */
	bool is_subreaper;  /* it has asked for that itself */
	dev_t exe_dev;      /* and the host's inode, into which nobody may write meanwhile */
	ino_t exe_ino;
	struct cgroup *cgroup; /* cgroups.h; NULL: there are none */
	bool is_exe_read_only; /* it was started by a descriptor of the next */
	dev_t read_only_dev;   /* the file that it has opened last by O_PATH through a read-only mount */
	ino_t read_only_ino;
	bool is_dumpable;   /* as the guest set it; really it stays dumpable */
	int undumpable_as;  /* what PR_GET_DUMPABLE says when it is not: 0, or 2 after a change of ids */
	enum abi abi;       /* of the program it runs */
	bool is_emulated;   /* it runs an emulator (foreign.h); exe is what that emulates */
};

/* Runs at the exit stop of a call; returns the result to give (often c->result). */
typedef int64_t (*exit_hook)(struct call *c);

struct tracee {
	/* Identity: of this thread only. */
	pid_t tid;
	struct tracee *next; /* in its hash bucket */
	bool is_known;       /* its parent's event has told who it is */
	bool is_stopped_early; /* its first stop came before that event */
	bool has_first_stop; /* it is still to come: by no signal, and nobody's to see */
	bool has_shim;       /* the gate is mapped: false only before the first execve */
	bool is_listening;   /* stopped with its whole process */
	bool is_exiting;     /* it was at the stop before its end: told of first processes of pid namespaces only */
	bool is_interrupted; /* by us: the stop is nobody's to see */
	bool is_watched;     /* has the second filter (watch.h) */
	bool is_inside;      /* and that of pid namespaces */
	bool has_signals;    /* and that of who has a signalfd there */
	bool is_forking;     /* in a call that makes a task, whose exit is looked at (process.c) */
	bool has_control;    /* and that for writes */
	bool is_injecting;   /* it is being added */
	bool is_loading;     /* in the shim, to its breakpoint: a guest watches */
	pid_t tid_before_exec;
	pid_t vforks; /* it is kept at its vfork event for this child; 0: it is not */
	struct ptraced *ptraced; /* a guest traces it (guest_ptrace.h); NULL mostly */
	struct guest_wait wait;  /* the wait call that it is in */

	/* Copied by clone, whatever its flags. */
	struct cred cred;
	bool has_own_network; /* in name: it believes to be in a network namespace of its own */
	unsigned char seccomp_mode; /* as the guest set it: SECCOMP_MODE_*, without effect */
	unsigned seccomp_filters;
	unsigned char narrow_filters; /* a bit for each ABI: one of them may refuse what the fast path answers */
	bool has_nice; /* `nice` is what the guest set and the kernel refused us */
	signed char nice;
	/* Of real-time scheduling that the guest set and the kernel refused us; 0: none. */
	unsigned char rt_priority;
	int rt_policy; /* with SCHED_RESET_ON_FORK */

	/* Shared or copied by clone: CLONE_FS, CLONE_THREAD, CLONE_NEWNS. */
	struct fs *fs;
	struct process *process;
	struct mounts *mounts;
	struct uts *uts;
	unsigned namespaces[NAMESPACE_KINDS]; /* numbers of what it is in; 0: what the run began in */
	struct pid_namespace *pids_for_children; /* what those that it makes will be in */

	/* Of the call in flight; never inherited. */
	int slot;        /* of the arena, -1: none */
	int loader_slot; /* of a program that is starting, -1: none */
	int run_slot;    /* of a long argument vector, with run_count slots */
	unsigned run_count;
	uint64_t clone_new; /* CLONE_NEW* flags that the clone in flight asked for */
	struct cgroup *clone_into; /* the group that its child is to begin in; NULL: its own */
	exit_hook at_exit;
	uint64_t exit_argument[6];
	uint64_t exit_private;
	exit_hook exit_inner; /* of a call inside socketcall */
	char *exit_text;      /* a path that the exit hook wants */
	bool must_renew;      /* its identity has changed, and the call comes again for that (call.c) */
	bool is_opener;       /* the kernel lets it link the descriptor (names.c), and the call comes again */
	int context_fd;       /* of fscontext.c, plus 1: the descriptor that the call has made before it comes again; 0: none */
	struct { /* restored at the exit stop when there was no gate */
		bool is_needed;
		enum abi abi;
		uint64_t argument[6];
	} restore;
	struct exec_plan *exec; /* committed by the exec event */
	char *remove_later;     /* a generated file that the call was pointed to */
};

struct tracee *tracee_find(pid_t tid);
/* A new one, not known yet; also when it is there already. */
struct tracee *tracee_add(pid_t tid);
/* Inherit from `parent` by clone's flags. */
void tracee_inherit(struct tracee *child, const struct tracee *parent, uint64_t clone_flags);
void tracee_remove(struct tracee *t);
/* Give back the slots of the call in flight. */
void tracee_drop_slots(struct tracee *t);
/* After the execve of thread `old_tid`, which is now the leader `pid`. */
struct tracee *tracee_exec_from_thread(pid_t pid, pid_t old_tid);
unsigned tracee_count(void);
/* Does somebody run the program in this inode of the host's? */
bool tracee_runs(dev_t dev, ino_t ino);
/* Call visit for each tracee until it returns non-zero. */
int tracee_each(int (*visit)(struct tracee *t, void *arg), void *arg);

struct fs *fs_new(const char *root, const char *cwd, mode_t mask);
struct fs *fs_copy(const struct fs *fs);
void fs_put(struct fs *fs);
void fs_set(char **path, const char *value);
/* A root with this name, or, where `lost` is not NULL, with none; the user of `lost` is fs from then on. */
void fs_set_root(struct fs *fs, const char *value, struct kept *lost);
void fs_set_cwd(struct fs *fs, const char *value, bool is_lost);
struct uts *uts_new(const char *host, const char *domain);
void uts_put(struct uts *uts);
void fs_lose_cwd(struct fs *fs);
/* Has any changed since this was asked last? */
bool fs_take_change(void);
struct process *process_new(pid_t pid);
/* What peers (SO_PEERCRED) and receivers of its messages (SCM_CREDENTIALS) are told of a process. */
struct shown_ids {
	struct ucred peer, message;
};
/* It connects, listens or makes a pair of sockets: peers will be told of it as it is now. */
void process_become_peer(struct tracee *t);
/* False when it is no process of the guest's; one that has ended lately is still known. */
bool process_ids_of(pid_t pid, struct shown_ids *ret);
/*
 * Its credentials were `old`: a process that has become another may not be dumped (commit_creds of kernel/cred.c), and what
 * it has sent is the old one's.
 */
void tracee_changed_cred(struct tracee *t, const struct cred *old);
/* As fs.suid_dumpable has it. */
void process_set_suid_dumpable(struct process *p);
struct mm *mm_new(void);
/* Another memory for the process, the old one is left. */
void process_set_mm(struct process *p, struct mm *mm);

#endif
