/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns stubs.  The guest may have put a symlink where a parent folder was (CVE-2024-23652), so each
 * parent is held open from the making of a stub to its removal, and no name is looked up twice.
 */
#include "builder/stubs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tracer/base/io.h"
#include "tracer/base/mem.h"

enum { RECORD_MAX_BYTES = 1 << 20 };

struct stub {
	int parent_fd;
	char *name;
	dev_t dev;
	ino_t ino;
	bool is_directory;
};

struct stubs {
	char *record_path;
	struct stub *items;
	size_t count;
};

static int close_parents(struct stubs *s)
{
	for (size_t i = 0; i < s->count; i++)
		close(s->items[i].parent_fd);
	return 0;
}

struct stubs *stubs_new(const void *ctx, const char *record_path)
{
	struct stubs *s = mem_new(ctx, struct stubs);
	s->record_path = mem_strdup(s, record_path);
	talloc_set_destructor(s, close_parents);
	return s;
}

static bool is_recorded(const struct stubs *s, const char *guest_path)
{
	CLEANUP_TALLOC char *text = NULL;
	size_t size = 0;
	if (io_read_file(NULL, AT_FDCWD, s->record_path, RECORD_MAX_BYTES, &text, &size, NULL) < 0)
		return false;
	for (const char *entry = text; entry < text + size; entry += strlen(entry) + 1)
		if (strcmp(entry, guest_path) == 0)
			return true;
	return false;
}

/* Before the stub is made, so that a kill in between leaves none that is not recorded. */
static bool record(const struct stubs *s, const char *guest_path)
{
	if (is_recorded(s, guest_path))
		return true;
	CLEANUP_CLOSE int fd =
		open(s->record_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	return fd >= 0 && io_write_all(fd, guest_path, strlen(guest_path) + 1) == 0;
}

static bool make_one(struct stubs *s, const char *parent_host_path, const char *guest_path,
		     bool is_directory)
{
	const char *name = strrchr(guest_path, '/') + 1;
	CLEANUP_CLOSE int parent_fd =
		open(parent_host_path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;
	if (parent_fd < 0 || fstatat(parent_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 ||
	    errno != ENOENT)
		return false;
	if (!record(s, guest_path))
		return false;
	if (is_directory) {
		if (mkdirat(parent_fd, name, 0755) < 0)
			return false;
	} else {
		CLEANUP_CLOSE int fd =
			openat(parent_fd, name,
			       O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
		if (fd < 0)
			return false;
	}
	if (fstatat(parent_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return false;
	s->items = mem_grow(s, s->items, struct stub, s->count + 1);
	s->items[s->count++] = (struct stub){
		.parent_fd = io_take_fd(&parent_fd),
		.name = mem_strdup(s, name),
		.dev = st.st_dev,
		.ino = st.st_ino,
		.is_directory = is_directory,
	};
	return true;
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
		if (!found && make_one(s, parent, prefix, !is_last || is_directory))
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
	for (size_t i = s->count; i-- > 0;) {
		const struct stub *stub = &s->items[i];
		struct stat st;
		if (fstatat(stub->parent_fd, stub->name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
		    st.st_dev != stub->dev || st.st_ino != stub->ino)
			continue;
		/* A folder that is used meanwhile is not empty, and stays. */
		if (stub->is_directory || st.st_size == 0)
			unlinkat(stub->parent_fd, stub->name,
				 stub->is_directory ? AT_REMOVEDIR : 0);
	}
}
