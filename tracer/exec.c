/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns execve: finds the program behind scripts, its interpreter in the guest, its set-id bits and
 * capabilities, and starts the shim as its loader.
 */
#include "tracer/exec.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "tracer/arch/arch.h"
#include "tracer/arena.h"
#include "tracer/base/io.h"
#include "tracer/base/mem.h"
#include "tracer/code.h"
#include "tracer/elf.h"
#include "tracer/fast.h"
#include "tracer/foreign.h"
#include "tracer/guest_ptrace.h"
#include "tracer/hooks.h"
#include "tracer/keeper.h"
#include "tracer/memory.h"
#include "tracer/stats.h"
#include "tracer/through.h"
#include "tracer/vectors.h"

enum { HEAD_BYTES = 256 };

struct patched {
	const char *path; /* of the copy, NULL: there is none */
	uint32_t front_at; /* struct patch_counts */
};

struct program {
	char host[PATH_ROOM], guest[PATH_ROOM];
	char interpreter[PATH_ROOM]; /* host path, "" when it has none */
	struct patched text, interpreter_text;
	enum abi abi;
	const struct emulator *emulator; /* that starts it, NULL: it is one of ours */
	struct exec_file file;
	struct stat real;
	bool is_readable;
	bool is_by_descriptor; /* no name leads to it, or none that will after the execve */
};

/* include/uapi/linux/capability.h: struct vfs_cap_data and vfs_ns_cap_data, little endian. */
static int read_file_caps(const struct object *o, const struct meta_entry *entry, struct exec_file *ret)
{
	uint32_t data[6] = { 0 };
	ssize_t n = through_xattr_get(path_short(o->host), o->is_fd, entry, "security.capability", data, sizeof(data));
	uint32_t revision = data[0] & 0xff000000;
	/* get_vfs_caps_from_disk of security/commoncap.c: those of another namespace's root are none here. */
	if (n < 0 || (n == 24 && revision == 0x03000000 && data[5] != 0))
		return 0;
	if (!(n == 20 && revision == 0x02000000) && !(n == 24 && revision == 0x03000000))
		return -EINVAL;
	ret->has_caps = true;
	ret->caps_effective = data[0] & 1;
	ret->caps_permitted = data[1] | (uint64_t)data[3] << 32;
	ret->caps_inheritable = data[2] | (uint64_t)data[4] << 32;
	return 0;
}

static int may_execute(struct call *c, struct object *o)
{
	struct meta_entry entry;
	if (!S_ISREG(o->real.st_mode))
		return -EACCES;
	meta_get_or_default(session.meta, &o->real, &entry);
	if (!S_ISREG(entry.mode))
		return -EACCES;
	return path_permission(c->t, o, CRED_EXECUTE);
}

static int open_program(struct object *o)
{
	int fd = open(path_short(o->host), O_RDONLY | O_CLOEXEC);
	if (fd < 0 && errno == EACCES && path_repair(o->host))
		fd = open(path_short(o->host), O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	/* path_noexec of fs/exec.c, of the host's mounts: nobody could map it as code. */
	struct statvfs fs;
	if (fstatvfs(fd, &fs) < 0 || !(fs.f_flag & ST_NOEXEC))
		return fd;
	close(fd);
	return -EACCES;
}

/* A read lease is given only while nobody has the file open for writing: fcntl(2), as deny_write_access asks. */
static bool is_being_written(int fd)
{
	if (fcntl(fd, F_SETLEASE, F_RDLCK) < 0)
		return errno == EAGAIN;
	fcntl(fd, F_SETLEASE, F_UNLCK);
	return false;
}

/* The guest path behind an object, for /proc/PID/exe. */
static void name_of(struct call *c, const struct object *o, char ret[PATH_ROOM])
{
	char host[PATH_ROOM];
	memcpy(ret, o->guest, o->guest_length + 1);
	ssize_t n = o->is_fd ? readlink(o->host, host, sizeof(host) - 1) : -1;
	if (n <= 0)
		return;
	host[n] = '\0';
	if (host[0] != '/' || !mounts_to_guest(c->t->mounts, host, ret, PATH_ROOM))
		memcpy(ret, host, n + 1);
}

/*
 * A program that is given by descriptor must have a name when the loader opens it, and for /proc/PID/exe: the
 * descriptor may be closed by then.  Its own when it still has one.
 */
static int give_name(struct call *c, struct object *o, int fd)
{
	char name[PATH_ROOM];
	struct stat st;
	ssize_t n = readlink(o->host, name, sizeof(name) - 1);
	name[n < 0 ? 0 : n] = '\0';
	if (name[0] != '/' || stat(name, &st) < 0 || st.st_dev != o->real.st_dev || st.st_ino != o->real.st_ino) {
		struct kept *kept = keeper_keep(fd);
		if (!kept)
			return -ENOMEM;
		keeper_put(c->t->exec->exe_kept);
		c->t->exec->exe_kept = kept;
		n = snprintf(name, sizeof(name), "%s", kept->path);
	}
	memcpy(o->host, name, n + 1);
	o->host_length = n;
	return 0;
}

/* binfmt_script: "#!" blanks interpreter [blanks one argument] end of line. */
static int parse_script(char *head, char **ret_interpreter, char **ret_argument)
{
	char *end = strchr(head, '\n');
	if (end)
		*end = '\0';
	char *name = head + 2 + strspn(head + 2, " \t");
	if (!*name)
		return -ENOEXEC;
	char *rest = name + strcspn(name, " \t");
	if (!end && !*rest)
		return -ENOEXEC; /* the line is cut off within the name */
	*ret_argument = NULL;
	if (*rest) {
		*rest++ = '\0';
		rest += strspn(rest, " \t");
		for (char *last = rest + strlen(rest); last > rest && (last[-1] == ' ' || last[-1] == '\t');)
			*--last = '\0';
		if (*rest)
			*ret_argument = rest;
	}
	*ret_interpreter = name;
	return 0;
}

/* The patched copy of a program's code; without a path when there is none. */
static struct patched patched(const struct stat *real, const char *host)
{
	struct patched p = { NULL, 0 };
	if (fast_is_on())
		p.path = code_to_load(real, path_short(host), &p.front_at);
	return p;
}

/* Programs of ours whose loader there is. */
static bool is_native(const struct elf *e, enum abi *ret)
{
	for (enum abi abi = 0; abi < ABI_COUNT; abi++) {
		if (e->is_64 != (abi == ABI_64) || e->is_big || e->machine != arch_elf_machine[abi] || !arena_shim_path(abi))
			continue;
		*ret = abi;
		return true;
	}
	return false;
}

/* load_elf_binary of fs/binfmt_elf.c, "Consistency check for the interpreter". */
static int check_interpreter(struct object *o, const struct elf *program)
{
	struct elf read;
	const struct elf *e = o->is_fd ? NULL : elf_recall(o->host, &o->real);
	if (!e) {
		CLEANUP_CLOSE int fd = open_program(o);
		if (fd < 0)
			return fd;
		int r = elf_read(fd, &read);
		if (r < 0)
			return r == -EIO ? -EIO : -ELIBBAD;
		if (!o->is_fd)
			elf_remember(o->host, &o->real, &read);
		e = &read;
	}
	return e->machine != program->machine || e->is_64 != program->is_64 || e->is_big != program->is_big ? -ELIBBAD : 0;
}

static int find_interpreter(struct call *c, struct program *p, const struct elf *program, const char *name)
{
	struct object *o = &c->object[1];
	int r = path_lookup(c->t, AT_FDCWD, name, LOOKUP_FOLLOW, o);
	if (r == 0)
		r = may_execute(c, o);
	if (r == 0)
		r = check_interpreter(o, program);
	/* An emulator finds it by itself. */
	if (r < 0 || p->emulator)
		return r;
	memcpy(p->interpreter, o->host, o->host_length + 1);
	p->interpreter_text = patched(&o->real, o->host);
	return 0;
}

static int read_elf(struct call *c, int fd, const struct object *o, struct program *p)
{
	struct elf e;
	char interpreter[PATH_MAX];
	if (elf_read(fd, &e) < 0)
		return -ENOEXEC;
	p->emulator = NULL;
	p->interpreter[0] = '\0';
	p->text = p->interpreter_text = (struct patched){ NULL, 0 };
	if (!is_native(&e, &p->abi)) {
		p->emulator = foreign_emulator(&e);
		if (!p->emulator)
			return -ENOEXEC;
		p->abi = ABI_64;
		p->text = patched(&p->emulator->real, p->emulator->path);
	}
	int r = elf_interpreter(fd, &e, interpreter);
	if (r < 0)
		return r;
	if (interpreter[0])
		return find_interpreter(c, p, &e, interpreter);
	/* A program with an interpreter has its calls made by a libc. */
	if (!p->emulator)
		p->text = patched(&o->real, o->host);
	return 0;
}

/*
 * Follow scripts down to an ELF program.  `given` is the path as the guest gave it, which the innermost
 * script's interpreter gets as its argument; is_lost: it leads there no more when the program has started.
 */
static int find_program(struct call *c, const char *given, bool is_lost, struct leading *lead, struct program *p)
{
	struct object *o = &c->object[0];
	char head[HEAD_BYTES + 1];
	const char *script = given;
	for (unsigned depth = 0;; depth++) {
		int r = may_execute(c, o);
		if (r < 0)
			return r;
		CLEANUP_CLOSE int fd = open_program(o);
		if (fd < 0)
			return fd;
		if (is_being_written(fd))
			return -ETXTBSY;
		memset(head, 0, sizeof(head));
		ssize_t n = pread(fd, head, HEAD_BYTES, 0);
		if (n < 0)
			return -errno;
		if (n >= 4 && memcmp(head, ELFMAG, SELFMAG) == 0) {
			struct meta_entry entry;
			meta_get_or_default(session.meta, &o->real, &entry);
			/* mnt_may_suid of fs/namespace.c: without them it is anybody's plain file. */
			bool has_set_id = !(o->mount->flags & MOUNT_NO_SET_ID) && !session.is_plain;
			p->file = (struct exec_file){ .uid = entry.uid, .gid = entry.gid,
						      .mode = has_set_id ? entry.mode : entry.mode & ~06000 };
			if (has_set_id)
				r = read_file_caps(o, &entry, &p->file);
			if (r < 0)
				return r;
			p->real = o->real;
			p->is_readable = path_permission(c->t, o, CRED_READ) == 0;
			p->is_by_descriptor = o->is_fd;
			name_of(c, o, p->guest);
			r = o->is_fd ? give_name(c, o, fd) : 0;
			if (r < 0)
				return r;
			memcpy(p->host, o->host, o->host_length + 1);
			return read_elf(c, fd, o, p);
		}
		if (n < 2 || head[0] != '#' || head[1] != '!')
			return -ENOEXEC;
		if (depth == SCRIPT_DEPTH)
			return -ELOOP;
		char *interpreter, *argument;
		r = parse_script(head, &interpreter, &argument);
		if (r < 0)
			return r;
		/* load_script of fs/binfmt_script.c: the interpreter could not open what is closed by then. */
		if (depth == 0 && is_lost)
			return -ENOENT;
		/* [interpreter, argument, script] in front of what was there, argv[0] dropped. */
		unsigned added = argument ? 2 : 1;
		memmove(lead->text + added + 1, lead->text + (lead->count ? 1 : 0),
			(lead->count ? lead->count - 1 : 0) * sizeof(*lead->text));
		lead->count = (lead->count ? lead->count - 1 : 0) + added + 1;
		lead->text[0] = mem_strdup(c->t->exec, interpreter);
		if (argument)
			lead->text[1] = mem_strdup(c->t->exec, argument);
		lead->text[added] = mem_strdup(c->t->exec, script);
		script = lead->text[0];
		r = path_lookup(c->t, AT_FDCWD, script, LOOKUP_FOLLOW, o);
		if (r < 0)
			return r;
	}
}

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
	_Static_assert(WORDS == EMULATOR_WORDS_BEFORE + EMULATOR_WORDS_BEHIND, "as procfiles.c takes them away");
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
	r = find_program(c, given, is_lost, &lead, &program);
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
