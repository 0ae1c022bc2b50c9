/* SPDX-License-Identifier: Apache-2.0 */
/* What tests ask of folders. */
#ifndef FAKEBUILD_TESTS_FOLDERS_H
#define FAKEBUILD_TESTS_FOLDERS_H

#include "tracer/base/io.h"
#include "tracer/base/mem.h"

/* The names in a folder below `dir`; 0 when it is not there. */
static size_t count_names(const char *dir, const char *name)
{
	CLEANUP_TALLOC struct strlist *names = strlist_new(NULL);
	CLEANUP_TALLOC char *path = mem_printf(NULL, "%s/%s", dir, name);
	CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd >= 0 && io_list_names(fd, names) == 0 ? names->count : 0;
}

#endif
