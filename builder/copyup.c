/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the private copies of --copy-up. */
#include "builder/copyup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tracer/base/io.h"

#define HOST_NAME ".host"
enum { COPIED_MAX_BYTES = 1 << 20 };

static int copy_file(int from_dir, int to_dir, const char *name, const struct stat *st)
{
	CLEANUP_CLOSE int from = openat(from_dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (from < 0)
		return -errno;
	/* Root writes what nobody may: here that is the user himself. */
	CLEANUP_CLOSE int to = openat(to_dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, (st->st_mode & 0777) | 0600);
	return to < 0 ? -errno : io_copy_bytes(from, to);
}

static int make_entry(int from_dir, int to_dir, const char *folder, const char *name)
{
	char target[PATH_MAX];
	struct stat st;
	if (fstatat(from_dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (S_ISLNK(st.st_mode)) {
		ssize_t n = readlinkat(from_dir, name, target, sizeof(target) - 1);
		target[n < 0 ? 0 : n] = '\0';
		return n < 0 || symlinkat(target, to_dir, name) < 0 ? -errno : 0;
	}
	if (S_ISREG(st.st_mode) && st.st_size <= COPIED_MAX_BYTES && faccessat(from_dir, name, R_OK, AT_EACCESS) == 0)
		return copy_file(from_dir, to_dir, name, &st);
	if (snprintf(target, sizeof(target), "%s/" HOST_NAME "/%s", folder, name) >= (int)sizeof(target))
		return -ENAMETOOLONG;
	return symlinkat(target, to_dir, name) < 0 ? -errno : 0;
}

/* Made beside, then named: one that is there is whole. */
static int fill(const char *folder, const char *private, struct error *err)
{
	CLEANUP_TALLOC char *making = mem_printf(NULL, "%s.making", private);
	io_remove_tree(AT_FDCWD, making);
	if (mkdir(making, 0755) < 0)
		return error_set(err, errno, "cannot create '%s'", making);
	CLEANUP_CLOSE int to = open(making, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = opendir(folder);
	if (!dir)
		return error_set(err, errno, "cannot read '%s' for --copy-up", folder);
	int r = to < 0 || mkdirat(to, HOST_NAME, 0755) < 0 ? error_set(err, errno, "cannot create '%s'", making) : 0;
	for (const struct dirent *e; r == 0 && (e = readdir(dir));) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 || strcmp(e->d_name, HOST_NAME) == 0)
			continue;
		int made = make_entry(dirfd(dir), to, folder, e->d_name);
		if (made < 0)
			r = error_set(err, -made, "cannot copy '%s/%s' for --copy-up", folder, e->d_name);
	}
	closedir(dir);
	if (r == 0 && rename(making, private) < 0)
		r = error_set(err, errno, "cannot create '%s'", private);
	return r;
}

static void add(struct volume_list *list, const char *host_path, const char *guest_path)
{
	list->items = mem_grow(list, list->items, struct volume, list->count + 1);
	list->items[list->count++] = (struct volume){
		.host_path = mem_strdup(list, host_path),
		.guest_path = mem_strdup(list, guest_path),
	};
}

int copyup_prepare(const void *ctx, const struct strlist *folders, const char *dir, struct volume_list **ret,
		   struct error *err)
{
	struct volume_list *list = mem_new(ctx, struct volume_list);
	for (size_t i = 0; i < folders->count; i++) {
		CLEANUP_FREE char *folder = realpath(folders->items[i], NULL);
		struct stat st;
		if (folders->items[i][0] != '/' || (folder && strcmp(folder, "/") == 0))
			return error_set(err, 0, "invalid --copy-up '%s': an absolute path of a folder below / is wanted",
					 folders->items[i]);
		if (!folder || stat(folder, &st) < 0)
			return error_set(err, errno, "cannot open '%s' for --copy-up", folders->items[i]);
		if (!S_ISDIR(st.st_mode))
			return error_set(err, ENOTDIR, "cannot open '%s' for --copy-up", folder);
		CLEANUP_TALLOC char *private = mem_printf(NULL, "%s/", dir);
		for (const char *at = folder + 1; *at; at++)
			private = *at == '/' || *at == '%' ? mem_append(private, "%%%02x", *at) :
							     mem_append(private, "%c", *at);
		if (access(private, F_OK) < 0 && fill(folder, private, err) < 0)
			return -1;
		CLEANUP_TALLOC char *inside = mem_printf(NULL, "%s/" HOST_NAME, folder);
		add(list, private, folder);
		add(list, folder, inside);
	}
	*ret = list;
	return 0;
}
