/* SPDX-License-Identifier: Apache-2.0 */
/* Owns a container's groups: where they are, and who is in them. */
#include "compat/runc/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "compat/runc/cgroup_devices.h"
#include "compat/runc/cgroup_limits.h"
#include "compat/runc/cgroup_tree.h"
#include "compat/runc/device_program.h"
#include "compat/runc/log.h"
#include "compat/runc/spec_members.h"
#include "tracer/base/text.h"
#include "tracer/tracer.h"

enum { REMOVAL_TRIES = 100, NAP_USEC = 5000 };

/* systemd.slice(5): "a-b.slice" lies in "a.slice". */
static char *path_of_slice(const void *ctx, const char *slice)
{
	char *path = mem_strdup(ctx, "");
	size_t length = strlen(slice) - strlen(".slice");
	for (size_t i = 0; i <= length; i++)
		if (i == length || slice[i] == '-')
			path = mem_append(path, "/%.*s.slice", (int)i, slice);
	return path;
}

/*
 * The path that the container asks for: with systemd's names ("SLICE:PREFIX:NAME"), where systemd would put it; its own
 * name when it says nothing.  What does not begin with a slash is below the group that we are in, as runc has it.
 * NULL: it cannot be had.
 */
static char *asked_path(const void *ctx, const struct runc_container *c)
{
	const char *asked = json_get_string(json_get(c->config, "linux"), "cgroupsPath");
	if (!asked || !*asked)
		return mem_strdup(ctx, c->id);
	if (strstr(asked, ".."))
		return NULL;
	const char *first = strchr(asked, ':'), *second = first ? strchr(first + 1, ':') : NULL;
	if (!second)
		return mem_strdup(ctx, asked);
	CLEANUP_TALLOC char *slice = first > asked ? mem_strndup(NULL, asked, first - asked) :
						     mem_strdup(NULL, "system.slice");
	CLEANUP_TALLOC char *prefix = mem_strndup(NULL, first + 1, second - first - 1);
	if (!text_ends(slice, ".slice"))
		return NULL;
	CLEANUP_TALLOC char *folder = path_of_slice(NULL, slice);
	return mem_printf(ctx, "%s/%s%s%s%s", folder, prefix, *prefix ? "-" : "", second + 1,
			  text_ends(second + 1, ".slice") ? "" : ".scope");
}

/* What a container has: a folder in each hierarchy. */
struct groups {
	bool has_first; /* of version 1; beside those, version 2's has no controllers */
	struct group {
		const struct hierarchy *hierarchy;
		const char *path, *folder; /* below the hierarchy's mount; with it */
	} *items;
	size_t count;
};

static void add_group(struct groups *g, const struct hierarchy *h, const char *path)
{
	g->has_first |= h->controllers != NULL;
	g->items[g->count++] = (struct group){ h, path, mem_printf(g, "%s%s", h->point, path) };
}

/* Those that were chosen when it was made, or are to be.  Who is not root has none. */
static struct groups *groups_of(const void *ctx, const struct runc_container *c)
{
	struct groups *g = mem_new(ctx, struct groups);
	const struct hierarchies *h = cgroup_hierarchies(g);
	const char *asked = geteuid() == 0 ? asked_path(g, c) : NULL;
	g->items = mem_array(g, struct group, h->count + 1);
	for (size_t i = 0; asked && i < h->count; i++) {
		const char *path = json_get_string(c->groups, h->items[i].point);
		if (path)
			add_group(g, &h->items[i], path);
		else if (!c->groups)
			add_group(g, &h->items[i], *asked == '/' ? asked : mem_printf(g, "%s/%s", cgroup_own_path(g, &h->items[i]), asked));
	}
	return g;
}

/* Beside version 1, version 2's has no limits. */
static bool is_limited(const struct groups *g, const struct hierarchy *h)
{
	return h->controllers || !g->has_first;
}

static struct json *resources_of(const struct runc_container *c)
{
	return json_get(json_get(c->config, "linux"), "resources");
}

/*
 * Rules for devices hold where there are version 1's groups for them, or by a program on version 2's group.  What the kernel does
 * not grant of that is told, as of all limits that are not held to.
 */
static void hold_devices(const struct groups *g, struct json *rules)
{
	CLEANUP_TALLOC struct device_rules *all = NULL;
	struct error err = ERROR_INIT;
	const struct group *second = NULL;
	for (size_t i = 0; i < g->count; i++) {
		if (access(g->items[i].folder, F_OK) < 0)
			continue;
		if (cgroup_has_controller(g->items[i].hierarchy, "devices"))
			return;
		if (!g->items[i].hierarchy->controllers)
			second = &g->items[i];
	}
	if (json_length(rules) == 0 || tracer_is_guest())
		return;
	if (!second)
		error_set(&err, 0, "there is no control group for them");
	else if (cgroup_devices_read(NULL, rules, &all, &err) == 0 && device_program_put(second->folder, all, &err) == 0)
		return;
	runc_log(LOG_WARNING_LEVEL, "linux.resources.devices is taken, but not held to: %s", err.text);
	error_clear(&err);
}

/* One that is there already may be used when nobody is in it, and who is put into it would go on.  runc's words. */
static int check_old(const struct group *g, struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	const char *members = cgroup_read(scratch, g->folder, "cgroup.procs");
	const char *first = cgroup_read(scratch, g->folder, "freezer.state"), *second = cgroup_read(scratch, g->folder, "cgroup.freeze");
	if (members && *members)
		return error_set(err, 0, "container's cgroup is not empty: '%s' has processes", g->folder);
	if ((first && strcmp(first, "THAWED") != 0) || (second && strcmp(second, "1") == 0))
		return error_set(err, 0, "container's cgroup unexpectedly frozen: '%s'", g->folder);
	return 0;
}

static int put_into(const char *folder, pid_t pid)
{
	char number[32];
	snprintf(number, sizeof(number), "%d", pid);
	return cgroup_write(folder, "cgroup.procs", number);
}

/* Later commands may be of another group. */
static void keep_paths(struct runc_container *c, const struct groups *g)
{
	c->groups = json_new_object(c);
	for (size_t i = 0; i < g->count; i++)
		json_set_string(c->groups, g->items[i].hierarchy->point, g->items[i].path);
}

int cgroup_choose(struct runc_container *c, struct error *err)
{
	CLEANUP_TALLOC struct groups *g = groups_of(NULL, c);
	keep_paths(c, g);
	if (g->has_first && members_ask(json_get(resources_of(c), "unified")))
		return error_set(err, 0, "invalid configuration: resources.unified is for version 2 of control groups");
	for (size_t i = 0; i < g->count; i++)
		if (check_old(&g->items[i], err) < 0)
			return -1;
	return 0;
}

int cgroup_enter(const struct runc_container *c, pid_t pid, struct error *err)
{
	CLEANUP_TALLOC struct groups *g = groups_of(NULL, c);
	struct json *resources = resources_of(c);
	for (size_t i = 0; i < g->count; i++) {
		const struct hierarchy *h = g->items[i].hierarchy;
		if (cgroup_make_folder(h, g->items[i].path) < 0)
			continue;
		if (is_limited(g, h) && cgroup_limits_set(h, g->items[i].folder, resources, err) < 0)
			return -1;
		put_into(g->items[i].folder, pid);
	}
	if (g->count)
		hold_devices(g, json_get(resources, "devices"));
	return 0;
}

/* Is the hierarchy one of these controllers', "cpu,memory"?  All are version 2's, where it is alone. */
static bool is_of(const struct groups *g, const struct hierarchy *h, const char *controllers, size_t length)
{
	CLEANUP_TALLOC char *list = mem_strndup(NULL, controllers, length);
	char *save = NULL;
	for (char *name = strtok_r(list, ",", &save); name; name = strtok_r(NULL, ",", &save))
		if (h->controllers ? cgroup_has_controller(h, name) : !g->has_first)
			return true;
	return false;
}

static const char *path_below(const struct groups *g, const struct strlist *below, const struct hierarchy *h)
{
	for (size_t i = below ? below->count : 0; i-- > 0;) {
		const char *colon = strchr(below->items[i], ':');
		if (!colon || is_of(g, h, below->items[i], colon - below->items[i]))
			return colon ? colon + 1 : below->items[i];
	}
	return NULL;
}

/* runc's words. */
static int check_below(const struct groups *g, const struct strlist *below, struct error *err)
{
	for (size_t i = 0; below && i < below->count; i++) {
		const char *item = below->items[i], *colon = strchr(item, ':');
		bool is_known = !colon;
		for (size_t j = 0; colon && j < g->count; j++)
			is_known |= is_of(g, g->items[j].hierarchy, item, colon - item);
		if (strstr(item, ".."))
			return error_set(err, 0, "bad sub cgroup path: '%s' is not below the container's", item);
		if (!is_known && g->count > 0)
			return error_set(err, 0, "unknown controller '%.*s' in --cgroup", (int)(colon - item), item);
	}
	return 0;
}

int cgroup_join(const struct runc_container *c, const struct strlist *below, pid_t pid, struct error *err)
{
	CLEANUP_TALLOC struct groups *g = groups_of(NULL, c);
	bool has_joined = false;
	if (check_below(g, below, err) < 0)
		return -1;
	for (size_t i = 0; i < g->count; i++) {
		const char *part = path_below(g, below, g->items[i].hierarchy);
		const char *folder = mem_printf(g, "%s%s%s", g->items[i].folder, part && *part != '/' ? "/" : "", part ? part : "");
		int r = put_into(folder, pid);
		if (r < 0 && part)
			return error_set(err, -r, "error adding pid %d to the group '%s'", pid, part);
		has_joined |= part != NULL;
	}
	return !below || below->count == 0 || has_joined ? 0 : error_set(err, 0, "the container has no control group for --cgroup");
}

int cgroup_update(const struct runc_container *c, struct json *resources, struct error *err)
{
	CLEANUP_TALLOC struct groups *g = groups_of(NULL, c);
	size_t found = 0;
	for (size_t i = 0; i < g->count; i++) {
		if (access(g->items[i].folder, F_OK) < 0)
			continue;
		found++;
		if (is_limited(g, g->items[i].hierarchy) &&
		    cgroup_limits_set(g->items[i].hierarchy, g->items[i].folder, resources, err) < 0)
			return -1;
	}
	if (!found)
		return error_set(err, 0, "the container has no control group: those are for real root to make");
	hold_devices(g, json_get(resources, "devices"));
	return 0;
}

/* With those that the container has made below it. */
static void remove_group(const char *folder)
{
	DIR *all = opendir(folder);
	for (struct dirent *entry; all && (entry = readdir(all));) {
		if (entry->d_type != DT_DIR || strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		CLEANUP_TALLOC char *below = mem_printf(NULL, "%s/%s", folder, entry->d_name);
		remove_group(below);
	}
	if (all)
		closedir(all);
	/* A process that has been waited for leaves its group a moment later. */
	for (unsigned n = 0; n < REMOVAL_TRIES && rmdir(folder) < 0 && errno == EBUSY; n++)
		usleep(NAP_USEC);
}

void cgroup_remove(const struct runc_container *c)
{
	CLEANUP_TALLOC struct groups *g = groups_of(NULL, c);
	for (size_t i = 0; i < g->count; i++)
		remove_group(g->items[i].folder);
}

struct cgroup_views *cgroup_views(const void *ctx, const struct runc_container *c)
{
	CLEANUP_TALLOC struct groups *g = groups_of(NULL, c);
	struct cgroup_views *views = mem_new(ctx, struct cgroup_views);
	for (size_t i = 0; i < g->count; i++) {
		const struct group *one = &g->items[i];
		/* runc shows that one to nobody. */
		if (!is_limited(g, one->hierarchy) || access(one->folder, F_OK) < 0)
			continue;
		views->items = mem_grow(views, views->items, struct cgroup_view, views->count + 1);
		views->items[views->count++] = (struct cgroup_view){
			.name = g->has_first ? mem_strdup(views, strrchr(one->hierarchy->point, '/') + 1) : "",
			.folder = mem_strdup(views, one->folder),
		};
	}
	return views;
}

bool cgroup_exists(const struct runc_container *c)
{
	CLEANUP_TALLOC struct cgroup_views *views = cgroup_views(NULL, c);
	return views->count > 0;
}
