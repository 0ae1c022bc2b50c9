/* SPDX-License-Identifier: Apache-2.0 */
/* Owns what /proc tells of a process' program and its memory: the shim and its copies are not the guest's to see. */
#include "tracer/procfiles.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "tracer/base/mem.h"
#include "tracer/code.h"
#include "tracer/foreign.h"
#include "tracer/memory.h"
#include "tracer/path.h"
#include "tracer/shim/abi.h"

/* The shim and its arena are not the guest's to see. */
static bool is_ours(const char *line)
{
	unsigned long long from = strtoull(line, NULL, 16);
	return (from >= SHIM_WRITABLE && from < SHIM_ARENA + SHIM_ARENA_BYTES) ||
	       (from >= SHIM_BASE && from < SHIM_BASE + SHIM_IMAGE_BYTES);
}

static bool is_front(const char *line, const char *path)
{
	unsigned long long offset;
	return sscanf(line, "%*s %*s %llx", &offset) == 1 && code_is_front(path, offset);
}

/* A mapping of a patched copy, as one of the file that it was made of; false when it is none. */
static bool write_original(const struct proc_view *v, const char *line, const char *copy)
{
	struct stat st;
	char guest[PATH_ROOM], view[PATH_ROOM], range[64], mode[8], offset[32];
	const char *origin = code_origin(copy);
	if (!origin || stat(origin, &st) < 0 || !mounts_to_guest(v->of->mounts, origin, guest, sizeof(guest)) ||
	    sscanf(line, "%63s %7s %31s", range, mode, offset) != 3)
		return false;
	path_to_view(v->viewer, guest, view, sizeof(view));
	int n = fprintf(v->out, "%s %s %s %02x:%02x %llu ", range, mode, offset, major(st.st_dev), minor(st.st_dev),
			(unsigned long long)st.st_ino);
	fprintf(v->out, "%*s%s\n", n < 73 ? 73 - n : 0, "", view);
	return true;
}

/* Paths in maps and smaps: detranslated, and the shim's own lines left out. */
void proc_write_maps(const struct proc_view *v)
{
	char guest[PATH_ROOM], view[PATH_ROOM];
	size_t run_length = strlen(session.run_dir);
	/* An emulator looks for room for its guest, and shows that only what is the guest's. */
	bool is_own = v->of->process->is_emulated && v->of->process == v->viewer->process;
	bool is_hidden = false;
	for (char *at = v->text, *line; (line = proc_next_line(&at));) {
		/* smaps: a mapping's line begins with hex digits and a dash, its details with a name. */
		bool is_mapping = strspn(line, "0123456789abcdef") >= 8 && line[strspn(line, "0123456789abcdef")] == '-';
		char *path = is_mapping ? strchr(line, '/') : NULL;
		if (is_mapping)
			is_hidden = !is_own && (is_ours(line) || (path && (strncmp(path, session.run_dir, run_length) == 0 ||
									   foreign_is_emulator(path) || is_front(line, path))));
		if (is_hidden)
			continue;
		if (path && write_original(v, line, path))
			continue;
		if (path && mounts_to_guest(v->of->mounts, path, guest, sizeof(guest))) {
			path_to_view(v->viewer, guest, view, sizeof(view));
			fprintf(v->out, "%.*s%s\n", (int)(path - line), line, view);
		} else {
			fprintf(v->out, "%s\n", line);
		}
	}
}

/* The words of an emulator's own are taken out of its command line. */
void proc_write_cmdline(const struct proc_view *v)
{
	const char *at = v->text, *end = v->text + v->text_bytes;
	const unsigned before = EMULATOR_WORDS_BEFORE + foreign_option_count();
	for (unsigned i = 0; at < end; i++) {
		size_t length = strnlen(at, end - at);
		length += at + length < end;
		if (i == before || i > before + EMULATOR_WORDS_BEHIND)
			fwrite(at, 1, length, v->out);
		at += length;
	}
}

/* What vectors_turn has turned. */
void proc_write_environ(const struct proc_view *v)
{
	const char *end = v->text + v->text_bytes;
	while (end > v->text) {
		const char *at = end - 1;
		while (at > v->text && at[-1])
			at--;
		fwrite(at, 1, end - at, v->out);
		end = at;
	}
}

/*
 * The auxiliary vector is the program's, which the loader has put on the stack, not the loader's own, which
 * the kernel remembers: stack is argc, argv, NULL, environment, NULL, vector.
 */
void proc_write_auxv(const struct proc_view *v)
{
	char name[64];
	snprintf(name, sizeof(name), "/proc/%d/stat", v->tid);
	CLEANUP_TALLOC char *stat = proc_read_host(NULL, name, NULL);
	const char *at = stat ? strrchr(stat, ')') : NULL;
	/* startstack is field 28; the state behind the parenthesis is the third. */
	for (unsigned field = 2; at && field < 28; field++)
		at = strchr(at + 1, ' ');
	size_t width = v->of->process->abi == ABI_64 ? 8 : 4;
	taddr from = at ? strtoull(at, NULL, 10) : 0;
	uint64_t word = 0, value = 0;
	if (!from || memory_read(v->of, from, &word, width) < 0)
		return;
	from += (word + 2) * width;
	for (word = 1; word; from += width)
		if (memory_read(v->of, from, &word, width) < 0)
			return;
	for (word = 1; word; from += 2 * width) {
		word = 0;
		if (memory_read(v->of, from, &word, width) < 0 || memory_read(v->of, from + width, &value, width) < 0)
			return;
		fwrite(&word, width, 1, v->out);
		fwrite(&value, width, 1, v->out);
	}
}
