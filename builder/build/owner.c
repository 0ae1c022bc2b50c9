/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the lookup of owners in passwd and group of a tree that is no root directory. */
#include "builder/build/owner.h"

#include <string.h>
#include <unistd.h>

#include "tracer/base/io.h"
#include "tracer/base/text.h"

enum { FILE_MAX_BYTES = 10 << 20 };

static char *read_guest_file(const void *ctx, struct workspace *w, const char *guest_path)
{
	struct error ignored = ERROR_INIT;
	struct node *n = workspace_find(w, guest_path, true, NULL);
	if (!n || n->kind != TREE_FILE || n->size_bytes > FILE_MAX_BYTES)
		return mem_strdup(ctx, "");
	CLEANUP_CLOSE int fd = workspace_open_file(w, n, &ignored);
	char *text = mem_array(ctx, char, n->size_bytes + 1);
	ssize_t size = fd < 0 ? 0 : io_read_all(fd, text, n->size_bytes);
	text[size < 0 ? 0 : size] = '\0';
	return text;
}

/* Field `index` of a colon-separated line, its length in *ret_length. */
static const char *field(const char *line, unsigned index, size_t *ret_length)
{
	for (; index; index--) {
		line += strcspn(line, ":\n");
		if (*line != ':')
			return NULL;
		line++;
	}
	*ret_length = strcspn(line, ":\n");
	return line;
}

static bool to_id(const char *text, size_t length, unsigned *ret)
{
	char copy[16];
	uint64_t number;
	if (length >= sizeof(copy))
		return false;
	memcpy(copy, text, length);
	copy[length] = '\0';
	/* Ids of 2^31 and more are numbers that wrap elsewhere (CVE-2024-40635). */
	if (!text_to_number(copy, INT32_MAX, &number))
		return false;
	*ret = number;
	return true;
}

/* The line whose first field is the name; its third and fourth fields are ids. */
static bool find_name(const char *text, const char *name, size_t name_length, unsigned *ret_id, unsigned *ret_group)
{
	for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		size_t length;
		const char *first = field(line, 0, &length);
		if (length != name_length || memcmp(first, name, length) != 0)
			continue;
		const char *id = field(line, 2, &length);
		if (!id || !to_id(id, length, ret_id))
			continue;
		const char *group = ret_group ? field(line, 3, &length) : NULL;
		if (!ret_group || (group && to_id(group, length, ret_group)))
			return true;
	}
	return false;
}

int owner_find(struct workspace *w, const char *spec, struct owner *ret, struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	size_t length = strcspn(spec, ":");
	const char *group = spec[length] ? spec + length + 1 : NULL;
	unsigned uid = 0, gid = 0;
	if (!workspace_tree(w, err))
		return -1;
	bool has_user = true, has_group = true;
	if (to_id(spec, length, &uid))
		gid = uid;
	else if (length)
		has_user = find_name(read_guest_file(scratch, w, "/etc/passwd"), spec, length, &uid, &gid) ||
			   (length == 4 && memcmp(spec, "root", 4) == 0);
	if (group && *group && !to_id(group, strlen(group), &gid))
		has_group = find_name(read_guest_file(scratch, w, "/etc/group"), group, strlen(group), &gid, NULL) ||
			    strcmp(group, "root") == 0;
	*ret = (struct owner){ has_user ? uid : 0, has_group ? gid : 0, !has_user || !has_group };
	return 0;
}
