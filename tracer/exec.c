/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns execve: starts the shim as the loader of the program (program.h), and makes it the tracee's.
 */
#include "tracer/exec.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tracer/arch/arch.h"
#include "tracer/arena.h"
#include "tracer/base/mem.h"
#include "tracer/code.h"
#include "tracer/fast_states.h"
#include "tracer/guest_ptrace.h"
#include "tracer/hooks.h"
#include "tracer/keeper.h"
#include "tracer/memory.h"
#include "tracer/program.h"
#include "tracer/stats.h"

/*
 * foreign.h says the order.  The program's path is the one that was executed last; what was executed by a
 * descriptor has for /proc/self/exe the name that it had.
 */
static void lead_by_emulator(struct call *c, const struct program *p, const char *given, struct leading *lead)
{
	static char view[PATH_ROOM];
	const char *argv0 = lead->count ? lead->text[0] : NULL, *path = lead->count ? lead->text[0] : given;
	if (p->is_by_descriptor && path_to_view(c->t, p->guest, view, sizeof(view)))
		path = view;
	const char *const words[] = { "-L", "/", "-0", argv0, "--", path };
	enum { WORDS = sizeof(words) / sizeof(*words) };
	_Static_assert(WORDS == EMULATOR_WORDS_BEFORE + EMULATOR_WORDS_BEHIND, "as procmemory.c takes them away");
	const unsigned options = foreign_option_count(), added = options + WORDS;
	if (lead->count == 0)
		lead->count = 1;
	memmove(lead->text + 1 + added, lead->text + 1, (lead->count - 1) * sizeof(*lead->text));
	lead->text[0] = mem_printf(c->t->exec, "qemu-%s", p->emulator->machine);
	for (unsigned i = 0; i < options; i++)
		lead->text[1 + i] = session.config->emulator_options[i];
	memcpy(lead->text + 1 + options, words, sizeof(words));
	lead->count += added;
}

static uint32_t put_text(struct call *c, const struct shim_exec *base, const char *text)
{
	size_t size = strlen(text) + 1;
	char *room = call_room(c, size);
	if (!room)
		return 0;
	memcpy(room, text, size);
	return (uint32_t)(room - (const char *)base);
}

static int64_t start_loader(struct call *c, unsigned path_argument, const char *given, const struct program *p,
			    bool is_secure, bool wants_descriptor)
{
	struct exec_plan *plan = c->t->exec;
	struct shim_exec *info = call_room(c, sizeof(*info)); /* first in the slot */
	if (!info)
		return -ENOMEM;
	*info = (struct shim_exec){ .uid = plan->cred.ruid, .euid = plan->cred.euid, .gid = plan->cred.rgid,
				    .egid = plan->cred.egid, .secure = is_secure };
	const char *slash = strrchr(given, '/');
	const char *comm = slash ? slash + 1 : given;
	memcpy(info->comm, comm, strnlen(comm, sizeof(info->comm) - 1));
	info->program = put_text(c, info, path_short(p->emulator ? p->emulator->path : p->host));
	if (wants_descriptor)
		info->emulated = put_text(c, info, path_short(p->host));
	info->guest_name = put_text(c, info, given);
	info->program_text = p->text.path ? put_text(c, info, p->text.path) : 0;
	info->program_front = p->text.front_at;
	info->interpreter_text = p->interpreter_text.path ? put_text(c, info, p->interpreter_text.path) : 0;
	info->interpreter_front = p->interpreter_text.front_at;
	plan->state = !c->t->ptraced && !(c->t->narrow_filters >> p->abi & 1) ? fast_state(&plan->cred, c->t->fs, c->t->mounts) : 0;
	info->state = plan->state;
	if (p->interpreter[0])
		info->interpreter = put_text(c, info, path_short(p->interpreter));
	if (!info->program || !info->guest_name || (wants_descriptor && !info->emulated) || (p->interpreter[0] && !info->interpreter))
		return -ENAMETOOLONG;
	/* An argument vector's slot must hold what is above first, so the path comes last. */
	int r = call_set_path(c, path_argument, arena_shim_path(p->abi));
	return r < 0 ? r : 0;
}

static bool is_closed_on_exec(const struct tracee *t, int fd)
{
	char name[64], line[64];
	unsigned flags = 0;
	snprintf(name, sizeof(name), "/proc/%d/fdinfo/%d", t->tid, fd);
	FILE *in = fopen(name, "re");
	while (in && fgets(line, sizeof(line), in))
		if (sscanf(line, "flags: %o", &flags) == 1)
			break;
	if (in)
		fclose(in);
	return flags & O_CLOEXEC;
}

static int drop_plan(struct exec_plan *plan)
{
	fast_put(plan->state);
	keeper_put(plan->exe_kept);
	return 0;
}

int64_t hook_mmap(struct call *c)
{
	/* The shim's own question: what of this file's code?  Others map what they asked for. */
	if (c->ip < SHIM_HUB || c->ip >= SHIM_HUB + 0x10000)
		return CALL_PASS;
	struct object *o = &c->object[0];
	int r = path_of_fd(c->t, call_int(c, 4), o);
	if (r < 0)
		return r;
	/* By its name, which maps shows; a file without one is run as it is. */
	char name[PATH_ROOM];
	ssize_t n = readlink(o->host, name, sizeof(name) - 1);
	name[n < 0 ? 0 : n] = '\0';
	return code_of(&o->real, name) ? 0 : -ENOENT;
}

int64_t hook_execve(struct call *c)
{
	bool has_dir = strcmp(c->row->name, "execveat") == 0;
	unsigned at = has_dir;
	unsigned flags = has_dir ? (unsigned)c->argument[4] : 0;
	struct object *o = &c->object[0];
	char given[PATH_MAX + 32];
	if (flags & ~(unsigned)(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW))
		return -EINVAL;
	int64_t r = memory_read_string(c->t, c->argument[at], c->text[0], PATH_MAX);
	if (r == 0)
		r = path_lookup(c->t, has_dir ? call_int(c, 0) : AT_FDCWD, c->text[0],
				(flags & AT_SYMLINK_NOFOLLOW ? 0 : LOOKUP_FOLLOW) |
					(flags & AT_EMPTY_PATH ? LOOKUP_EMPTY : 0), o);
	if (r < 0)
		return r;
	if (S_ISLNK(o->real.st_mode))
		return -ELOOP;
	/* fs/exec.c, alloc_bprm: what a script sees of an execveat. */
	bool is_by_fd = has_dir && c->text[0][0] != '/' && call_int(c, 0) != AT_FDCWD;
	bool is_lost = is_by_fd && is_closed_on_exec(c->t, call_int(c, 0));
	if (is_by_fd)
		snprintf(given, sizeof(given), "/dev/fd/%d%s%s", call_int(c, 0), c->text[0][0] ? "/" : "", c->text[0]);
	else
		snprintf(given, sizeof(given), "%s", c->text[0]);

	static struct program program;
	struct leading lead = { .count = 0 };
	c->t->exec = mem_new(c->t, struct exec_plan);
	talloc_set_destructor(c->t->exec, drop_plan);
	r = program_find(c, given, is_lost, &lead, &program);
	if (r < 0)
		return r;
	bool is_secure;
	c->t->exec->cred = c->t->cred;
	c->t->exec->abi = program.abi;
	c->t->exec->exe_dev = program.real.st_dev;
	c->t->exec->exe_ino = program.real.st_ino;
	c->t->exec->is_readable = program.is_readable;
	c->t->exec->is_read_only = o->is_fd && o->real.st_ino == c->t->process->read_only_ino &&
				   o->real.st_dev == c->t->process->read_only_dev;
	c->t->exec->exe = mem_strdup(c->t->exec, program.guest);
	c->t->exec->exe_host = mem_strdup(c->t->exec, program.host);
	/* check_unsafe_exec of fs/exec.c */
	bool is_fs_shared = c->t->fs->users > c->t->process->users;
	/* bprm->unsafe of fs/exec.c, and ptracer_capable of kernel/ptrace.c */
	bool is_unsafe = is_fs_shared || guest_tracer_is_weak(c->t);
	r = cred_exec(&c->t->exec->cred, &program.file, is_unsafe, &is_secure);
	if (r < 0)
		return r;
	if (program.emulator) {
		lead_by_emulator(c, &program, given, &lead);
		c->t->exec->is_emulated = true;
	}
	/* Who the program will be may not read what it may run, nor come there by a descriptor's name. */
	bool wants_descriptor = program.emulator && (program.is_by_descriptor || !program.is_readable ||
						     memcmp(&c->t->exec->cred, &c->t->cred, sizeof(c->t->cred)) != 0);
	r = start_loader(c, at, given, &program, is_secure, wants_descriptor);
	if (r == 0 && lead.count)
		r = vectors_lead(c, at + 1, &lead);
	if (r == 0 && program.emulator)
		r = vectors_turn(c, at + 2);
	if (r < 0)
		return r;
	if (has_dir)
		call_set(c, 4, 0);
	return CALL_PASS;
}

void exec_commit(struct tracee *t)
{
	struct exec_plan *plan = t->exec;
	/* The loader reads its slot before its first traced call, which releases it. */
	t->loader_slot = t->slot;
	t->slot = -1;
	t->restore.is_needed = false;
	t->at_exit = NULL;
	if (!plan || t->loader_slot < 0)
		return;
	struct cred old = t->cred;
	arch_set_loader_slot(t, t->loader_slot);
	t->is_loading = t->ptraced != NULL;
	((struct shim_exec *)arena_slot(t->loader_slot)->room)->is_watched = t->is_loading;
	t->cred = plan->cred;
	t->has_shim = true;
	session.has_started = true;
	/* A vfork child has a process of its own already; CLONE_FS is undone by nothing. */
	TALLOC_FREE(t->process->exe);
	t->process->exe = mem_strdup(t->process, plan->exe);
	TALLOC_FREE(t->process->exe_host);
	t->process->exe_host = talloc_steal(t->process, plan->exe_host);
	keeper_put(t->process->exe_kept);
	t->process->exe_kept = plan->exe_kept;
	plan->exe_kept = NULL;
	t->process->exe_dev = plan->exe_dev;
	t->process->exe_ino = plan->exe_ino;
	t->process->is_exe_read_only = plan->is_read_only;
	t->process->abi = plan->abi;
	t->process->is_emulated = plan->is_emulated;
	/* begin_new_exec of fs/exec.c: by who it was, then by who it becomes. */
	t->process->is_dumpable = true;
	if (old.euid != old.ruid || old.egid != old.rgid || !plan->is_readable)
		process_set_suid_dumpable(t->process);
	tracee_changed_cred(t, &old);
	struct mm *mm = mm_new();
	mm->state = plan->state;
	mm->is_off = !plan->state;
	plan->state = 0;
	process_set_mm(t->process, mm);
	stats_exec(t->process->pid, t->process->exe);
	TALLOC_FREE(t->exec);
}
