/* SPDX-License-Identifier: Apache-2.0 */
/* Owns whole paths in a source: walked name by name with a cursor, symlinks followed inside. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "builder/build/source.h"
#include "tracer/base/io.h"

enum { LINK_LIMIT = 255 };

/* What is still to be walked when the entry is a symlink on the way. */
static int follow(const void *scratch, struct source_cursor *c, const struct source_entry *e, const char *rest,
		  unsigned *links, char **ret)
{
	struct error ignored = ERROR_INIT;
	char *target;
	if (++*links > LINK_LIMIT)
		return -ELOOP;
	if (source_read_link(scratch, c, e, &target, &ignored) < 0)
		return -EIO;
	while (*target == '/' && source_depth(c))
		source_leave(c);
	*ret = mem_printf(scratch, "%s/%s", target, rest);
	return 0;
}

int source_resolve(const void *ctx, struct source *s, const char *path, bool follows_last, char **ret)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	struct source_cursor *c;
	struct error ignored = ERROR_INIT;
	unsigned links = 0;
	char *rest = mem_strdup(scratch, path);
	if (source_cursor_open(scratch, s, &c, &ignored) < 0)
		return -EIO;
	while (*(rest += strspn(rest, "/"))) {
		size_t length = strcspn(rest, "/");
		char *name = mem_strndup(scratch, rest, length);
		struct source_entry e;
		rest += length;
		if (strcmp(name, ".") == 0)
			continue;
		if (strcmp(name, "..") == 0) {
			source_leave(c);
			continue;
		}
		int r = source_examine(c, name, &e);
		if (r < 0)
			return r;
		bool is_last = !rest[strspn(rest, "/")];
		if (S_ISLNK(e.mode) && (!is_last || follows_last)) {
			r = follow(scratch, c, &e, rest, &links, &rest);
			if (r < 0)
				return r;
			continue;
		}
		if (S_ISDIR(e.mode)) {
			r = source_enter(c, name);
			if (r < 0)
				return r;
			continue;
		}
		if (!is_last)
			return -ENOTDIR;
		*ret = mem_printf(ctx, "%s%s%s", source_path(c), *source_path(c) ? "/" : "", name);
		return 0;
	}
	*ret = mem_strdup(ctx, source_path(c));
	return 0;
}

int source_go(struct source_cursor *c, const char *path)
{
	CLEANUP_TALLOC char *rest = mem_strdup(NULL, path);
	while (source_depth(c))
		source_leave(c);
	for (char *part = rest; *part;) {
		size_t length = strcspn(part, "/");
		char *next = part + length + strspn(part + length, "/");
		part[length] = '\0';
		int r = source_enter(c, part);
		if (r < 0)
			return r;
		part = next;
	}
	return 0;
}

int source_read_text(const void *ctx, struct source *s, const char *path, size_t max_bytes, char **ret,
		     size_t *ret_size, struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	struct source_cursor *c;
	struct source_entry e;
	char *resolved;
	*ret = NULL;
	int r = source_resolve(scratch, s, path, true, &resolved);
	if (r == -ENOENT || r == -ENOTDIR)
		return 0;
	if (r < 0)
		return error_set(err, -r, "cannot open '%s'", path);
	char *slash = strrchr(resolved, '/'), *name = slash ? slash + 1 : resolved;
	CLEANUP_TALLOC char *folder = mem_strndup(NULL, resolved, slash ? slash - resolved : 0);
	if (source_cursor_open(scratch, s, &c, err) < 0)
		return -1;
	r = source_go(c, folder);
	if (r == 0 && *name)
		r = source_examine(c, name, &e);
	if (r < 0)
		return error_set(err, -r, "cannot open '%s'", path);
	if (!*name || !S_ISREG(e.mode))
		return error_set(err, 0, "'%s' is not a regular file", path);
	if ((uint64_t)e.size_bytes > max_bytes)
		return error_set(err, 0, "'%s' is larger than %zu bytes", path, max_bytes);
	CLEANUP_CLOSE int fd = source_open_file(c, &e, err);
	if (fd < 0)
		return -1;
	/* It may grow while it is read. */
	size_t room = (size_t)e.size_bytes + 4096 < max_bytes ? (size_t)e.size_bytes + 4096 : max_bytes;
	char *text = mem_array(ctx, char, room + 1);
	ssize_t n = io_read_all(fd, text, room);
	if (n < 0) {
		talloc_free(text);
		return error_set(err, -n, "cannot read '%s'", path);
	}
	text[n] = '\0';
	*ret = text;
	*ret_size = n;
	return 0;
}
