/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns whether the fast path is on, and what its processes are told of the run.  Identity and place of each are in
 * fast_states.c, where paths lead in fast_prefixes.c, what comes back in fast_told.c.  Patched code is code.c's;
 * taking a thread out of the shim is the architecture's (arch_leave_shim).
 */
#include "tracer/fast.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tracer/arena.h"
#include "tracer/base/birth.h"
#include "tracer/base/io.h"
#include "tracer/code.h"
#include "tracer/fast_states.h"
#include "tracer/session.h"

#define SHARED ((struct shim_shared *)SHIM_SHARED)

static struct {
	bool is_on;
	uint32_t entries_noted;
} fast;

bool fast_is_on(void)
{
	return fast.is_on;
}

void fast_note_entry(void)
{
	enum { OFTEN = 3 };
	bool is_told = !session.is_plain && !session.writes_through && !session.keeps_rootless;
	if (fast.is_on && is_told && ++fast.entries_noted == OFTEN)
		meta_make_inbox(session.meta);
}

void fast_note_fixed_directory(void)
{
	if (fast.is_on)
		SHARED->flags |= SHARED_READ_ONLY_TREES;
}

void fast_note_tree(void)
{
	if (fast.is_on && geteuid() == 0)
		SHARED->flags |= SHARED_SEARCHES_ALL;
}

void fast_note_pids(void)
{
	if (fast.is_on)
		SHARED->flags &= ~(uint32_t)SHARED_KNOWS_PARENTS;
}

void fast_note_names(void)
{
	if (fast.is_on)
		SHARED->flags &= ~(uint32_t)SHARED_KNOWS_NAMES;
}

void fast_note_node(void)
{
	if (fast.is_on)
		SHARED->flags |= SHARED_HAS_NODES;
}

void fast_note_proc_directory(void)
{
	if (fast.is_on)
		SHARED->flags |= SHARED_PROC_DESCRIPTORS;
}

/* ---- a run ---- */

static bool has_openat2(void)
{
	enum { OPENAT2 = 437 };
	const uint64_t how[3] = { O_PATH | O_CLOEXEC, 0, 0 };
	CLEANUP_CLOSE int fd = syscall(OPENAT2, AT_FDCWD, "/", how, sizeof(how));
	return fd >= 0;
}

/* What the run's processes are told of the host; as the kernel says it when nothing else is wanted. */
static void tell_names(const struct uts *uts)
{
	const struct kernel_names *names = &session.config->kernel;
	const char *host = uts->host ? uts->host : "", *domain = uts->domain ? uts->domain : "";
	bool is_plain = !names->sysname && !names->release && !names->version && !names->machine;
	if (!is_plain || (uts->host && !*host) || (uts->domain && !*domain) || strlen(host) >= sizeof(SHARED->host_name) ||
	    strlen(domain) >= sizeof(SHARED->domain_name))
		return;
	memcpy(SHARED->host_name, host, strlen(host) + 1);
	memcpy(SHARED->domain_name, domain, strlen(domain) + 1);
	SHARED->flags |= SHARED_KNOWS_NAMES;
}

void fast_open(struct tracee *first)
{
	struct stat root, proc;
	struct iovec none = { NULL, 0 };
	memset(&fast, 0, sizeof(fast));
	if ((session.config->flags & TRACER_NO_FAST_PATH) || !meta_path(session.meta) ||
	    stat(session.config->root, &root) < 0)
		return;
	/* Processes are told their state while they run. */
	if (process_vm_writev(getpid(), &none, 1, &none, 1, 0) < 0)
		return;
	if (strlen(meta_path(session.meta)) >= sizeof(SHARED->table_path))
		return;
	fast.is_on = true;
	struct meta_owner owner;
	meta_owner_of(session.meta, &owner);
	SHARED->uid = owner.uid;
	SHARED->gid = owner.gid;
	SHARED->shown_uid = owner.shown_uid;
	SHARED->shown_gid = owner.shown_gid;
	SHARED->root_dev = root.st_dev;
	SHARED->proc_dev = stat("/proc", &proc) == 0 ? proc.st_dev : 0;
	SHARED->random = session.config->fall_through;
	SHARED->flags |= (session.config->verifies ? SHARED_VERIFIES : 0u) | (has_openat2() ? SHARED_HAS_OPENAT2 : 0u);
	uint32_t table = meta_header(session.meta)->flags;
	bool has_births = (table & META_HAS_RUNS) && birth_is_time(session.config->root, root.st_dev, table & META_OF_HOST);
	SHARED->flags |= has_births ? SHARED_TELLS_BIRTHS : 0;
	SHARED->flags |= session.config->flags & TRACER_LEAVE_MODES ? SHARED_LEAVES_MODES : 0;
	SHARED->flags |= meta_header(session.meta)->flags & META_HAS_FLAGS ? SHARED_READ_ONLY_TREES : 0;
	snprintf(SHARED->table_path, sizeof(SHARED->table_path), "%s", meta_path(session.meta));
	int n = snprintf(SHARED->inbox_path, sizeof(SHARED->inbox_path), "%s.inbox", meta_path(session.meta));
	if (n < 0 || (size_t)n >= sizeof(SHARED->inbox_path))
		SHARED->inbox_path[0] = '\0';
	if (strlen(arena_path()) < sizeof(SHARED->arena_path))
		snprintf(SHARED->arena_path, sizeof(SHARED->arena_path), "%s", arena_path());
	SHARED->flags |= (session.writes_through ? SHARED_WRITES_THROUGH : 0u) |
			 (session.writes_through || session.keeps_rootless ? SHARED_GIVES : 0u);
	/* Who has joined a session may have come from anybody. */
	SHARED->tracer = getpid();
	SHARED->flags |= session.first_pid ? SHARED_KNOWS_PARENTS : 0u;
	tell_names(first->uts);
	fast_states_open(first);
	code_open(session.config->code_dir ? session.config->code_dir : session.run_dir);
}

void fast_close(void)
{
	fast_states_close();
	fast.is_on = false;
}
