/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the groups' folders and the files of limits in them. */
#include "compat/runc/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "compat/runc/cgroup_devices.h"
#include "compat/runc/device_program.h"
#include "compat/runc/log.h"
#include "compat/runc/spec_members.h"
#include "tracer/base/io.h"
#include "tracer/base/text.h"
#include "tracer/tracer.h"

enum { REMOVAL_TRIES = 100, NAP_USEC = 5000, MOUNTINFO_MAX_BYTES = 4 << 20, FILE_MAX_BYTES = 65536 };

/* A hierarchy that is mounted, and where in it we are. */
struct hierarchy {
	const char *point;       /* where it is mounted */
	const char *controllers; /* version 1: its super options, ",rw,memory,"; NULL: version 2 */
};

struct hierarchies {
	struct hierarchy *items;
	size_t count;
};

/* ---- where ---- */

static void add_hierarchy(struct hierarchies *h, char *line)
{
	char *save = NULL, *fields[64], *dash = strstr(line, " - ");
	size_t count = 0;
	if (!dash)
		return;
	bool is_first = strncmp(dash, " - cgroup ", 10) == 0, is_second = strncmp(dash, " - cgroup2 ", 11) == 0;
	for (char *field = strtok_r(line, " ", &save); field && count < 64; field = strtok_r(NULL, " ", &save))
		fields[count++] = field;
	if ((!is_first && !is_second) || count < 7 || strcmp(fields[3], "/") != 0)
		return;
	h->items = mem_grow(h, h->items, struct hierarchy, h->count + 1);
	h->items[h->count++] = (struct hierarchy){
		.point = mem_strdup(h, fields[4]),
		.controllers = is_first ? mem_printf(h, ",%s,", fields[count - 1]) : NULL,
	};
}

static struct hierarchies *find_hierarchies(const void *ctx)
{
	struct hierarchies *h = mem_new(ctx, struct hierarchies);
	char *text, *save = NULL;
	if (io_read_file(h, AT_FDCWD, "/proc/self/mountinfo", MOUNTINFO_MAX_BYTES, &text, NULL, NULL) < 0)
		return h;
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		add_hierarchy(h, line);
	return h;
}

static bool has_controller(const struct hierarchy *h, const char *name)
{
	CLEANUP_TALLOC char *wanted = mem_printf(NULL, ",%s,", name);
	return h->controllers && strstr(h->controllers, wanted);
}

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
 * The group's path in each hierarchy: with systemd's names ("SLICE:PREFIX:NAME"), where systemd would put it; the
 * container's own name when nothing is said.
 */
static char *group_path(const void *ctx, const struct runc_container *c)
{
	const char *asked = json_get_string(json_get(c->config, "linux"), "cgroupsPath");
	if (!asked || !*asked)
		return mem_printf(ctx, "/%s", c->id);
	if (strstr(asked, ".."))
		return NULL;
	const char *first = strchr(asked, ':'), *second = first ? strchr(first + 1, ':') : NULL;
	if (!second)
		return mem_printf(ctx, "%s%s", *asked == '/' ? "" : "/", asked);
	CLEANUP_TALLOC char *slice = first > asked ? mem_strndup(NULL, asked, first - asked) :
						     mem_strdup(NULL, "system.slice");
	CLEANUP_TALLOC char *prefix = mem_strndup(NULL, first + 1, second - first - 1);
	if (!text_ends(slice, ".slice"))
		return NULL;
	CLEANUP_TALLOC char *folder = path_of_slice(NULL, slice);
	return mem_printf(ctx, "%s/%s%s%s%s", folder, prefix, *prefix ? "-" : "", second + 1,
			  text_ends(second + 1, ".slice") ? "" : ".scope");
}

/* ---- files ---- */

static int write_text(const char *folder, const char *name, const char *text)
{
	CLEANUP_TALLOC char *path = mem_printf(NULL, "%s/%s", folder, name);
	CLEANUP_CLOSE int fd = open(path, O_WRONLY | O_CLOEXEC);
	return fd < 0 || write(fd, text, strlen(text)) < 0 ? -errno : 0;
}

static char *read_text(const void *ctx, const char *folder, const char *name)
{
	CLEANUP_TALLOC char *path = mem_printf(NULL, "%s/%s", folder, name);
	char *text;
	if (io_read_file(ctx, AT_FDCWD, path, FILE_MAX_BYTES, &text, NULL, NULL) < 0)
		return NULL;
	text[strcspn(text, "\n")] = '\0';
	return text;
}

/* cpusets begin empty, and take no process before they have CPUs and memory. */
static void inherit_cpuset(const char *parent, const char *folder)
{
	static const char *const names[] = { "cpuset.cpus", "cpuset.mems" };
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	for (size_t i = 0; i < 2; i++) {
		const char *own = read_text(scratch, folder, names[i]), *above = read_text(scratch, parent, names[i]);
		if (own && !*own && above)
			write_text(folder, names[i], above);
	}
}

static int make_folder(const struct hierarchy *h, const char *path)
{
	static const char *const controllers[] = { "+memory", "+cpu", "+cpuset", "+pids", "+io" };
	CLEANUP_TALLOC char *parent = mem_strdup(NULL, h->point);
	for (const char *part = path; *part;) {
		part += strspn(part, "/");
		size_t length = strcspn(part, "/");
		CLEANUP_TALLOC char *folder = mem_printf(NULL, "%s/%.*s", parent, (int)length, part);
		for (size_t i = 0; !h->controllers && i < sizeof(controllers) / sizeof(*controllers); i++)
			write_text(parent, "cgroup.subtree_control", controllers[i]);
		if (mkdir(folder, 0755) < 0 && errno != EEXIST)
			return -errno;
		if (has_controller(h, "cpuset"))
			inherit_cpuset(parent, folder);
		talloc_free(parent);
		parent = mem_strdup(NULL, folder);
		part += length;
	}
	return 0;
}

/* ---- limits ---- */

/* config-linux.md to the kernel's files.  `convert` makes version 2's text where it differs. */
static void number_or_max(int64_t value, char *text, size_t room)
{
	if (value < 0)
		snprintf(text, room, "max");
	else
		snprintf(text, room, "%" PRId64, value);
}

/* 10..1000 to 1..10000, as runc does. */
static void weight_of_blkio(int64_t value, char *text, size_t room)
{
	int64_t weight = value < 10 ? 10 : value > 1000 ? 1000 : value;
	snprintf(text, room, "%" PRId64, 1 + (weight - 10) * 9999 / 990);
}

/* 2..262144 to 1..10000, as systemd and runc do. */
static void weight_of_shares(int64_t value, char *text, size_t room)
{
	int64_t shares = value < 2 ? 2 : value > 262144 ? 262144 : value;
	snprintf(text, room, "%" PRId64, 1 + (shares - 2) * 9999 / 262142);
}

static const struct limit {
	const char *part, *key; /* of resources */
	bool is_text;
	const char *controller, *first, *second; /* the file in version 1, and in 2 */
	void (*convert)(int64_t value, char *text, size_t room);
} limits[] = {
	{ "memory", "limit", false, "memory", "memory.limit_in_bytes", "memory.max", number_or_max },
	{ "memory", "swap", false, "memory", "memory.memsw.limit_in_bytes", NULL, NULL }, /* 2: set_swap() */
	{ "memory", "reservation", false, "memory", "memory.soft_limit_in_bytes", "memory.low", number_or_max },
	{ "memory", "kernelTCP", false, "memory", "memory.kmem.tcp.limit_in_bytes", NULL, NULL },
	{ "memory", "swappiness", false, "memory", "memory.swappiness", NULL, NULL },
	{ "cpu", "shares", false, "cpu", "cpu.shares", "cpu.weight", weight_of_shares },
	{ "cpu", "period", false, "cpu", "cpu.cfs_period_us", NULL, NULL },
	{ "cpu", "quota", false, "cpu", "cpu.cfs_quota_us", NULL, NULL }, /* 2: set_bandwidth() */
	{ "cpu", "burst", false, "cpu", "cpu.cfs_burst_us", "cpu.max.burst", NULL },
	{ "cpu", "idle", false, "cpu", "cpu.idle", "cpu.idle", NULL },
	{ "cpu", "realtimePeriod", false, "cpu", "cpu.rt_period_us", NULL, NULL },
	{ "cpu", "realtimeRuntime", false, "cpu", "cpu.rt_runtime_us", NULL, NULL },
	{ "cpu", "cpus", true, "cpuset", "cpuset.cpus", "cpuset.cpus", NULL },
	{ "cpu", "mems", true, "cpuset", "cpuset.mems", "cpuset.mems", NULL },
	{ "pids", "limit", false, "pids", "pids.max", "pids.max", number_or_max },
	{ "blockIO", "weight", false, "blkio", "blkio.weight", "io.weight", weight_of_blkio },
};
enum { LIMITS = sizeof(limits) / sizeof(*limits) };

/* Zero means "not said", as Go writes it; but to be idle no more, never to swap, or to save nothing up is a wish. */
static bool text_of(const struct limit *l, struct json *resources, bool is_second, char *text, size_t room)
{
	struct json *part = json_get(resources, l->part);
	if (l->is_text) {
		const char *value = json_get_string(part, l->key);
		snprintf(text, room, "%s", value ? value : "");
		return value && *value;
	}
	int64_t value = json_get_int(part, l->key, 0);
	bool has_zero = strcmp(l->key, "idle") == 0 || strcmp(l->key, "swappiness") == 0 || strcmp(l->key, "burst") == 0;
	if (value == 0 && !(has_zero && json_get(part, l->key)))
		return false;
	/* version 1 of pids has the word, too */
	if (l->convert && (is_second || strcmp(l->controller, "pids") == 0))
		l->convert(value, text, room);
	else
		snprintf(text, room, "%" PRId64, value);
	return true;
}

/* A kernel without it (swap accounting, say) sets none, as runc has it. */
static int check_limit(int r, const char *folder, const char *name, const char *text, struct error *err)
{
	return r < 0 && r != -ENOENT ? error_set(err, -r, "cannot write '%s' to '%s/%s'", text, folder, name) : 0;
}

static int set_limit(const char *folder, const char *name, const char *text, struct error *err)
{
	return check_limit(write_text(folder, name, text), folder, name, text, err);
}

/* cpu.max of version 2 is "QUOTA PERIOD"; what is not said stays. */
static int set_bandwidth(const char *folder, struct json *cpu, struct error *err)
{
	int64_t quota = json_get_int(cpu, "quota", 0), period = json_get_int(cpu, "period", 0);
	char first[32] = "max", text[80];
	if (quota == 0 && period == 0)
		return 0;
	CLEANUP_TALLOC char *old = quota ? NULL : read_text(NULL, folder, "cpu.max");
	if (quota)
		number_or_max(quota, first, sizeof(first));
	else if (old)
		snprintf(first, sizeof(first), "%.*s", (int)strcspn(old, " "), old);
	if (period)
		snprintf(text, sizeof(text), "%s %" PRId64, first, period);
	else
		snprintf(text, sizeof(text), "%s", first);
	return set_limit(folder, "cpu.max", text, err);
}

/* Version 2 limits swap alone, and config-linux.md memory and swap together. */
static int set_swap(const char *folder, struct json *memory, struct error *err)
{
	char text[32];
	int64_t limit = json_get_int(memory, "limit", 0), both = json_get_int(memory, "swap", 0);
	if (both == 0)
		return 0;
	if (both > 0 && (limit <= 0 || limit > both))
		return error_set(err, 0, "a limit of memory and swap needs one of memory that is no larger");
	number_or_max(both < 0 ? -1 : both - limit, text, sizeof(text));
	return set_limit(folder, "memory.swap.max", text, err);
}

struct unified {
	const char *folder;
	struct error *err;
};

/* Files of version 2 and what is to be written to them. */
static int set_unified(const char *name, struct json *value, void *arg)
{
	const struct unified *u = arg;
	if (strchr(name, '/') || !json_holds_string(value))
		return error_set(u->err, 0, "linux.resources.unified: '%s' is no file of a control group with a text", name);
	int r = write_text(u->folder, name, json_text(value));
	return r < 0 ? error_set(u->err, -r, "cannot write '%s' to '%s/%s'", json_text(value), u->folder, name) : 0;
}

/* Set these of the rows, by their bits.  With ret_refused, what the kernel has no place for yet is left to be tried again. */
static int set_rows(const struct hierarchy *h, const char *folder, struct json *resources, uint32_t rows,
		    uint32_t *ret_refused, struct error *err)
{
	char text[4096];
	for (size_t i = 0; i < LIMITS; i++) {
		const struct limit *l = &limits[i];
		const char *name = h->controllers ? l->first : l->second;
		if (!(rows & UINT32_C(1) << i) || !name || (h->controllers && !has_controller(h, l->controller)) ||
		    !text_of(l, resources, !h->controllers, text, sizeof(text)))
			continue;
		int r = write_text(folder, name, text);
		if (r == -EINVAL && ret_refused)
			*ret_refused |= UINT32_C(1) << i;
		else if (check_limit(r, folder, name, text, err) < 0)
			return -1;
	}
	return 0;
}

/*
 * Some limits bound each other, and the group's own by those above it: a shorter period by the quota, memory by memory
 * with swap.  Which of two comes first depends on what they were.
 */
static int set_limits(const struct hierarchy *h, const char *folder, struct json *resources, struct error *err)
{
	uint32_t refused = 0;
	struct unified unified = { folder, err };
	if (set_rows(h, folder, resources, UINT32_MAX, &refused, err) < 0)
		return -1;
	if (has_controller(h, "devices") && cgroup_devices_set(folder, json_get(resources, "devices"), err) < 0)
		return -1;
	if (!h->controllers && (json_each(json_get(resources, "unified"), set_unified, &unified) != 0 ||
				set_bandwidth(folder, json_get(resources, "cpu"), err) < 0 ||
				set_swap(folder, json_get(resources, "memory"), err) < 0))
		return -1;
	return set_rows(h, folder, resources, refused, NULL, err);
}

/* ---- a container's groups ---- */

/* What a container has: a folder in each hierarchy. */
struct groups {
	const char *path; /* in each of them; NULL: it has none */
	bool has_first;   /* of version 1; beside those, version 2's has no controllers */
	struct group {
		const struct hierarchy *hierarchy;
		const char *folder;
	} *items;
	size_t count;
};

/* Who is not root has none. */
static struct groups *groups_of(const void *ctx, const struct runc_container *c)
{
	struct groups *g = mem_new(ctx, struct groups);
	const struct hierarchies *h = find_hierarchies(g);
	g->path = geteuid() == 0 ? group_path(g, c) : NULL;
	g->items = mem_array(g, struct group, h->count + 1);
	for (size_t i = 0; g->path && i < h->count; i++) {
		g->has_first |= h->items[i].controllers != NULL;
		g->items[g->count++] = (struct group){ &h->items[i], mem_printf(g, "%s%s", h->items[i].point, g->path) };
	}
	return g;
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
		if (has_controller(g->items[i].hierarchy, "devices"))
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
	const char *members = read_text(scratch, g->folder, "cgroup.procs");
	const char *first = read_text(scratch, g->folder, "freezer.state"), *second = read_text(scratch, g->folder, "cgroup.freeze");
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
	return write_text(folder, "cgroup.procs", number);
}

int cgroup_check(const struct runc_container *c, struct error *err)
{
	CLEANUP_TALLOC struct groups *g = groups_of(NULL, c);
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
		if (make_folder(g->items[i].hierarchy, g->path) < 0)
			continue;
		if (set_limits(g->items[i].hierarchy, g->items[i].folder, resources, err) < 0)
			return -1;
		put_into(g->items[i].folder, pid);
	}
	if (g->path)
		hold_devices(g, json_get(resources, "devices"));
	return 0;
}

/* Is the hierarchy one of these controllers', "cpu,memory"?  All are version 2's, where it is alone. */
static bool is_of(const struct groups *g, const struct hierarchy *h, const char *controllers, size_t length)
{
	CLEANUP_TALLOC char *list = mem_strndup(NULL, controllers, length);
	char *save = NULL;
	for (char *name = strtok_r(list, ",", &save); name; name = strtok_r(NULL, ",", &save))
		if (h->controllers ? has_controller(h, name) : !g->has_first)
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
		if (set_limits(g->items[i].hierarchy, g->items[i].folder, resources, err) < 0)
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
		/* Beside version 1, version 2's has no controllers; runc shows it to nobody. */
		if ((g->has_first && !one->hierarchy->controllers) || access(one->folder, F_OK) < 0)
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
