/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns stubs.  The guest may have put a symlink where a parent folder was (CVE-2024-23652), so each
 * parent is held open from the making of a stub to its removal, and no name is looked up twice.
 * Several runs may use one root: each holds a shared lock on the record, and the last one out
 * removes what all of them, and those that were killed, have put.
 */
#include "builder/stubs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "tracer/base/io.h"
#include "tracer/base/mem.h"

enum { RECORD_MAX_BYTES = 1 << 20 };

struct stub {
	int parent_fd;
	char *name;
	dev_t dev;
	ino_t ino;
	mode_t type;
	char *target; /* of a symlink */
};

struct stubs {
	char *record_path;
	int record_fd; /* holds the lock; -1: nothing can be recorded, and no stub is put */
	char *text;    /* what is recorded, as read last */
	size_t text_bytes;
	struct stub *items;
	size_t count;
};

static int close_all(struct stubs *s)
{
	for (size_t i = 0; i < s->count; i++)
		close(s->items[i].parent_fd);
	if (s->record_fd >= 0)
		close(s->record_fd);
	return 0;
}

struct stubs *stubs_new(const void *ctx, const char *record_path)
{
	struct stubs *s = mem_new(ctx, struct stubs);
	s->record_path = mem_strdup(s, record_path);
	s->record_fd = open(record_path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (s->record_fd >= 0)
		flock(s->record_fd, LOCK_SH);
	talloc_set_destructor(s, close_all);
	return s;
}

/* While somebody holds the lock the record only grows: with the size of before it is what it was. */
static bool read_record(struct stubs *s)
{
	struct stat st;
	char *text = NULL;
	size_t size = 0;
	if (s->text && s->record_fd >= 0 && fstat(s->record_fd, &st) == 0 && (size_t)st.st_size == s->text_bytes)
		return true;
	if (io_read_file(s, AT_FDCWD, s->record_path, RECORD_MAX_BYTES, &text, &size, NULL) < 0)
		return false;
	talloc_free(s->text);
	s->text = text;
	s->text_bytes = size;
	return true;
}

static bool is_recorded(struct stubs *s, const char *guest_path)
{
	if (!read_record(s))
		return false;
	for (const char *entry = s->text; entry < s->text + s->text_bytes; entry += strlen(entry) + 1)
		if (strcmp(entry, guest_path) == 0)
			return true;
	return false;
}

/* Before the stub is made, so that a kill in between leaves none that is not recorded. */
static bool record(struct stubs *s, const char *guest_path, const char *target)
{
	if (s->record_fd < 0)
		return false;
	if (is_recorded(s, guest_path))
		return true;
	CLEANUP_TALLOC char *entry = mem_printf(NULL, "%s%s%c%s", target ? ">" : "",
						target ? target : "", '\0', guest_path);
	size_t skipped = target ? 0 : 1;
	return io_write_all(s->record_fd, entry + skipped,
			    (target ? strlen(target) + 2 : 0) + strlen(guest_path) + 1) == 0;
}

/* NULL when it is no symlink. */
static char *read_target(const void *ctx, int parent_fd, const char *name)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(parent_fd, name, target, sizeof(target));
	return n < 0 || n == sizeof(target) ? NULL : mem_strndup(ctx, target, n);
}

static void take(struct stubs *s, int parent_fd, const char *name, const struct stat *st)
{
	s->items = mem_grow(s, s->items, struct stub, s->count + 1);
	s->items[s->count++] = (struct stub){
		.parent_fd = parent_fd,
		.name = mem_strdup(s, name),
		.dev = st->st_dev,
		.ino = st->st_ino,
		.type = st->st_mode & S_IFMT,
		.target = S_ISLNK(st->st_mode) ? read_target(s, parent_fd, name) : NULL,
	};
}

static int open_parent(const char *host_path)
{
	return open(host_path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* A stub is not the guest's doing: the folder keeps its time. */
static void set_time_back(int parent_fd, const struct stat *before)
{
	struct timespec times[2] = { { 0, UTIME_OMIT }, before->st_mtim };
	futimens(parent_fd, times);
}

/* `target`: of a symlink, else NULL. */
static bool make_one(struct stubs *s, const char *parent_host_path, const char *guest_path,
		     bool is_directory, const char *target)
{
	const char *name = strrchr(guest_path, '/') + 1;
	CLEANUP_CLOSE int parent_fd = open_parent(parent_host_path);
	struct stat st, parent;
	if (parent_fd < 0 || fstat(parent_fd, &parent) < 0 ||
	    fstatat(parent_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT)
		return false;
	if (!record(s, guest_path, target))
		return false;
	if (target) {
		if (symlinkat(target, parent_fd, name) < 0)
			return false;
	} else if (is_directory) {
		if (mkdirat(parent_fd, name, 0755) < 0)
			return false;
	} else {
		CLEANUP_CLOSE int fd =
			openat(parent_fd, name,
			       O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
		if (fd < 0)
			return false;
	}
	set_time_back(parent_fd, &parent);
	if (fstatat(parent_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return false;
	take(s, io_take_fd(&parent_fd), name, &st);
	return true;
}

static bool is_recorded_link(struct stubs *s, const char *guest_path, int parent_fd,
			     const char *name)
{
	CLEANUP_TALLOC char *target = read_target(NULL, parent_fd, name);
	if (!target || !read_record(s))
		return false;
	for (const char *entry = s->text, *before = ""; entry < s->text + s->text_bytes;
	     before = entry, entry += strlen(entry) + 1)
		if (strcmp(entry, guest_path) == 0)
			return before[0] == '>' && strcmp(before + 1, target) == 0;
	return false;
}

/* A stub of another run, or of one that was killed. */
static void adopt(struct stubs *s, const char *parent_host_path, const char *guest_path)
{
	const char *name = strrchr(guest_path, '/') + 1;
	CLEANUP_CLOSE int parent_fd = -1;
	struct stat st;
	if (!*name || !is_recorded(s, guest_path))
		return;
	parent_fd = open_parent(parent_host_path);
	if (parent_fd >= 0 && fstatat(parent_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    (S_ISDIR(st.st_mode) || (S_ISREG(st.st_mode) && st.st_size == 0) ||
	     (S_ISLNK(st.st_mode) && is_recorded_link(s, guest_path, parent_fd, name))))
		take(s, io_take_fd(&parent_fd), name, &st);
}

void stubs_make_link(struct stubs *s, const struct tracer_config *guest, const char *guest_path,
		     const char *target)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	const char *slash = strrchr(guest_path, '/');
	char *parent = tracer_lookup(
		scratch, guest,
		slash == guest_path ? "/" : mem_strndup(scratch, guest_path, slash - guest_path));
	if (parent && !make_one(s, parent, guest_path, false, target))
		adopt(s, parent, guest_path);
}

bool stubs_make(struct stubs *s, const struct tracer_config *guest, const char *guest_path,
		bool is_directory)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	char *prefix = mem_strdup(scratch, guest_path);
	char *parent = tracer_lookup(scratch, guest, "/");
	for (char *slash = prefix; parent;) {
		slash += strspn(slash, "/");
		slash += strcspn(slash, "/");
		bool is_last = slash[strspn(slash, "/")] == '\0';
		char kept = *slash;
		*slash = '\0';
		char *found = tracer_lookup(scratch, guest, prefix);
		if (found)
			adopt(s, parent, prefix);
		else if (make_one(s, parent, prefix, !is_last || is_directory, NULL))
			found = tracer_lookup(scratch, guest, prefix);
		*slash = kept;
		if (is_last || !found)
			return found != NULL;
		parent = found;
	}
	return false;
}

void stubs_remove(struct stubs *s)
{
	if (s->record_fd < 0 || flock(s->record_fd, LOCK_EX | LOCK_NB) < 0)
		return;
	for (size_t i = s->count; i-- > 0;) {
		const struct stub *stub = &s->items[i];
		struct stat st, parent;
		if (fstat(stub->parent_fd, &parent) < 0 ||
		    fstatat(stub->parent_fd, stub->name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
		    st.st_dev != stub->dev || st.st_ino != stub->ino)
			continue;
		/* A folder that is used meanwhile is not empty, and stays.  Inode numbers are used
		 * again. */
		CLEANUP_TALLOC char *target = read_target(NULL, stub->parent_fd, stub->name);
		bool is_ours =
			(st.st_mode & S_IFMT) == stub->type &&
			(stub->type != S_IFREG || st.st_size == 0) &&
			(stub->type != S_IFLNK || (target && stub->target && strcmp(target, stub->target) == 0));
		if (is_ours &&
		    unlinkat(stub->parent_fd, stub->name, stub->type == S_IFDIR ? AT_REMOVEDIR : 0) == 0)
			set_time_back(stub->parent_fd, &parent);
	}
	/* All are gone, or are the guest's own now. */
	if (ftruncate(s->record_fd, 0) < 0)
		return;
}
