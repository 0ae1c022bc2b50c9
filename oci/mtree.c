/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the text of mtree lists: keywords size, type, uid, gid, mode, link, nlink, tar_time, sha256digest and xattr. */
#include "oci/mtree.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "oci/digest.h"
#include "tracer/base/base64.h"
#include "tracer/base/io.h"
#include "tracer/base/mem.h"
#include "tracer/base/text.h"

enum { NAMES_BYTES = 65536, BUFFER_BYTES = 65536, INDENT = 4 };

/* vis(3) with VIS_WHITE, VIS_OCTAL and VIS_GLOB. */
static void write_text(FILE *out, const char *text)
{
	for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
		if (*p == '\\')
			fputs("\\\\", out);
		else if (*p <= ' ' || *p >= 127 || strchr("*?[#", *p))
			fprintf(out, "\\%03o", *p);
		else
			fputc(*p, out);
	}
}

static const char *type_name(mode_t mode)
{
	return S_ISDIR(mode)  ? "dir" :
	       S_ISLNK(mode)  ? "link" :
	       S_ISFIFO(mode) ? "fifo" :
	       S_ISCHR(mode)  ? "char" :
	       S_ISBLK(mode)  ? "block" :
	       S_ISSOCK(mode) ? "socket" : "file";
}

static int fail(const char *path, struct error *err)
{
	return error_set(err, errno, "cannot read '%s'", path);
}

static int write_digest(FILE *out, int dir_fd, const char *name, const char *path, struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	char *buffer = mem_array(scratch, char, BUFFER_BYTES), digest[DIGEST_ROOM];
	struct digest_state *state = digest_begin(scratch);
	CLEANUP_CLOSE int fd = io_open_own(dir_fd, name, 0);
	ssize_t n = 0;
	if (fd < 0)
		return error_set(err, -fd, "cannot read '%s'", path);
	while ((n = read(fd, buffer, BUFFER_BYTES)) > 0)
		digest_update(state, buffer, n);
	if (n < 0)
		return fail(path, err);
	digest_end(state, digest);
	fprintf(out, " sha256digest=%s", digest_hex(digest));
	return 0;
}

static void write_attributes(FILE *out, int dir_fd, const char *name)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	char *path = mem_printf(scratch, "/proc/self/fd/%d/%s", dir_fd, name);
	char *names = mem_array(scratch, char, NAMES_BYTES), *value = mem_array(scratch, char, BUFFER_BYTES);
	ssize_t n = llistxattr(path, names, NAMES_BYTES);
	for (ssize_t at = 0; at < n; at += strlen(names + at) + 1) {
		ssize_t size = lgetxattr(path, names + at, value, BUFFER_BYTES);
		if (size < 0)
			continue;
		fputs(" xattr.", out);
		write_text(out, names + at);
		fprintf(out, "=%s", base64_encode(scratch, value, size));
	}
}

static int write_entry(FILE *out, unsigned indent, int dir_fd, const char *name, const char *path, const struct stat *st,
		       struct error *err)
{
	char target[PATH_MAX];
	fprintf(out, "%*s", (int)indent, "");
	write_text(out, name);
	fprintf(out, " size=%lld type=%s uid=%u gid=%u mode=%#o nlink=%llu tar_time=%lld.000000000", (long long)st->st_size,
		type_name(st->st_mode), st->st_uid, st->st_gid, st->st_mode & 07777, (unsigned long long)st->st_nlink,
		(long long)st->st_mtim.tv_sec);
	if (S_ISLNK(st->st_mode)) {
		ssize_t n = readlinkat(dir_fd, name, target, sizeof(target) - 1);
		if (n < 0)
			return fail(path, err);
		target[n] = '\0';
		fputs(" link=", out);
		write_text(out, target);
	}
	if (S_ISREG(st->st_mode) && write_digest(out, dir_fd, name, path, err) < 0)
		return -1;
	write_attributes(out, dir_fd, name);
	fputc('\n', out);
	return 0;
}

/* The entry of the folder, which is open, then of what is in it: files first, then folders, as go-mtree has them. */
static int write_folder(FILE *out, int parent_fd, const char *name, int fd, const char *path, struct error *err)
{
	CLEANUP_TALLOC struct strlist *names = strlist_new(NULL);
	struct stat st;
	if (fstat(fd, &st) < 0)
		return fail(path, err);
	int r = io_list_names(fd, names);
	if (r < 0)
		return error_set(err, -r, "cannot read '%s'", path);
	strlist_sort(names);
	fputc('\n', out);
	if (write_entry(out, 0, parent_fd, name, path, &st, err) < 0)
		return -1;
	for (unsigned is_folder = 0; is_folder < 2; is_folder++) {
		for (size_t i = 0; i < names->count; i++) {
			CLEANUP_TALLOC char *one = mem_printf(NULL, "%s%s%s", path, *path ? "/" : "", names->items[i]);
			if (fstatat(fd, names->items[i], &st, AT_SYMLINK_NOFOLLOW) < 0)
				return fail(one, err);
			if ((S_ISDIR(st.st_mode) ? 1u : 0u) != is_folder)
				continue;
			if (!is_folder) {
				if (write_entry(out, INDENT, fd, names->items[i], one, &st, err) < 0)
					return -1;
				continue;
			}
			CLEANUP_CLOSE int below = io_open_own(fd, names->items[i], O_DIRECTORY);
			if (below < 0)
				return error_set(err, -below, "cannot read '%s'", one);
			if (write_folder(out, fd, names->items[i], below, one, err) < 0)
				return -1;
		}
	}
	fputs("..\n", out);
	return 0;
}

int mtree_write(const char *root, const char *path, struct error *err)
{
	CLEANUP_CLOSE int fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return fail(root, err);
	int to = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	FILE *out = to < 0 ? NULL : fdopen(to, "w");
	if (!out)
		return error_set(err, errno, "cannot create '%s'", path);
	fputs("#mtree\n#      keywords: size,type,uid,gid,mode,link,nlink,tar_time,sha256digest,xattr\n", out);
	int r = write_folder(out, fd, ".", fd, "", err);
	bool is_written = !ferror(out);
	if ((fclose(out) < 0 || !is_written) && r == 0)
		r = error_set(err, errno, "cannot write '%s'", path);
	return r;
}
