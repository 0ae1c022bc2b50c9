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
	BINDING_AT_LINK = 4, /* at guest_path itself, when that is a symlink */
	BINDING_OF_LINK = 8, /* a host_path that is a symlink shows as that */
	BINDING_CGROUP = 16, /* host_path, empty, becomes the run's control groups, which are its own */
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
	/*
	 * Owners, modes, nodes and attributes are given to the files themselves where the host lets us, and the table
	 * keeps the rest: for root 0:0 with CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FOWNER and CAP_FSETID; nothing happens
	 * without them, so that whoever may be real root asks for it always.  Not for tables of META_SHARED_LAYERS.
	 */
	TRACER_WRITE_THROUGH = 16,
	/*
	 * Owners are also kept in the files' user.rootlesscontainers attributes, which the guest does not see, and
	 * user.* attributes on the files.  What is there before the run is rootless_import's to read into the table.
	 */
	TRACER_ROOTLESS_XATTRS = 32,
	TRACER_AS_CALLED = 64, /* ignored signals and descriptors above 2 are the caller's own, umask is config's, not 022 */
	TRACER_UNTIL_LAST = 128, /* the run ends with its last process, not with the first; the status is still that one's */
	TRACER_ANY_PORT = 256, /* a port that is bound is one that the kernel chooses, and reached on this machine by the guest's */
	TRACER_LEAVE_MODES = 512, /* files have the modes that the guest gave them when the run is over: others work on them */
	TRACER_HOST_GROUPS = 1024, /* who is in no cgroup namespace of its own sees in /proc where the host has put it */
	TRACER_OWN_PIDS = 2048, /* the first process is number 1 of a pid namespace of its own, whose processes /proc shows */
};

/* What uname(2) and /proc say instead of the host's own words; NULL: those. */
struct kernel_names {
	const char *sysname, *release, *version, *machine, *domain;
};

/* A port (1 to 65535) that the guest binds or reaches on this machine is another one there. */
struct port_pair {
	unsigned guest, host;
};

struct tracer_config {
	const char *root;    /* absolute host path of the guest's root directory */
	struct meta *meta;   /* its metadata table */
	const char *run_dir; /* private host directory for this run's shim, arena and generated files: tracer_leaves */
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
	mode_t umask;         /* see TRACER_AS_CALLED */
	const char *hostname; /* NULL: the host's */
	struct kernel_names kernel;
	const struct port_pair *ports;
	size_t port_count;
	unsigned flags;       /* enum tracer_flags */
	const char *code_dir; /* private host directory for patched copies of code, shared by runs; NULL: run_dir */
	/* host folders, colons between them, with static qemu-MACHINE[-static] for programs of other machines; NULL: none */
	const char *emulator_folders;
	const char *emulator; /* canonical host path of the one that starts them all; NULL: it is looked for there */
	char *const *emulator_options; /* before those that we give it, at most 16 count; NULL: none */
	const int *listener;    /* as tracer_serve's, for tracer_run_in; NULL: nobody joins */
	const char *pid_path;   /* the first process' number is put into this file, before it begins; NULL: nowhere */
	const char *trace_path; /* a timeline of the stops goes here, NULL: none */
	/* For tests, see tracer_set_test_modes. */
	unsigned fall_through; /* one call in so many misses the fast path; 0: none */
	bool verifies;         /* the slow path recomputes what the fast path answers, and the run ends when they differ */
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
 * What tests choose by the environment: FAKEBUILD_TEST_FALL_THROUGH=N lets one call in N miss the fast path,
 * FAKEBUILD_TEST_VERIFY=1 has the slow path recompute every answer; the run fails when one differs.
 */
void tracer_set_test_modes(struct tracer_config *config);

/*
 * A session: a run that processes join from outside.  Answer requests at `listener`, a listening Unix socket of type
 * SOCK_SEQPACKET that only this user can connect to.  Of config, argv, env and cwd are not used.  The first that
 * joins is the run's first process; with it the session ends, killing all others, if not TRACER_UNTIL_LAST.  Returns then, with
 * its status as tracer_run has it; or, failing, when `keeper` (a descriptor, -1: none) is at its end before anybody joined.
 */
int tracer_serve(const struct tracer_config *config, int listener, int keeper, int *ret_status, struct error *err);
/* Where in a session a process begins.  It may have several containers, each with a first process. */
enum { SESSION_NEW_PIDS = -1, SESSION_FIRST_PIDS = -2 };
struct session_place {
	pid_t container; /* the host's number of the first process of the container that it comes into; 0: it is such a one */
	/* It is in this process' pid namespace; 0: in what the session began in; or first in a new one, or with the session's first. */
	pid_t pids_of;
};
/*
 * Become a guest of the session at `socket_path`, as its root with all of root's capabilities: from the return on, this
 * process sees config's root; descriptors, working directory and signal handlers stay.  Only for a process of one
 * thread.  Fails when nobody listens, or the session may not trace us.
 */
int tracer_join(const char *socket_path, const struct session_place *place, struct error *err);
/* A socket for processes that join, at this path, where there must be none yet.  A descriptor, or -1. */
int tracer_listen(const char *socket_path, struct error *err);
/*
 * Run the command as one more process of the session at `socket_path`, in the pid namespace of its first process.  Of config,
 * argv, env, cwd, uid, gid and groups are used.  Status, signals and failures are tracer_run's.
 */
int tracer_run_in(const char *socket_path, const struct tracer_config *config, int *ret_status, struct error *err);
/* Host pids of the processes of the container that has this first process, 0 being all of the session, on ctx. */
int tracer_session_pids(const void *ctx, const char *socket_path, pid_t container, pid_t **ret, size_t *ret_count,
			struct error *err);
/* Stop all of them so that no guest can tell, or let them go on. */
int tracer_session_pause(const char *socket_path, pid_t container, bool is_paused, struct error *err);
int tracer_session_kill(const char *socket_path, pid_t container, int signal, struct error *err);
/* Is this name in run_dir one that a later run may find there, and is faster with?  All others are to be removed. */
bool tracer_leaves(const char *name);
/* Can this program be an emulator: is it there, static, and for this machine? */
bool tracer_is_emulator(const char *host_path);
/* Is this process itself a guest of fakebuild? */
bool tracer_is_guest(void);

/*
 * Look a guest path up as the run would, following symlinks inside the root: for /etc/passwd and such.
 * Returns the host path on ctx, or NULL when there is none.  The mounts of `config` are kept for the next
 * lookup, which may come with more bindings but else the same config, up to the run or tracer_lookup_end.
 */
char *tracer_lookup(const void *ctx, const struct tracer_config *config, const char *guest_path);
void tracer_lookup_end(void);

#endif
