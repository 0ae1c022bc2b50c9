/* SPDX-License-Identifier: Apache-2.0 */
/* Owns how a file system's own options show in /proc/PID/mounts and mountinfo. */
#include "tracer/mountoptions.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "tracer/base/mem.h"

enum how { OCTAL, NUMBER, KIBIBYTES };

/* shmem_show_options of mm/shmem.c, devpts_show_options of fs/devpts/inode.c: in their order. */
static const struct row {
	const char *type, *name;
	enum how how;
	const char *initial; /* shown when nothing is said; NULL: not shown then */
	unsigned long hidden; /* not shown when it is this */
} rows[] = {
	{ "tmpfs", "size", KIBIBYTES, NULL, 0 }, { "tmpfs", "nr_inodes", NUMBER, NULL, 0 }, { "tmpfs", "mode", OCTAL, NULL, 01777 },
	{ "tmpfs", "uid", NUMBER, NULL, 0 },     { "tmpfs", "gid", NUMBER, NULL, 0 },
	{ "devpts", "uid", NUMBER, NULL, -1ul }, { "devpts", "gid", NUMBER, NULL, -1ul }, { "devpts", "mode", OCTAL, "600", -1ul },
	{ "devpts", "ptmxmode", OCTAL, "000", -1ul },
};

/* The last value of an option; NULL: it is not among them. */
static const char *value_of(const char *options, const char *name)
{
	const char *value = NULL;
	size_t length = strlen(name);
	for (const char *at = options; *at; at += strcspn(at, ","), at += *at == ',')
		if (strncmp(at, name, length) == 0 && at[length] == '=')
			value = at + length + 1;
	return value;
}

/* memparse of lib/cmdline.c; false for what is of the host's memory ("50%"), or none. */
static bool read_value(const char *text, enum how how, unsigned long *ret)
{
	static const char units[] = "kmgt";
	char *end;
	*ret = strtoul(text, &end, how == OCTAL ? 8 : 0);
	const char *unit = *end ? strchr(units, tolower((unsigned char)*end)) : NULL;
	if (unit) {
		*ret <<= 10 * (unit - units + 1);
		end++;
	}
	return end > text && (!*end || *end == ',');
}

char *mount_options_shown(const void *ctx, const char *type, const char *options)
{
	char *shown = mem_strdup(ctx, "");
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const struct row *row = &rows[i];
		const char *text = strcmp(row->type, type) == 0 ? value_of(options, row->name) : NULL;
		unsigned long value;
		if (!text && strcmp(row->type, type) == 0)
			text = row->initial;
		if (!text || !read_value(text, row->how, &value) || value == row->hidden)
			continue;
		/* Of whole pages. */
		if (row->how == KIBIBYTES)
			shown = mem_append(shown, ",%s=%luk", row->name, (value + 4095) / 4096 * 4);
		else
			shown = mem_append(shown, row->how == OCTAL ? ",%s=%03lo" : ",%s=%lu", row->name, value);
	}
	return shown;
}
