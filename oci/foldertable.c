/* SPDX-License-Identifier: Apache-2.0 */
/* Owns where the metadata of folders that are no container's is kept. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "oci/store.h"
#include "tracer/base/io.h"

/* When the folder was made, in nanoseconds; 0 where the kernel (before 4.11) or the file system does not tell. */
static unsigned long long birth_of(const char *path)
{
#ifdef STATX_BTIME
	struct statx sx;
	if (statx(AT_FDCWD, path, 0, STATX_BTIME, &sx) == 0 && (sx.stx_mask & STATX_BTIME))
		return sx.stx_btime.tv_sec * 1000000000ull + sx.stx_btime.tv_nsec;
#endif
	(void)path;
	return 0;
}

/*
 * A folder's path as one name; NULL when it is too long for that.  Earlier versions took its digest, as is still done with
 * those: asking for one loads libcrypto, for the shortest of runs.
 */
static char *name_of(const void *ctx, const char *root)
{
	enum { NAME_BYTES = 143 }; /* what eCryptfs has room for */
	char name[NAME_BYTES + 4];
	size_t length = 0;
	for (const char *c = root; *c; c++) {
		bool is_special = *c == '%' || *c == '+';
		length += snprintf(name + length, 4, is_special ? "%%%02X" : "%c", *c == '/' ? '+' : *c);
		if (length > NAME_BYTES)
			return NULL;
	}
	return mem_strndup(ctx, name, length);
}

static char *digest_name_of(const void *ctx, const char *root)
{
	char digest[DIGEST_ROOM];
	digest_of(root, strlen(root), digest);
	return mem_strdup(ctx, digest_hex(digest));
}

/*
 * Beside the table lies a note of which folder that was: one that is made again may get the number of the old one.
 * Notes of earlier versions had no time.
 */
int store_folder_table(const void *ctx, struct store *s, const char *root, char **ret_folder, struct error *err)
{
	struct stat st;
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	char *name = name_of(scratch, root);
	char *folder = mem_printf(scratch, "%s/cache/rootfs/%s", store_root(s), name ? name : digest_name_of(scratch, root));
	if (name && access(folder, F_OK) < 0)
		rename(mem_printf(scratch, "%s/cache/rootfs/%s", store_root(s), digest_name_of(scratch, root)), folder);
	char *note_path = mem_printf(scratch, "%s/folder", folder), *note;
	if (stat(root, &st) < 0)
		return error_set(err, errno, "cannot open '%s'", root);
	char *wanted = mem_printf(scratch, "%llu %llu %s\n", (unsigned long long)st.st_ino, birth_of(root), root);
	char *timeless = mem_printf(scratch, "%llu %s\n", (unsigned long long)st.st_ino, root);
	if (io_read_file(scratch, AT_FDCWD, note_path, 2 * PATH_MAX, &note, NULL, NULL) == 0 && strcmp(note, wanted) != 0 &&
	    (strcmp(note, timeless) != 0 || birth_of(root) > birth_of(note_path)))
		io_remove_tree(AT_FDCWD, folder);
	int r = io_mkdir_p(AT_FDCWD, folder, 0700);
	if (r < 0)
		return error_set(err, -r, "cannot create '%s'", folder);
	if (access(note_path, F_OK) < 0 &&
	    io_write_file(AT_FDCWD, note_path, wanted, strlen(wanted), 0600, err) < 0)
		return -1;
	*ret_folder = talloc_move(ctx, &folder);
	return 0;
}
