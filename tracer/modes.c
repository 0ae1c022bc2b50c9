/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the list of files that are owed their modes. */
#include "tracer/modes.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tracer/base/mem.h"
#include "tracer/path.h"

static char **owed;
static size_t owed_count;

/* Set-id bits are for others only where they take the files as root's: umoci's bundles. */
static mode_t bits(void)
{
	return session.config->flags & TRACER_ROOTLESS_XATTRS ? 07777 : 0777;
}

bool modes_differ(mode_t real, mode_t shown)
{
	return (real & 07777) != (shown & bits());
}

void modes_owe(const char *host)
{
	if (!(session.config->flags & TRACER_LEAVE_MODES) || (owed_count && strcmp(owed[owed_count - 1], host) == 0))
		return;
	if (owed_count == talloc_array_length(owed))
		owed = mem_grow(NULL, owed, char *, owed_count ? 2 * owed_count : 64);
	owed[owed_count++] = mem_strdup(owed, host);
}

/* Deeper ones first: behind a folder that has lost its bits nothing can be changed. */
static int compare(const void *a, const void *b)
{
	size_t x = strlen(*(char *const *)a), y = strlen(*(char *const *)b);
	return x < y ? 1 : x > y ? -1 : 0;
}

void modes_pay(void)
{
	if (owed_count)
		qsort(owed, owed_count, sizeof(*owed), compare);
	for (size_t i = 0; i < owed_count; i++) {
		struct stat st;
		struct meta_entry entry;
		const char *host = path_short(owed[i]);
		if (lstat(host, &st) < 0 || st.st_uid != session.uid || S_ISLNK(st.st_mode))
			continue;
		meta_get_or_default(session.meta, &st, &entry);
		mode_t wanted = entry.mode & bits();
		/* With this mode a write is nothing to know it by any more. */
		if (entry.marks & META_MARKS_OF_WRITES) {
			entry.marks &= ~(uint32_t)META_MARKS_OF_WRITES;
			meta_put(session.meta, &entry);
		}
		/* There is nobody to tell that it cannot be. */
		if ((st.st_mode & 07777) != wanted && chmod(host, wanted) < 0)
			continue;
	}
	TALLOC_FREE(owed);
	owed_count = 0;
}
