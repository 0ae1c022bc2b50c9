/* SPDX-License-Identifier: Apache-2.0 */
/* Owns which entries a tar has: of a container's changes, and of a layer's directory. */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "oci/chain.h"
#include "oci/diff.h"
#include "oci/tarball.h"
#include "oci/tree.h"
#include "tracer/base/io.h"

enum { TREE_MAX_BYTES = 1 << 30 };

int diff_write(const struct container *c, struct meta *meta, const struct change *changes, unsigned count,
	       archive_sink sink, void *arg, struct error *err)
{
	CLEANUP_CLOSE int root_fd = open(c->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root_fd < 0)
		return error_set(err, errno, "cannot open '%s'", c->root);
	CLEANUP_TALLOC struct tarball *t = tarball_new(NULL, root_fd, meta, "the container");
	for (unsigned i = 0; i < count; i++) {
		const char *path = changes[i].path + 1;
		if (changes[i].kind == CHANGE_DELETED)
			tarball_add_whiteout(t, path);
		else
			tarball_add(t, path, NULL);
		/* The directories above are part of a layer. */
		CLEANUP_TALLOC char *parent = mem_strdup(NULL, path);
		for (char *slash; (slash = strrchr(parent, '/'));) {
			*slash = '\0';
			tarball_add(t, parent, NULL);
		}
	}
	return tarball_write(t, sink, arg, err);
}

static void add_record(struct tarball *t, const struct tree_record *r)
{
	struct tarball_known known = { r->ino, r->mtime_sec };
	switch (r->kind) {
	case TREE_IMPLIED:
		/*
		 * What it is like the layers below say, if they have it, and which those are a layer does not
		 * know; readers make what is missing as containerd would write it, root's with mode 0755.
		 */
		break;
	case TREE_WHITEOUT:
		tarball_add_whiteout(t, r->path);
		break;
	case TREE_OPAQUE:
		tarball_add_opaque(t, r->path);
		break;
	case TREE_LOWER_LINK:
		tarball_add_lower_link(t, r->path, r->target);
		break;
	default:
		tarball_add(t, r->path, &known);
	}
}

int layer_write_tar(struct store *s, const char *folder, const struct layer_format *format, archive_sink sink,
		    void *arg, struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	char *dir = mem_printf(scratch, "%s/%s", store_root(s), folder), *fs = mem_printf(scratch, "%s/fs", dir);
	char *list = mem_printf(scratch, "%s/tree", dir), *bytes;
	size_t size;
	struct stat st;
	struct meta *meta;
	struct tree_record r;
	bool is_damaged = false;
	CLEANUP_CLOSE int root_fd = open(fs, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root_fd < 0 || fstat(root_fd, &st) < 0)
		return error_set(err, errno, "cannot open layer '%s'", fs);
	if (meta_open(scratch, mem_printf(scratch, "%s/meta", dir), st.st_dev, META_SHARED_LAYERS, &meta, err) < 0 ||
	    io_read_file(scratch, AT_FDCWD, list, TREE_MAX_BYTES, &bytes, &size, err) < 0)
		return -1;
	struct tarball *t = tarball_new(scratch, root_fd, meta, "a layer");
	if (format->rewrites_times)
		tarball_set_times(t, INT64_MIN, format->epoch_sec);
	for (size_t at = 0; tree_next(bytes, size, &at, &r, &is_damaged);)
		add_record(t, &r);
	if (is_damaged)
		return error_set(err, 0, "the store is damaged: '%s' is cut off", list);
	return tarball_write(t, sink, arg, err);
}
