/* SPDX-License-Identifier: Apache-2.0 */
/* Owns which program an execve means: may it be run, what is it, and what else does it want. */
#include "tracer/program.h"

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
#include "tracer/exec.h"
#include "tracer/fast.h"
#include "tracer/keeper.h"
#include "tracer/through.h"
#include "tracer/users.h"

enum { HEAD_BYTES = 256 };

/* include/uapi/linux/capability.h: struct vfs_cap_data and vfs_ns_cap_data, little endian. */
static int read_file_caps(const struct object *o, const struct meta_entry *entry, struct exec_file *ret)
{
	uint32_t data[6] = { 0 };
	ssize_t n = through_xattr_get(path_short(o->host), o->is_fd, entry, "security.capability", data, sizeof(data));
	uint32_t revision = data[0] & 0xff000000;
	if (n < 0)
		return 0;
	if (!(n == 20 && revision == 0x02000000) && !(n == 24 && revision == 0x03000000))
		return -EINVAL;
	ret->has_caps = true;
	ret->caps_root = n == 24 ? data[5] : 0;
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

int program_find(struct call *c, const char *given, bool is_lost, struct leading *lead, struct program *p)
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
			bool has_set_id = !(o->mount->flags & MOUNT_NO_SET_ID) && !session.is_plain &&
					  users_is_below(c->t->cred.users, o->mount->maker);
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
