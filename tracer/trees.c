/* SPDX-License-Identifier: Apache-2.0 */
/* Owns trees of mounts and their descriptors; the calls are in mountcalls.c and fscontext.c. */
#include "tracer/trees.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tracer/arch/arch.h"
#include "tracer/base/mem.h"
#include "tracer/base/text.h"
#include "tracer/fast.h"
#include "tracer/propagation.h"

/* Above that many which are attached nowhere, those that nobody has a descriptor for are looked for. */
enum { DETACHED_MAX = 32 };

struct tree {
	char *host;
	bool is_attached;
	bool is_held; /* a descriptor is being made */
};

static struct {
	struct tree *list; /* the first is number 1 */
	unsigned count, detached;
} trees;

static struct tree *get(unsigned tree)
{
	return &trees.list[tree - 1];
}

static void point_of(unsigned tree, char point[64])
{
	snprintf(point, 64, MOUNTS_NAMELESS "tree-%u", tree);
}

unsigned trees_new(const char *host, char point[64])
{
	trees.list = mem_grow(NULL, trees.list, struct tree, trees.count + 1);
	trees.list[trees.count++] = (struct tree){ .host = mem_strdup(NULL, host) };
	trees.detached++;
	point_of(trees.count, point);
	return trees.count;
}

unsigned trees_of_mount(struct mount *m)
{
	char point[64];
	if (!m->tree) {
		m->tree = trees_new(m->host_length ? m->host : "/", point);
		get(m->tree)->is_attached = true;
		trees.detached--;
	}
	return m->tree;
}

void trees_close(void)
{
	for (unsigned i = 0; i < trees.count; i++)
		talloc_free(trees.list[i].host);
	talloc_free(trees.list);
	memset(&trees, 0, sizeof(trees));
}

const char *trees_host(unsigned tree)
{
	return get(tree)->host;
}

bool trees_is_detached(const struct mount *m)
{
	return m->tree && strncmp(m->guest, MOUNTS_NAMELESS, strlen(MOUNTS_NAMELESS)) == 0 && !get(m->tree)->is_attached;
}

/* ---- descriptors ---- */

unsigned trees_of_text(const char *text)
{
	size_t run = strlen(session.run_dir);
	if (!trees.count || strncmp(text, session.run_dir, run) != 0 || strncmp(text + run, "/tree-", 6) != 0)
		return 0;
	unsigned long tree = strtoul(text + run + 6, NULL, 10);
	return tree <= trees.count ? tree : 0;
}

bool trees_are_there(void)
{
	return trees.count != 0;
}

unsigned trees_of_link(const char *link)
{
	char text[PATH_MAX];
	ssize_t n = trees.count ? readlink(link, text, sizeof(text) - 1) : 0;
	text[n < 0 ? 0 : n] = '\0';
	return trees_of_text(text);
}

static int holds(struct tracee *t, void *tree)
{
	char name[64];
	bool is_held = false;
	if (!t->process || t->tid != t->process->pid)
		return 0;
	point_of(*(const unsigned *)tree, name);
	if (strncmp(t->process->exe, name, strlen(name)) == 0 && !strchr("0123456789", t->process->exe[strlen(name)]))
		return 1;
	snprintf(name, sizeof(name), "/proc/%d/fd", t->tid);
	DIR *dir = opendir(name);
	for (const struct dirent *e; dir && !is_held && (e = readdir(dir));) {
		snprintf(name, sizeof(name), "/proc/%d/fd/%.20s", t->tid, e->d_name);
		is_held = trees_of_link(name) == *(const unsigned *)tree;
	}
	if (dir)
		closedir(dir);
	return is_held;
}

bool trees_is_held(unsigned tree)
{
	return get(tree)->is_held || tracee_each(holds, &tree);
}

/* A tree that is attached nowhere goes with its last descriptor. */
static void sweep(struct mounts *m)
{
	trees.detached = 0;
	for (size_t i = 0; i < m->count;) {
		struct mount *at = m->list[i];
		bool is_candidate = trees_is_detached(at);
		if (is_candidate && !trees_is_held(at->tree)) {
			char point[64];
			point_of(at->tree, point);
			mounts_remove(m, point);
			i = 0;
			continue;
		}
		trees.detached += is_candidate;
		i++;
	}
}

static void remove_stand_in(const char *path)
{
	if (rmdir(path) < 0)
		unlink(path);
}

/* exit_private: the tree. */
static int64_t opened(struct call *c)
{
	char point[64];
	unsigned tree = c->t->exit_private;
	remove_stand_in(c->t->exit_text);
	TALLOC_FREE(c->t->exit_text);
	get(tree)->is_held = false;
	if (c->result < 0 && !get(tree)->is_attached) {
		point_of(tree, point);
		mounts_remove(c->t->mounts, point);
	}
	return c->result;
}

int64_t trees_open(struct call *c, unsigned tree, bool is_directory, bool closes_on_exec)
{
	static unsigned counter;
	struct stat st;
	struct meta_entry entry;
	get(tree)->is_held = true;
	if (trees.detached > DETACHED_MAX)
		sweep(c->t->mounts);
	talloc_free(c->t->exit_text);
	char *path = c->t->exit_text = mem_printf(c->t, "%s/tree-%u-%u", session.run_dir, tree, counter++);
	int r = is_directory ? mkdir(path, 0) : mknod(path, S_IFREG, 0);
	if (r < 0 || lstat(path, &st) < 0)
		return -ENOMEM;
	/* Not to be told of without us. */
	meta_default(session.meta, &st, &entry);
	entry.marks = META_MARK_UNNAMED;
	meta_put(session.meta, &entry);
	fast_note_tree();
	arch_set_number(c->t, arch_call_number(c->abi, "openat"));
	call_set(c, 0, (uint32_t)AT_FDCWD);
	r = call_set_path(c, 1, path);
	if (r < 0)
		return r;
	call_set(c, 2, O_PATH | (closes_on_exec ? O_CLOEXEC : 0));
	c->t->exit_private = tree;
	c->t->at_exit = opened;
	return CALL_PASS_EXIT;
}

/* ---- mounts ---- */

static struct mount *find(const struct mounts *m, unsigned tree)
{
	for (size_t i = 0; i < m->count; i++)
		if (m->list[i]->tree == tree)
			return m->list[i];
	return NULL;
}

struct search {
	unsigned tree;
	const struct mounts *found;
};

static int has_tree(struct tracee *t, void *arg)
{
	struct search *s = arg;
	s->found = t->mounts && find(t->mounts, s->tree) ? t->mounts : NULL;
	return s->found != NULL;
}

/* A tree of another namespace: its mounts at a point without a name in this one. */
static struct mount *graft(struct mounts *to, const struct mounts *from, unsigned tree)
{
	char point[64];
	const struct mount *root = find(from, tree);
	point_of(tree, point);
	for (size_t i = 0; i < from->count; i++) {
		const struct mount *of = from->list[i];
		size_t length = root->guest_length;
		if (of->is_covered || !text_is_at_or_below(of->guest, root->guest, length))
			continue;
		CLEANUP_TALLOC char *guest = mem_printf(NULL, "%s%s", point, of->guest + length);
		struct mount *added = mounts_add_like(to, guest, of);
		added->is_clone = true;
		propagation_clone(added, of);
		added->tree = of == root ? tree : 0;
	}
	return find(to, tree);
}

struct mount *trees_mount(struct tracee *t, unsigned tree)
{
	struct mount *m = find(t->mounts, tree);
	struct search elsewhere = { .tree = tree };
	if (!m && tracee_each(has_tree, &elsewhere))
		m = graft(t->mounts, elsewhere.found, tree);
	return m;
}

void trees_attached(struct mounts *mounts, struct mount *m)
{
	get(m->tree)->is_attached = true;
	for (size_t i = 0; i < mounts->count; i++)
		if (strncmp(mounts->list[i]->guest, m->guest, m->guest_length) == 0)
			mounts->list[i]->is_clone = false;
}
