/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the groups, who is in them and who of them stands still; their files are in cgroupfiles.c. */
#include "tracer/cgroups.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tracer/base/mem.h"
#include "tracer/base/text.h"

enum { CGROUP_NAMESPACE = 6 /* of kinds[] of namespaces.c */ };

static struct {
	char *host; /* the folder; NULL: there is no tree */
	size_t host_length;
	struct cgroup *groups; /* the root is the last */
	char **roots; /* of the cgroup namespaces with these numbers, pairs */
	unsigned *numbers, root_count;
	bool has_frozen;
} tree;

void cgroups_open(const char *host)
{
	cgroups_close();
	tree.host = mem_strdup(NULL, host);
	tree.host_length = strlen(host);
	tree.groups = mem_new(tree.host, struct cgroup);
	tree.groups->path = mem_strdup(tree.groups, "");
	tree.groups->below = CONTROL_ALL;
	cgroups_make_files(tree.groups);
}

void cgroups_close(void)
{
	talloc_free(tree.host);
	memset(&tree, 0, sizeof(tree));
}

bool cgroups_is_open(void)
{
	return tree.host != NULL;
}

/* The path in the tree of what lies there: "" of the root; NULL when it lies elsewhere. */
static const char *path_in_tree(const struct object *o, char text[PATH_ROOM])
{
	const char *host = o->host;
	if (!tree.host || (!o->is_fd && !(o->mount->flags & BINDING_CGROUP)))
		return NULL;
	if (o->is_fd) {
		ssize_t n = readlink(o->host, text, PATH_ROOM - 1);
		text[n < 0 ? 0 : n] = '\0';
		host = text;
	}
	return text_is_at_or_below(host, tree.host, tree.host_length) ? host + tree.host_length : NULL;
}

bool cgroups_has(const struct object *o)
{
	static char text[PATH_ROOM];
	return path_in_tree(o, text) != NULL;
}

static struct cgroup *find(const char *path, size_t length)
{
	for (struct cgroup *g = tree.groups; g; g = g->next)
		if (strncmp(g->path, path, length) == 0 && !g->path[length])
			return g;
	return NULL;
}

struct cgroup *cgroups_of(const struct object *o, const char **ret_name)
{
	static char text[PATH_ROOM];
	const char *path = path_in_tree(o, text);
	if (!path)
		return NULL;
	*ret_name = "";
	struct cgroup *g = find(path, strlen(path));
	const char *slash = strrchr(path, '/');
	if (g || !slash)
		return g;
	*ret_name = slash + 1;
	return find(path, slash - path);
}

static struct cgroup *cgroups_root(void)
{
	return find("", 0);
}

struct cgroup *cgroups_next_child(const struct cgroup *of, struct cgroup *last)
{
	for (struct cgroup *g = last ? last->next : tree.groups; g; g = g->next)
		if (g->parent == of)
			return g;
	return NULL;
}

char *cgroups_file(const void *ctx, const struct cgroup *g, const char *name)
{
	return mem_printf(ctx, "%s%s/%s", tree.host, g->path, name);
}

int cgroups_made(const struct object *o)
{
	char text[PATH_ROOM];
	const char *path = path_in_tree(o, text), *slash = path ? strrchr(path, '/') : NULL;
	struct cgroup *parent = slash ? find(path, slash - path) : NULL;
	if (!parent)
		return -ENOENT;
	struct cgroup *g = mem_new(tree.host, struct cgroup);
	g->path = mem_strdup(g, path);
	g->parent = parent;
	g->next = tree.groups;
	tree.groups = g;
	return cgroups_make_files(g);
}

int cgroups_remove(const struct object *o)
{
	const char *name;
	struct cgroup *g = cgroups_of(o, &name);
	if (!g || *name || !g->parent || g->members || cgroups_next_child(g, NULL))
		return -EBUSY;
	cgroups_remove_files(g);
	struct cgroup **at = &tree.groups;
	while (*at != g)
		at = &(*at)->next;
	*at = g->next;
	cgroups_forget(g);
	talloc_free(g);
	return 0;
}

bool cgroups_is_below(const struct cgroup *g, const struct cgroup *top)
{
	while (g && g != top)
		g = g->parent;
	return g != NULL;
}

bool cgroups_is_populated(const struct cgroup *top)
{
	for (const struct cgroup *g = tree.groups; g; g = g->next)
		if (g->members && cgroups_is_below(g, top))
			return true;
	return false;
}

bool cgroups_is_frozen(const struct cgroup *g)
{
	while (g && !g->is_freezing)
		g = g->parent;
	return g != NULL;
}

/* ---- processes ---- */

static void enter(struct process *p, struct cgroup *g)
{
	p->cgroup = g;
	if (g && !g->members++)
		cgroups_changed(g);
}

void cgroups_left(struct process *p)
{
	struct cgroup *g = p->cgroup;
	p->cgroup = NULL;
	if (tree.host && g && --g->members == 0)
		cgroups_changed(g);
}

void cgroups_inherit(struct process *child, const struct process *parent)
{
	if (!tree.host)
		return;
	enter(child, parent && parent->cgroup ? parent->cgroup : cgroups_root());
	/* It may have been made before its parent came to the second filter. */
	cgroups_watch(child);
}

static int interrupt(struct tracee *t, void *process)
{
	if (t->is_known && t->process == process) {
		t->is_interrupted = true;
		ptrace(PTRACE_INTERRUPT, t->tid, NULL, NULL);
	}
	return 0;
}

void cgroups_move(struct process *p, struct cgroup *to)
{
	cgroups_left(p);
	enter(p, to);
	cgroups_watch(p);
	if (cgroups_is_frozen(to))
		tracee_each(interrupt, p);
}

static int stop_member(struct tracee *t, void *group)
{
	if (t->is_known && t->process->cgroup && cgroups_is_below(t->process->cgroup, group))
		interrupt(t, t->process);
	return 0;
}

void cgroups_freeze(struct cgroup *g, bool is_freezing)
{
	bool was_frozen = cgroups_is_frozen(g);
	g->is_freezing = is_freezing;
	tree.has_frozen |= is_freezing;
	if (is_freezing && !was_frozen)
		tracee_each(stop_member, g);
	for (const struct cgroup *below = tree.groups; below; below = below->next)
		if (cgroups_is_below(below, g))
			cgroups_changed(below);
}

bool cgroups_holds(pid_t pid, int status)
{
	if (!tree.has_frozen || session.is_over || status >> 16 == PTRACE_EVENT_EXIT)
		return false;
	const struct tracee *t = tracee_find(pid);
	return t && t->is_known && t->process && cgroups_is_frozen(t->process->cgroup);
}

static int kill_member(struct tracee *t, void *arg)
{
	const struct cgroup *g = arg;
	if (t->is_known && t->tid == t->process->pid && t->process->cgroup && cgroups_is_below(t->process->cgroup, g))
		kill(t->tid, SIGKILL);
	return 0;
}

void cgroups_kill(const struct cgroup *g)
{
	tracee_each(kill_member, (void *)(uintptr_t)g);
}

/* ---- namespaces ---- */

void cgroups_new_namespace(const struct tracee *t)
{
	if (!tree.host)
		return;
	tree.roots = mem_grow(tree.host, tree.roots, char *, tree.root_count + 1);
	tree.numbers = mem_grow(tree.host, tree.numbers, unsigned, tree.root_count + 1);
	tree.roots[tree.root_count] = mem_strdup(tree.roots, t->process->cgroup ? t->process->cgroup->path : "");
	tree.numbers[tree.root_count++] = t->namespaces[CGROUP_NAMESPACE];
}

/* The path of the namespace's root. */
static const char *root_of(const struct tracee *t)
{
	for (unsigned i = 0; i < tree.root_count; i++)
		if (tree.numbers[i] == t->namespaces[CGROUP_NAMESPACE])
			return tree.roots[i];
	return "";
}

char *cgroups_mounted(const void *ctx, const struct tracee *t)
{
	return mem_printf(ctx, "%s%s", tree.host, root_of(t));
}

/* cgroup_namespaces(7): from the root of the reader's namespace, with ".." when it lies elsewhere. */
void cgroups_tell(FILE *out, const struct tracee *viewer, const struct tracee *of)
{
	const char *root = root_of(viewer), *path = of->process->cgroup ? of->process->cgroup->path : "";
	size_t common = 0;
	for (size_t i = 0;; i++) {
		if ((!root[i] || root[i] == '/') && (!path[i] || path[i] == '/'))
			common = i;
		if (!root[i] || root[i] != path[i])
			break;
	}
	fputs("0::", out);
	for (const char *at = root + common; *at; at++)
		if (*at == '/')
			fputs("/..", out);
	fprintf(out, "%s\n", path[common] || root[common] ? path + common : "/");
}
