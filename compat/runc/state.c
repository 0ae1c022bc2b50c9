/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the folders of containers: state.json, the lock, and what a container is at the moment. */
#include "compat/runc/state.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tracer/base/clock.h"
#include "tracer/base/io.h"

enum { MAX_STATE_BYTES = 32 << 20, MAX_ID_BYTES = 255 };
#define STATE_FILE "state.json"
#define LOCK_FILE "lock"

/* A member of the struct and of state.json; the names are runc's where it has one. */
enum state_kind { STATE_TEXT, STATE_PID, STATE_NUMBER, STATE_BOOL, STATE_DOCUMENT };
static const struct {
	const char *name;
	enum state_kind kind;
	size_t offset;
} members[] = {
	{ "id", STATE_TEXT, offsetof(struct runc_container, id) },
	{ "bundle", STATE_TEXT, offsetof(struct runc_container, bundle) },
	{ "rootfs", STATE_TEXT, offsetof(struct runc_container, root) },
	{ "ociVersion", STATE_TEXT, offsetof(struct runc_container, oci_version) },
	{ "created", STATE_TEXT, offsetof(struct runc_container, created) },
	{ "owner", STATE_TEXT, offsetof(struct runc_container, owner) },
	{ "init_process_pid", STATE_PID, offsetof(struct runc_container, pid) },
	{ "init_process_start", STATE_NUMBER, offsetof(struct runc_container, pid_start_time) },
	{ "paused", STATE_BOOL, offsetof(struct runc_container, is_paused) },
	{ "supervisor", STATE_PID, offsetof(struct runc_container, supervisor) },
	{ "annotations", STATE_DOCUMENT, offsetof(struct runc_container, annotations) },
	{ "cgroups", STATE_DOCUMENT, offsetof(struct runc_container, groups) },
	{ "config", STATE_DOCUMENT, offsetof(struct runc_container, config) },
};
enum { MEMBERS = sizeof(members) / sizeof(*members) };

char *state_default_root(const void *ctx)
{
	const char *runtime_dir = getenv("XDG_RUNTIME_DIR");
	if (geteuid() == 0)
		return mem_strdup(ctx, "/run/runc");
	if (runtime_dir && runtime_dir[0] == '/')
		return mem_printf(ctx, "%s/runc", runtime_dir);
	return mem_printf(ctx, "/tmp/fakebuild-runc-%u", (unsigned)geteuid());
}

static int check_id(const char *id, struct error *err)
{
	size_t length = strlen(id);
	bool has_only_dots = strcmp(id, ".") == 0 || strcmp(id, "..") == 0;
	if (length == 0)
		return error_set(err, 0, "container id cannot be empty");
	if (has_only_dots || length > MAX_ID_BYTES ||
	    strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+.-") != length)
		return error_set(err, 0, "invalid container ID format: '%s'", id);
	return 0;
}

static int release(struct runc_container *c)
{
	state_unlock(c);
	return 0;
}

static struct runc_container *new_container(const void *ctx, const char *root, const char *id)
{
	struct runc_container *c = mem_new(ctx, struct runc_container);
	c->id = mem_strdup(c, id);
	c->dir = mem_printf(c, "%s/%s", root, id);
	c->lock_fd = -1;
	talloc_set_destructor(c, release);
	return c;
}

/*
 * A lock of fcntl(2), not of flock(2), which the container's processes would inherit.  Once it is ours, the file must
 * still be the one of that name: its container may have been removed meanwhile.  0 or -errno.
 */
static int take_lock(struct runc_container *c, int command)
{
	CLEANUP_TALLOC char *path = mem_printf(NULL, "%s/" LOCK_FILE, c->dir);
	CLEANUP_CLOSE int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	struct stat held, named;
	int r;
	if (fd < 0)
		return -errno;
	do {
		r = fcntl(fd, command, &lock);
	} while (r < 0 && errno == EINTR);
	if (r < 0)
		return -errno;
	if (fstat(fd, &held) < 0 || stat(path, &named) < 0 || held.st_ino != named.st_ino || held.st_dev != named.st_dev)
		return -ENOENT;
	c->lock_fd = io_take_fd(&fd);
	return 0;
}

void state_unlock(struct runc_container *c)
{
	if (c->lock_fd >= 0)
		close(c->lock_fd);
	c->lock_fd = -1;
}

/* Does another process hold it? */
static bool is_locked_by_another(const struct runc_container *c)
{
	CLEANUP_TALLOC char *path = mem_printf(NULL, "%s/" LOCK_FILE, c->dir);
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	if (c->lock_fd >= 0)
		return false;
	CLEANUP_CLOSE int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	return fd >= 0 && fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

int state_create(const void *ctx, const char *root, const char *id, struct runc_container **ret, struct error *err)
{
	if (check_id(id, err) < 0)
		return -1;
	int r = io_mkdir_p(AT_FDCWD, root, 0700);
	if (r < 0)
		return error_set(err, -r, "cannot make the folder of containers '%s'", root);
	struct runc_container *c = new_container(ctx, root, id);
	if (mkdir(c->dir, 0700) < 0) {
		int number = errno;
		talloc_free(c);
		return number == EEXIST ? error_set(err, 0, "container with given ID already exists: '%s'", id) :
					  error_set(err, number, "cannot make the folder of container '%s' in '%s'", id, root);
	}
	r = take_lock(c, F_SETLK);
	if (r < 0) {
		talloc_free(c);
		return error_set(err, -r, "cannot lock container '%s'", id);
	}
	struct passwd *user = getpwuid(getuid());
	c->owner = mem_strdup(c, user ? user->pw_name : "");
	c->created = clock_text(c);
	*ret = c;
	return 0;
}

int state_save(struct runc_container *c, struct error *err)
{
	CLEANUP_TALLOC struct json *document = json_new_object(NULL);
	for (size_t i = 0; i < MEMBERS; i++) {
		const void *from = (const char *)c + members[i].offset;
		const char *text;
		struct json *value;
		switch (members[i].kind) {
		case STATE_TEXT:
			text = *(const char *const *)from;
			json_set_string(document, members[i].name, text ? text : "");
			break;
		case STATE_PID:
			json_set_int(document, members[i].name, *(const pid_t *)from);
			break;
		case STATE_NUMBER:
			json_set_int(document, members[i].name, (int64_t) * (const unsigned long long *)from);
			break;
		case STATE_BOOL:
			json_set_bool(document, members[i].name, *(const bool *)from);
			break;
		case STATE_DOCUMENT:
			value = *(struct json *const *)from;
			if (value)
				json_set(document, members[i].name, value);
			break;
		}
	}
	CLEANUP_TALLOC char *text = json_dump(NULL, document);
	CLEANUP_TALLOC char *path = mem_printf(NULL, "%s/" STATE_FILE, c->dir);
	return io_write_passing(AT_FDCWD, path, text, strlen(text), 0600, err);
}

static void read_members(struct runc_container *c, struct json *document)
{
	for (size_t i = 0; i < MEMBERS; i++) {
		void *to = (char *)c + members[i].offset;
		const char *name = members[i].name, *text;
		switch (members[i].kind) {
		case STATE_TEXT:
			text = json_get_string(document, name);
			*(const char **)to = text ? text : "";
			break;
		case STATE_PID:
			*(pid_t *)to = (pid_t)json_get_int(document, name, 0);
			break;
		case STATE_NUMBER:
			*(unsigned long long *)to = (unsigned long long)json_get_int(document, name, 0);
			break;
		case STATE_BOOL:
			*(bool *)to = json_get_bool(document, name, false);
			break;
		case STATE_DOCUMENT:
			*(struct json **)to = json_get(document, name);
			break;
		}
	}
}

static int fail_missing(const char *id, struct error *err)
{
	error_set(err, 0, "container does not exist: '%s'", id);
	if (err)
		err->number = ENOENT;
	return -1;
}

static int read_state(struct runc_container *c, struct error *err)
{
	CLEANUP_TALLOC char *path = mem_printf(NULL, "%s/" STATE_FILE, c->dir);
	CLEANUP_TALLOC char *text = NULL;
	struct json *document;
	if (access(path, F_OK) < 0 && (errno == ENOENT || errno == ENOTDIR))
		return fail_missing(c->id, err);
	if (io_read_file(NULL, AT_FDCWD, path, MAX_STATE_BYTES, &text, NULL, err) < 0 ||
	    json_parse_unsigned(c, text, path, &document, err) < 0)
		return -1;
	read_members(c, document);
	return 0;
}

static int open_container(const void *ctx, const char *root, const char *id, bool is_to_lock,
			  struct runc_container **ret, struct error *err)
{
	if (check_id(id, err) < 0)
		return -1;
	struct runc_container *c = new_container(ctx, root, id);
	int r = is_to_lock ? take_lock(c, F_SETLKW) : 0;
	if (r == -ENOENT || r == -ENOTDIR)
		r = fail_missing(id, err);
	else if (r < 0)
		r = error_set(err, -r, "cannot lock container '%s'", id);
	else
		r = read_state(c, err);
	if (r < 0) {
		talloc_free(c);
		return -1;
	}
	*ret = c;
	return 0;
}

int state_open(const void *ctx, const char *root, const char *id, struct runc_container **ret, struct error *err)
{
	return open_container(ctx, root, id, true, ret, err);
}

int state_read(const void *ctx, const char *root, const char *id, struct runc_container **ret, struct error *err)
{
	return open_container(ctx, root, id, false, ret, err);
}

/* Without state.json it is no container any more, even when the rest cannot be removed. */
static int remove_folder(const char *dir)
{
	CLEANUP_TALLOC char *path = mem_printf(NULL, "%s/" STATE_FILE, dir);
	if (unlink(path) < 0 && errno != ENOENT)
		return -errno;
	return io_remove_tree(AT_FDCWD, dir);
}

int state_remove(struct runc_container *c, struct error *err)
{
	int r = remove_folder(c->dir);
	state_unlock(c);
	return r < 0 ? error_set(err, -r, "cannot remove the folder of container '%s'", c->id) : 0;
}

int state_remove_remains(const char *root, const char *id)
{
	if (check_id(id, NULL) < 0)
		return -EINVAL;
	CLEANUP_TALLOC struct runc_container *c = new_container(NULL, root, id);
	CLEANUP_TALLOC char *path = mem_printf(NULL, "%s/" STATE_FILE, c->dir);
	int r = take_lock(c, F_SETLK);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	return access(path, F_OK) == 0 ? -EEXIST : remove_folder(c->dir);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int state_ids(const void *ctx, const char *root, struct strlist **ret, struct error *err)
{
	DIR *dir = opendir(root);
	if (!dir)
		return error_set(err, errno, "cannot read the folder of containers '%s'", root);
	struct strlist *list = strlist_new(ctx);
	for (struct dirent *entry; (entry = readdir(dir));)
		if (check_id(entry->d_name, NULL) == 0)
			strlist_add(list, entry->d_name);
	closedir(dir);
	if (list->count)
		qsort(list->items, list->count, sizeof(*list->items), compare_names);
	*ret = list;
	return 0;
}

unsigned long long state_start_time(pid_t pid)
{
	enum { MAX_STAT_BYTES = 4096, FIRST_AFTER_NAME = 3, START_TIME = 22 };
	CLEANUP_TALLOC char *path = mem_printf(NULL, "/proc/%d/stat", (int)pid);
	CLEANUP_TALLOC char *text = NULL;
	if (pid <= 0 || io_read_file(NULL, AT_FDCWD, path, MAX_STAT_BYTES, &text, NULL, NULL) < 0)
		return 0;
	/* The second field is the name in parentheses, which may have some in it. */
	const char *at = strrchr(text, ')');
	if (!at || !at[1] || strchr("ZXx", at[2]))
		return 0;
	at += 2;
	for (int field = FIRST_AFTER_NAME; at && field < START_TIME; field++)
		at = strchr(at + 1, ' ');
	return at ? strtoull(at, NULL, 10) : 0;
}

bool state_has_own_pids(const struct runc_container *c)
{
	struct json *list = json_get(json_get(c->config, "linux"), "namespaces");
	for (unsigned i = 0; i < json_length(list); i++) {
		struct json *one = json_at(list, i);
		const char *type = json_get_string(one, "type"), *path = json_get_string(one, "path");
		if (type && strcmp(type, "pid") == 0)
			return !path || !path[0];
	}
	return false;
}

enum container_status state_status(const struct runc_container *c)
{
	CLEANUP_TALLOC char *fifo = mem_printf(NULL, "%s/" CONTAINER_FIFO, c->dir);
	if (c->pid == 0)
		return is_locked_by_another(c) ? STATUS_CREATING : STATUS_STOPPED;
	unsigned long long start_time = state_start_time(c->pid);
	if (start_time == 0 || start_time != c->pid_start_time)
		return STATUS_STOPPED;
	if (access(fifo, F_OK) == 0)
		return STATUS_CREATED;
	return c->is_paused ? STATUS_PAUSED : STATUS_RUNNING;
}

const char *state_status_name(enum container_status status)
{
	static const char *const names[] = {
		[STATUS_CREATING] = "creating", [STATUS_CREATED] = "created", [STATUS_RUNNING] = "running",
		[STATUS_PAUSED] = "paused",     [STATUS_STOPPED] = "stopped",
	};
	return names[status];
}

struct json *state_document(const void *ctx, const struct runc_container *c, enum container_status status)
{
	struct json *document = json_new_object(ctx);
	json_set_string(document, "ociVersion", c->oci_version);
	json_set_string(document, "id", c->id);
	json_set_int(document, "pid", status == STATUS_STOPPED ? 0 : c->pid);
	json_set_string(document, "status", state_status_name(status));
	json_set_string(document, "bundle", c->bundle);
	json_set_string(document, "rootfs", c->root);
	json_set_string(document, "created", c->created);
	if (c->annotations)
		json_set(document, "annotations", c->annotations);
	json_set_string(document, "owner", c->owner);
	return document;
}
