/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the format of a layer's `tree` file. */
#include "oci/tree.h"

#include <stddef.h>
#include <string.h>

static const char kinds[] = { TREE_DIRECTORY, TREE_IMPLIED,    TREE_FILE,     TREE_SYMLINK,
			      TREE_FIFO,      TREE_LOWER_LINK, TREE_WHITEOUT, TREE_OPAQUE };

enum { HEAD_BYTES = offsetof(struct tree_record, path) };

int tree_write(FILE *file, const struct tree_record *record)
{
	return fwrite(record, HEAD_BYTES, 1, file) == 1 &&
			       fwrite(record->path, record->path_size, 1, file) == 1 &&
			       (!record->target_size || fwrite(record->target, record->target_size, 1, file) == 1) ?
		       0 :
		       -1;
}

bool tree_next(const char *bytes, size_t size, size_t *at, struct tree_record *ret, bool *ret_damaged)
{
	*ret_damaged = false;
	if (*at == size)
		return false;
	*ret_damaged = true;
	if (size - *at < HEAD_BYTES)
		return false;
	memcpy(ret, bytes + *at, HEAD_BYTES);
	size_t rest = size - *at - HEAD_BYTES;
	if (!ret->path_size || ret->path_size > rest || ret->target_size > rest - ret->path_size)
		return false;
	ret->path = bytes + *at + HEAD_BYTES;
	ret->target = ret->target_size ? ret->path + ret->path_size : NULL;
	if (ret->path[ret->path_size - 1] || (ret->target && ret->target[ret->target_size - 1]))
		return false;
	bool is_link = ret->kind == TREE_SYMLINK || ret->kind == TREE_LOWER_LINK;
	if (!memchr(kinds, ret->kind, sizeof(kinds)) || (is_link && !ret->target))
		return false;
	*at += HEAD_BYTES + ret->path_size + ret->target_size;
	*ret_damaged = false;
	return true;
}
