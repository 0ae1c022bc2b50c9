/* SPDX-License-Identifier: Apache-2.0 */
/* Owns what PRoot's bindings mean. */
#include "compat/proot/bindings.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tracer/base/io.h"
#include "tracer/base/text.h"

struct maker {
	const struct proot_options *options;
	struct tracer_config *config;
	struct binding *items; /* the result, on ctx */
	const void *ctx;
	unsigned made; /* links and folders of ours */
};

static void add(struct maker *m, const char *host_path, const char *guest_path, unsigned flags, const char *fs_type)
{
	size_t count = m->config->binding_count;
	m->items = mem_grow(m->ctx, m->items, struct binding, count + 1);
	m->items[count] = (struct binding){
		.host_path = mem_strdup(m->items, host_path),
		.guest_path = mem_strdup(m->items, guest_path),
		.flags = flags,
		.fs_type = fs_type,
	};
	m->config->bindings = m->items;
	m->config->binding_count = count + 1;
}

static void warn(const struct maker *m, const struct proot_binding *b, int number)
{
	if (!b->is_optional && m->options->verbosity >= 0 && !getenv("PROOT_IGNORE_MISSING_BINDINGS"))
		fprintf(stderr, "proot: warning: '%s' is not bound: %s\n", b->host_path, strerror(number));
}

/*
 * Paths of /proc/self mean the process that looks, and realpath would make them ours: a symlink shows there.  NULL
 * when the path is no such one.
 */
static char *link_for(struct maker *m, const char *host_path, const char *real)
{
	CLEANUP_TALLOC char *own = mem_printf(NULL, "/proc/%d/", (int)getpid());
	CLEANUP_TALLOC char *target = NULL;
	if (real && text_starts(real, own))
		target = mem_printf(NULL, "/proc/self/%s", real + strlen(own));
	else if (text_starts(host_path, "/proc/self/"))
		target = mem_strdup(NULL, host_path);
	if (!target)
		return NULL;
	char *link = mem_printf(m->ctx, "%s/link-%u", m->config->run_dir, m->made++);
	return symlink(target, link) < 0 ? NULL : link;
}

static const char *type_of(const char *real)
{
	static const struct {
		const char *path, *type;
	} types[] = { { "/proc", "proc" }, { "/sys", "sysfs" }, { "/dev", "devtmpfs" }, { "/dev/pts", "devpts" } };
	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
		if (strcmp(types[i].path, real) == 0)
			return types[i].type;
	return NULL;
}

/* Where folders above the point are missing, one of ours is mounted that has them. */
static void make_parents(struct maker *m, const char *guest_path)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	char *prefix = mem_strdup(scratch, guest_path);
	for (char *at = prefix; *at;) {
		at += strspn(at, "/");
		at += strcspn(at, "/");
		if (at[strspn(at, "/")] == '\0')
			return;
		char kept = *at;
		*at = '\0';
		if (!tracer_lookup(scratch, m->config, prefix))
			break;
		*at = kept;
	}
	char *folder = mem_printf(scratch, "%s/parents-%u", m->config->run_dir, m->made++);
	char *below = mem_printf(scratch, "%s%s", folder, guest_path + strlen(prefix));
	*strrchr(below, '/') = '\0';
	if (io_mkdir_p(AT_FDCWD, below, 0755) == 0)
		add(m, folder, prefix, 0, NULL);
}

static void make_one(struct maker *m, const struct proot_binding *b)
{
	CLEANUP_FREE char *real = realpath(b->host_path, NULL);
	int number = errno;
	unsigned at_link = b->is_at_link ? BINDING_AT_LINK : 0;
	char *link = link_for(m, b->host_path, real);
	if (!real && !link) {
		warn(m, b, number);
		return;
	}
	make_parents(m, b->guest_path);
	if (link) {
		add(m, link, b->guest_path, at_link | BINDING_OF_LINK, NULL);
		return;
	}
	const char *type = type_of(real);
	bool is_proc = type && strcmp(type, "proc") == 0;
	add(m, real, b->guest_path, at_link | (is_proc ? BINDING_PROC : 0), type);
	/* The whole host brings its /proc along, and that must be the guest's. */
	if (strcmp(real, "/") == 0) {
		CLEANUP_TALLOC char *proc = mem_printf(NULL, "%s/proc", b->guest_path);
		add(m, "/proc", proc, BINDING_PROC, "proc");
	}
}

static unsigned depth(const char *path)
{
	unsigned depth = 0;
	for (; *path; path++)
		depth += path[0] == '/' && path[1] != '/' && path[1];
	return depth;
}

void proot_bindings_make(const void *ctx, const struct proot_options *o, struct tracer_config *config)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	struct maker m = { .options = o, .config = config, .ctx = ctx };
	CLEANUP_FREE char *cwd = getcwd(NULL, 0);
	unsigned deepest = 0;
	struct proot_binding *list = mem_array(scratch, struct proot_binding, o->binding_count);
	if (strcmp(config->root, "/") == 0)
		add(&m, "/proc", "/proc", BINDING_PROC, "proc");
	for (size_t i = 0; i < o->binding_count; i++) {
		list[i] = o->bindings[i];
		if (list[i].guest_path[0] != '/')
			list[i].guest_path = mem_printf(scratch, "%s/%s", cwd && strcmp(cwd, "/") ? cwd : "", list[i].guest_path);
		deepest = depth(list[i].guest_path) > deepest ? depth(list[i].guest_path) : deepest;
	}
	for (unsigned level = 0; level <= deepest; level++)
		for (size_t i = 0; i < o->binding_count; i++)
			if (depth(list[i].guest_path) == level)
				make_one(&m, &list[i]);
}
