/* SPDX-License-Identifier: Apache-2.0 */
/* Owns uid_map, gid_map, projid_map and setgroups of /proc/PID, by the rules of kernel/user_namespace.c. */
#include "tracer/usermaps.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tracer/base/mem.h"
#include "tracer/base/text.h"
#include "tracer/session.h"

enum { EXTENTS_MAX = 340 /* UID_GID_MAP_MAX_EXTENTS */, PAGE = 4096, GROUPS_TEXT_MAX = 8 };

static const char file_begin[] = "/idmap-";

/* A file that is open for writing: of what, and by whom it was opened. */
struct opening {
	const struct user_namespace *of;
	enum users_file file;
	struct cred opener;
	bool is_written; /* what comes next is not at its beginning */
};

static struct opening *openings;
static unsigned opening_count;

void usermaps_close(void)
{
	TALLOC_FREE(openings);
	opening_count = 0;
}

bool users_file_named(const char *name, enum users_file *ret)
{
	static const char *const names[] = { "uid_map", "gid_map", "projid_map", "setgroups" };
	for (unsigned i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strcmp(name, names[i]) == 0) {
			*ret = (enum users_file)i;
			return true;
		}
	return false;
}

/* ---- reading ---- */

void users_tell(FILE *out, const struct user_namespace *ns, enum users_file file, const struct user_namespace *reader)
{
	const enum id_kind kind = (enum id_kind)file;
	if (file == USERS_GROUPS) {
		fputs(ns && ns->denies_groups ? "deny\n" : "allow\n", out);
		return;
	}
	/* user_namespaces(7): the first one, where every id is itself. */
	if (!ns) {
		fprintf(out, "%10u %10u %10u\n", 0u, 0u, UINT32_MAX);
		return;
	}
	if (reader == ns)
		reader = ns->parent;
	for (unsigned i = 0; i < ns->map[kind].count; i++) {
		const struct id_extent *e = &ns->map[kind].extents[i];
		fprintf(out, "%10u %10u %10u\n", e->first, id_in(reader, kind, e->lower), e->count);
	}
}

/* ---- writing ---- */

char *users_open_to_write(struct tracee *t, const struct user_namespace *ns, enum users_file file)
{
	openings = mem_grow(NULL, openings, struct opening, opening_count + 1);
	openings[opening_count] = (struct opening){ ns, file, t->cred, false };
	char *path = mem_printf(t, "%s%s%u", session.run_dir, file_begin, opening_count++);
	FILE *out = fopen(path, "we");
	if (!out) {
		TALLOC_FREE(path);
		return NULL;
	}
	users_tell(out, ns, file, t->cred.users);
	fclose(out);
	return path;
}

static struct opening *opening_of(const struct tracee *t, int fd)
{
	char link[64], text[PATH_MAX];
	snprintf(link, sizeof(link), "/proc/%d/fd/%d", t->tid, fd);
	ssize_t n = opening_count && fd >= 0 ? readlink(link, text, sizeof(text) - 1) : -1;
	text[n < 0 ? 0 : n] = '\0';
	size_t run = strlen(session.run_dir);
	if (strncmp(text, session.run_dir, run) != 0 || !text_starts(text + run, file_begin))
		return NULL;
	unsigned long number = strtoul(text + run + strlen(file_begin), NULL, 10);
	return number < opening_count ? &openings[number] : NULL;
}

bool users_is_file(const struct tracee *t, int fd)
{
	return opening_of(t, fd) != NULL;
}

static bool overlaps(uint32_t a, uint32_t b, uint32_t a_count, uint32_t b_count)
{
	return a <= b + (b_count - 1) && b <= a + (a_count - 1);
}

/* A number and what follows it; what is none counts as 0, and what is too large as the kernel's unsigned int has it. */
static uint32_t take_number(const char **at)
{
	char *end = NULL;
	while (isspace((unsigned char)**at))
		++*at;
	uint32_t value = isdigit((unsigned char)**at) ? (uint32_t)strtoull(*at, &end, 10) : 0;
	if (end)
		*at = end;
	return value;
}

/* "first lower count" of one line.  0 or -EINVAL. */
static int parse_extent(const char *at, struct id_extent *ret)
{
	ret->first = take_number(&at);
	if (!isspace((unsigned char)*at))
		return -EINVAL;
	ret->lower = take_number(&at);
	if (!isspace((unsigned char)*at))
		return -EINVAL;
	ret->count = take_number(&at);
	while (isspace((unsigned char)*at))
		at++;
	if (*at || ret->first == ID_NONE || ret->lower == ID_NONE)
		return -EINVAL;
	return ret->first + ret->count <= ret->first || ret->lower + ret->count <= ret->lower ? -EINVAL : 0;
}

/* The lines of a map; their count, or -EINVAL. */
static int parse_map(char *text, struct id_extent extents[EXTENTS_MAX])
{
	int count = 0;
	for (char *line = text, *next; line; line = next) {
		next = strchr(line, '\n');
		if (next) {
			*next++ = '\0';
			next = *next ? next : NULL;
		}
		struct id_extent e;
		if (count == EXTENTS_MAX || parse_extent(line, &e) < 0)
			return -EINVAL;
		for (int i = 0; i < count; i++)
			if (overlaps(extents[i].first, e.first, extents[i].count, e.count) ||
			    overlaps(extents[i].lower, e.lower, extents[i].count, e.count))
				return -EINVAL;
		extents[count++] = e;
	}
	return count;
}

/* verify_root_map: who maps the parent's root may give files capabilities that work there. */
static bool may_map_root(const struct opening *o, const struct id_extent *extents, int count)
{
	for (int i = 0; i < count; i++)
		if (extents[i].lower == 0)
			return o->opener.users == o->of ? o->of->had_setfcap :
							  cred_has_toward(&o->opener, o->of->parent, CAPABILITY_SETFCAP);
	return true;
}

/* new_idmap_permitted */
static bool is_permitted(const struct opening *o, const struct cred *writer, const struct id_extent *extents, int count)
{
	const struct user_namespace *ns = o->of;
	const enum id_kind kind = (enum id_kind)o->file;
	if (kind == ID_PROJECT)
		return true;
	if (kind == ID_USER && !may_map_root(o, extents, count))
		return false;
	if (count == 1 && extents[0].count == 1 && ns->owner == o->opener.euid) {
		uint32_t id = id_of(ns->parent, kind, extents[0].lower);
		if (kind == ID_USER ? id == o->opener.euid : ns->denies_groups && id == o->opener.egid)
			return true;
	}
	enum capability needed = kind == ID_USER ? CAPABILITY_SETUID : CAPABILITY_SETGID;
	return cred_has_toward(writer, ns->parent, needed) && cred_has_toward(&o->opener, ns->parent, needed);
}

/* map_write; 0 or -errno. */
static int write_map(struct opening *o, const struct cred *writer, char *text, size_t length)
{
	const enum id_kind kind = (enum id_kind)o->file;
	struct kept_users *kept = users_to_change(o->of);
	struct user_namespace *ns = kept ? &kept->is : NULL;
	/* proc_uid_map_write and its kin: only who is in it, or in its parent. */
	if (!ns || (o->opener.users != ns && o->opener.users != ns->parent))
		return -EPERM;
	if (o->is_written || length >= PAGE)
		return -EINVAL;
	if (ns->map[kind].count || (kind != ID_PROJECT && !cred_has_toward(&o->opener, ns, CAPABILITY_SYS_ADMIN)))
		return -EPERM;
	CLEANUP_TALLOC struct id_extent *extents = mem_array(NULL, struct id_extent, EXTENTS_MAX);
	int count = parse_map(text, extents);
	if (count < 0)
		return count;
	if (!is_permitted(o, writer, extents, count))
		return -EPERM;
	for (int i = 0; i < count; i++) {
		extents[i].lower = id_of_range(ns->parent, kind, extents[i].lower, extents[i].count);
		if (extents[i].lower == ID_NONE)
			return -EPERM;
	}
	ns->map[kind] = (struct id_map){ talloc_steal(kept, mem_grow(NULL, extents, struct id_extent, count)), count };
	extents = NULL;
	return 0;
}

/* proc_setgroups_write */
static int write_groups(struct opening *o, const char *text, size_t length)
{
	struct kept_users *kept = users_to_change(o->of);
	struct user_namespace *ns = kept ? &kept->is : NULL;
	if (o->is_written || length >= GROUPS_TEXT_MAX)
		return -EINVAL;
	bool allows = text_starts(text, "allow");
	if (!allows && !text_starts(text, "deny"))
		return -EINVAL;
	for (text += strlen(allows ? "allow" : "deny"); isspace((unsigned char)*text); text++)
		;
	if (*text)
		return -EINVAL;
	/* "Enabling setgroups after [it] has been disabled is not allowed", nor disabling it once there are groups. */
	if (!ns)
		return allows ? 0 : -EPERM;
	if (allows ? ns->denies_groups : ns->map[ID_GROUP].count != 0)
		return -EPERM;
	ns->denies_groups = !allows;
	return 0;
}

int64_t users_write(struct call *c, const char *text, size_t length)
{
	struct opening *o = opening_of(c->t, call_int(c, 0));
	/* seq_open of fs/seq_file.c: "SEQ files support lseek, but not pread/pwrite" */
	if (strcmp(c->row->name, "pwrite64") == 0)
		return -ESPIPE;
	CLEANUP_TALLOC char *copy = mem_strdup(NULL, text);
	int r = o->file == USERS_GROUPS ? write_groups(o, copy, length) : write_map(o, &c->t->cred, copy, length);
	if (r < 0)
		return r;
	o->is_written = true;
	return length;
}
