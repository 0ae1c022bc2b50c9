/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the life of folders that nothing but memory refers to. */
#include "builder/build/scratch_folder.h"

#include <fcntl.h>

#include "tracer/base/io.h"
#include "tracer/base/mem.h"

struct scratch_folder {
	char *path;
};

static int remove_folder(struct scratch_folder *f)
{
	io_remove_tree(AT_FDCWD, f->path);
	return 0;
}

int scratch_folder_make(const void *ctx, struct store *s, char **ret_path, struct error *err)
{
	struct scratch_folder *f = mem_new(ctx, struct scratch_folder);
	if (store_make_tmp(f, s, &f->path, err) < 0) {
		talloc_free(f);
		return -1;
	}
	talloc_set_destructor(f, remove_folder);
	*ret_path = f->path;
	return 0;
}
