/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns RUN --mount.  What is bound lies outside the stage's root, so nothing of it gets into a layer; what root
 * sees of it is brought into the stage's table for the run, and taken out again, so that no entry outlives its inode.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "builder/build/agent.h"
#include "builder/build/copy.h"
#include "builder/build/mounts_private.h"
#include "tracer/base/io.h"

enum { SECRET_MAX_BYTES = 500 * 1024 /* BuildKit's limit */ };

struct open_mount *mounts_new_open(struct run_mounts *m)
{
	m->open = mem_grow(m, m->open, struct open_mount, m->open_count + 1);
	m->open[m->open_count] = (struct open_mount){ .lock = -1 };
	return &m->open[m->open_count++];
}

void mounts_bind_path(struct run_mounts *m, const char *host_path, const struct run_mount *in, bool is_read_only)
{
	const char *working_dir = state_text(m->w->state, "WorkingDir");
	m->binds = mem_grow(m, m->binds, struct volume, m->bind_count + 1);
	m->binds[m->bind_count++] = (struct volume){
		.host_path = mem_strdup(m, host_path),
		.guest_path = work_join_path(m, *working_dir ? working_dir : "/", in->target),
		.flags = is_read_only ? BINDING_READ_ONLY : 0,
		.is_tmpfs = in->type == MOUNT_TMPFS,
	};
}

/* ---- what root sees of them ---- */

static struct meta *mounts_stage_meta(struct run_mounts *m)
{
	return workspace_meta(m->w->workspace);
}

struct importing {
	struct run_mounts *m;
	struct meta *from;
};

static int import_entry(const struct meta_entry *entry, void *arg)
{
	struct importing *i = arg;
	struct meta_entry ours = *entry, there;
	struct run_mounts *m = i->m;
	/* A file that the stage has too, as a link into the same layer, is shown as the stage has it. */
	if (meta_get(mounts_stage_meta(m), entry->dev, entry->ino, &there))
		return 0;
	ours.xattr = 0;
	meta_xattr_copy(mounts_stage_meta(m), &ours, i->from, entry);
	meta_put(mounts_stage_meta(m), &ours);
	if (m->imported_count == m->imported_room) {
		m->imported_room = m->imported_room ? 2 * m->imported_room : 64;
		m->imported = mem_grow(m, m->imported, struct imported, m->imported_room);
	}
	m->imported[m->imported_count++] = (struct imported){ entry->dev, entry->ino };
	return 0;
}

void mounts_put_copy(struct meta *to, struct meta *from, const struct meta_entry *entry)
{
	struct meta_entry kept = *entry;
	kept.xattr = 0;
	meta_xattr_copy(to, &kept, from, entry);
	meta_put(to, &kept);
}

void mounts_import_table(struct run_mounts *m, struct meta *from)
{
	struct importing i = { m, from };
	meta_each(from, import_entry, &i);
}

/* A file of ours, shown with this owner and mode. */
int mounts_show_as(struct run_mounts *m, const char *path, const struct run_mount *in, mode_t mode, struct error *err)
{
	struct stat st;
	struct meta_entry entry;
	if (stat(path, &st) < 0)
		return error_set(err, errno, "cannot examine '%s'", path);
	meta_default(mounts_stage_meta(m), &st, &entry);
	entry.mode = (st.st_mode & S_IFMT) | (in->mode >= 0 ? (mode_t)in->mode : mode);
	entry.uid = in->uid >= 0 ? in->uid : 0;
	entry.gid = in->gid >= 0 ? in->gid : 0;
	meta_set(mounts_stage_meta(m), &st, &entry);
	return 0;
}

static int by_number(const void *a, const void *b)
{
	ino_t x = *(const ino_t *)a, y = *(const ino_t *)b;
	return x < y ? -1 : x > y;
}

static int note_before(const struct meta_entry *entry, void *arg)
{
	struct run_mounts *m = arg;
	if (m->before_count == m->before_room) {
		m->before_room = m->before_room ? 2 * m->before_room : 256;
		m->before = mem_grow(m, m->before, ino_t, m->before_room);
	}
	m->before[m->before_count++] = entry->ino;
	return 0;
}

static bool had_entry(const struct run_mounts *m, ino_t ino)
{
	return m->before_count && bsearch(&ino, m->before, m->before_count, sizeof(ino), by_number);
}

/* Take what is below out of the stage's table, and put it into `to` (may be NULL). */
void mounts_forget_tree(struct run_mounts *m, int dir_fd, const char *name, struct meta *to)
{
	struct stat st;
	struct meta_entry entry;
	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return;
	bool is_shared = meta_is_shared(mounts_stage_meta(m), &st);
	if (meta_get(mounts_stage_meta(m), st.st_dev, st.st_ino, &entry)) {
		if (to)
			mounts_put_copy(to, mounts_stage_meta(m), &entry);
		/* The stage may have the same inode of a layer: what it had of it stays. */
		if (!is_shared || !had_entry(m, st.st_ino))
			meta_drop(mounts_stage_meta(m), st.st_dev, st.st_ino);
	} else if (to && m->others && meta_get(m->others, st.st_dev, st.st_ino, &entry)) {
		mounts_put_copy(to, m->others, &entry);
	}
	if (!S_ISDIR(st.st_mode))
		return;
	int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *e;
	while (dir && (e = readdir(dir)))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			mounts_forget_tree(m, fd, e->d_name, to);
	if (dir)
		closedir(dir);
}

/* ---- bind ---- */

/* The path inside the folder when no component of it is a symlink; NULL: another way must be found. */
static char *plain_path(const void *ctx, const char *folder, const char *source)
{
	CLEANUP_CLOSE int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CLEANUP_TALLOC char *rest = mem_strdup(NULL, source);
	char *path = mem_strdup(ctx, folder), *save = NULL;
	struct stat st;
	for (char *part = strtok_r(rest, "/", &save); part; part = strtok_r(NULL, "/", &save)) {
		if (strcmp(part, ".") == 0)
			continue;
		if (fd < 0 || strcmp(part, "..") == 0 || fstatat(fd, part, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
		    S_ISLNK(st.st_mode))
			return NULL;
		int child = openat(fd, part, O_PATH | O_NOFOLLOW | O_CLOEXEC);
		close(fd);
		fd = child;
		path = mem_append(path, "/%s", part);
	}
	return path;
}

/* The request of a COPY that brings what is mounted to /m of an empty tree. */
struct mount_copy {
	struct instruction in;
	struct copy_request request;
};

static struct mount_copy *make_copy_request(const void *ctx, struct work *w, const struct other *from,
					    const char *source)
{
	struct mount_copy *c = mem_new(ctx, struct mount_copy);
	c->in = (struct instruction){ .kind = INSTRUCTION_COPY, .name = "RUN --mount" };
	c->in.words = strlist_new(c);
	c->in.copy.exclude = strlist_new(c);
	c->in.copy.unpack = -1;
	strlist_add(c->in.words, source && *source ? source : ".");
	strlist_add(c->in.words, "/m");
	c->request = (struct copy_request){
		.in = &c->in, .source = from->source, .working_dir = "/", .ignored = from->ignored,
		.store = w->b->store, .epoch_sec = -1,
	};
	return c;
}

/* COPY makes its destination anew; what is mounted is the source's own directory. */
static int show_as_source(struct workspace *w, const char *copied, const struct other *from, const char *source,
			  struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	struct source_cursor *cursor;
	struct source_entry top;
	struct meta_entry entry;
	struct stat st;
	char *path;
	if (stat(copied, &st) < 0)
		return error_set(err, errno, "cannot examine '%s'", copied);
	if (!S_ISDIR(st.st_mode) || source_resolve(scratch, from->source, source, true, &path) < 0)
		return 0;
	if (source_cursor_open(scratch, from->source, &cursor, err) < 0)
		return -1;
	if (source_go(cursor, path) < 0 || source_examine(cursor, ".", &top) < 0)
		return 0;
	meta_default(workspace_meta(w), &st, &entry);
	entry.mode = top.mode;
	entry.uid = top.uid;
	entry.gid = top.gid;
	meta_set(workspace_meta(w), &st, &entry);
	return 0;
}

/* A root of its own with a copy of the source as /m. */
int mounts_copy_source(const void *ctx, struct work *w, const struct other *from, const char *source,
		       struct workspace **ret, struct error *err)
{
	struct mount_copy *c = make_copy_request(ctx, w, from, source);
	struct chain *empty = mem_new(c, struct chain);
	struct workspace_root root;
	char *id;
	if (workspace_open(ctx, w->b->store, empty, ret, err) < 0)
		return -1;
	c->request.workspace = *ret;
	if (copy_make_layer(c, &c->request, &id, err) < 0 || workspace_push(*ret, id, err) < 0 ||
	    workspace_make_root(*ret, &root, err) < 0)
		return -1;
	CLEANUP_TALLOC char *copied = mem_printf(NULL, "%s/m", root.root);
	return show_as_source(*ret, copied, from, source && *source ? source : "/", err);
}

static int open_bind_of_folder(struct run_mounts *m, const struct run_mount *in, const struct other *from,
			       struct error *err)
{
	struct workspace_root root;
	char *path = in->is_read_only && !from->ignored ? plain_path(m, from->folder, in->source ? in->source : "") : NULL;
	if (path) {
		mounts_bind_path(m, path, in, true);
		return 0;
	}
	struct workspace *workspace;
	if (mounts_copy_source(m, m->w, from, in->source, &workspace, err) < 0 ||
	    workspace_make_root(workspace, &root, err) < 0)
		return -1;
	mounts_new_open(m)->workspace = workspace;
	mounts_import_table(m, workspace_meta(workspace));
	mounts_bind_path(m, mem_printf(m, "%s/m", root.root), in, in->is_read_only);
	return 0;
}

static int open_bind(struct run_mounts *m, const struct run_mount *in, struct error *err)
{
	struct other *from;
	struct workspace_root root;
	if (work_other(m->w, in->from, &from, err) < 0)
		return -1;
	if (from->folder)
		return open_bind_of_folder(m, in, from, err);
	struct workspace *workspace = from->workspace;
	/* "rw: Allow writes on the mount.  Written data will be discarded." */
	if (!in->is_read_only) {
		if (workspace_open(m, m->w->b->store, workspace_chain(from->workspace), &workspace, err) < 0)
			return -1;
		mounts_new_open(m)->workspace = workspace;
	}
	const char *source = in->source ? in->source : "/";
	if (!workspace_tree(workspace, err))
		return -1;
	int number = 0;
	if (!workspace_find(workspace, source, true, &number))
		return error_set(err, number, "cannot mount '%s'", source);
	CLEANUP_TALLOC char *path = workspace_resolve(NULL, workspace, source, true);
	if (workspace_make_root(workspace, &root, err) < 0)
		return -1;
	mounts_import_table(m, workspace_meta(workspace));
	mounts_bind_path(m, mem_printf(m, "%s/%s", root.root, path), in, in->is_read_only);
	return 0;
}

/* ---- tmpfs, secret, ssh ---- */

static int new_folder(struct run_mounts *m, char **ret, struct error *err)
{
	struct open_mount *o = mounts_new_open(m);
	if (store_make_guarded_tmp(m, m->w->b->store, &o->folder, err) < 0)
		return -1;
	*ret = o->folder;
	return 0;
}

static int open_tmpfs(struct run_mounts *m, const struct run_mount *in, struct error *err)
{
	char *folder;
	if (new_folder(m, &folder, err) < 0)
		return -1;
	CLEANUP_TALLOC char *data = mem_printf(NULL, "%s/tmpfs", folder);
	if (mkdir(data, 0755) < 0 || chmod(data, 01777) < 0)
		return error_set(err, errno, "cannot make '%s'", data);
	mounts_bind_path(m, data, in, false);
	return mounts_show_as(m, data, in, 01777, err);
}

static int read_secret(const void *ctx, const struct secret *s, char **ret, size_t *ret_size, struct error *err)
{
	if (s->path)
		return io_read_file(ctx, AT_FDCWD, s->path, SECRET_MAX_BYTES, ret, ret_size, err) < 0 ?
			       error_wrap(err, "secret '%s'", s->id) :
			       0;
	const char *value = getenv(s->variable);
	if (!value)
		return error_set(err, 0, "secret '%s': the environment has no '%s'", s->id, s->variable);
	*ret = mem_strdup(ctx, value);
	*ret_size = strlen(value);
	return 0;
}

static int open_secret(struct run_mounts *m, const struct run_mount *in, struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	const char *slash = in->target ? strrchr(in->target, '/') : NULL;
	const char *id = in->id ? in->id : slash ? slash + 1 : in->target;
	const struct secret *found = NULL;
	char *bytes, *folder;
	size_t size;
	for (unsigned i = 0; id && i < m->w->b->secret_count; i++)
		if (strcmp(m->w->b->secrets[i].id, id) == 0)
			found = &m->w->b->secrets[i];
	if (!found)
		return in->is_required ? error_set(err, 0, "the secret '%s' is required: give it with --secret id=%s,src=FILE",
						   id ? id : "", id ? id : "") :
					 0;
	if (read_secret(scratch, found, &bytes, &size, err) < 0)
		return -1;
	if (in->env)
		strlist_addf(m->env, "%s=%s", in->env, bytes);
	if (in->env && !in->target)
		return 0;
	if (new_folder(m, &folder, err) < 0)
		return -1;
	char *path = mem_printf(scratch, "%s/secret", folder);
	CLEANUP_CLOSE int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	int r = fd < 0 ? -errno : io_write_all(fd, bytes, size);
	if (r < 0)
		return error_set(err, -r, "cannot write the secret '%s'", id);
	struct run_mount shown = *in;
	if (!shown.target)
		shown.target = mem_printf(scratch, "/run/secrets/%s", id);
	mounts_bind_path(m, path, &shown, true);
	return mounts_show_as(m, path, in, 0400, err);
}

static int open_ssh(struct run_mounts *m, const struct run_mount *in, struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	const char *id = in->id ? in->id : "default";
	const struct ssh_agent *found = NULL;
	struct run_mount shown = *in;
	struct stat st;
	for (unsigned i = 0; i < m->w->b->agent_count; i++)
		if (strcmp(m->w->b->agents[i].id, id) == 0)
			found = &m->w->b->agents[i];
	if (!shown.target)
		shown.target = mem_printf(scratch, "/run/buildkit/ssh_agent.%u", m->ssh_count);
	/* Set even when nothing is there. */
	if (!m->ssh_count++)
		strlist_addf(m->env, "SSH_AUTH_SOCK=%s", shown.target);
	if (!found)
		return in->is_required ? error_set(err, 0, "the SSH agent '%s' is required: give it with --ssh %s", id, id) : 0;
	const char *socket = found->socket;
	if (stat(socket, &st) < 0)
		return error_set(err, errno, "cannot use '%s' as SSH agent '%s'", socket, id);
	if (!S_ISSOCK(st.st_mode)) {
		char *folder;
		if (new_folder(m, &folder, err) < 0)
			return -1;
		struct open_mount *o = mounts_new_open(m);
		if (agent_start(m, folder, socket, &o->agent, err) < 0)
			return -1;
		socket = agent_socket(o->agent);
	}
	mounts_bind_path(m, socket, &shown, false);
	return mounts_show_as(m, socket, in, 0600, err);
}

/* ---- all ---- */

int mounts_open(const void *ctx, struct work *w, const struct instruction *in, struct run_mounts **ret,
		struct error *err)
{
	static int (*const openers[])(struct run_mounts *, const struct run_mount *, struct error *) = {
		[MOUNT_BIND] = open_bind,     [MOUNT_CACHE] = mounts_open_cache, [MOUNT_TMPFS] = open_tmpfs,
		[MOUNT_SECRET] = open_secret, [MOUNT_SSH] = open_ssh,
	};
	struct run_mounts *m = mem_new(ctx, struct run_mounts);
	m->w = w;
	m->env = strlist_new(m);
	if (in->mount_count)
		meta_each(mounts_stage_meta(m), note_before, m);
	if (m->before_count)
		qsort(m->before, m->before_count, sizeof(*m->before), by_number);
	for (unsigned i = 0; i < in->mount_count; i++) {
		if (openers[in->mounts[i].type](m, &in->mounts[i], err) < 0) {
			mounts_close(m);
			return error_wrap(err, "--mount=%s", in->mounts[i].text);
		}
	}
	*ret = m;
	return 0;
}

const struct volume *mounts_binds(const struct run_mounts *m, size_t *ret_count)
{
	*ret_count = m->bind_count;
	return m->binds;
}

const struct strlist *mounts_env(const struct run_mounts *m)
{
	return m->env;
}

void mounts_close(struct run_mounts *m)
{
	struct workspace_root root;
	struct error ignored = ERROR_INIT;
	for (unsigned i = 0; i < m->open_count; i++) {
		struct open_mount *o = &m->open[i];
		if (o->agent)
			agent_stop(o->agent);
		if (o->cache)
			mounts_close_cache(m, o);
		if (o->workspace && workspace_make_root(o->workspace, &root, &ignored) == 0)
			mounts_forget_tree(m, AT_FDCWD, root.root, NULL);
		if (o->folder) {
			mounts_forget_tree(m, AT_FDCWD, o->folder, NULL);
			io_remove_tree(AT_FDCWD, o->folder);
		}
		if (o->lock >= 0)
			close(o->lock);
	}
	for (size_t i = 0; i < m->imported_count; i++)
		meta_drop(mounts_stage_meta(m), m->imported[i].dev, m->imported[i].ino);
	talloc_free(m);
}

/* What it is from: files of a stage or an image are known by their key, those of a context by their content. */
static int add_source(struct work *w, const struct run_mount *in, struct cache_key *k, struct error *err)
{
	struct other *from;
	char digest[DIGEST_ROOM];
	if (work_other(w, in->from, &from, err) < 0)
		return -1;
	if (from->workspace) {
		cache_key_text(k, from->fs_key);
		return 0;
	}
	CLEANUP_TALLOC struct mount_copy *c = make_copy_request(NULL, w, from, in->source);
	struct chain empty = { .layers = NULL, .count = 0 };
	CLEANUP_TALLOC struct workspace *workspace = NULL;
	if (workspace_open(NULL, w->b->store, &empty, &workspace, err) < 0)
		return -1;
	c->request.workspace = workspace;
	if (copy_digest(NULL, &c->request, digest, err) < 0)
		return -1;
	cache_key_text(k, digest);
	return 0;
}

int mounts_add_to_key(struct work *w, const struct instruction *in, struct cache_key *k, struct error *err)
{
	for (unsigned i = 0; i < in->mount_count; i++) {
		const struct run_mount *mount = &in->mounts[i];
		if (!mount->target && mount->type != MOUNT_SECRET && mount->type != MOUNT_SSH)
			return error_set(err, 0, "--mount=%s: target is required", mount->text);
		cache_key_text(k, mount->text);
		if (mount->type == MOUNT_BIND && add_source(w, mount, k, err) < 0)
			return error_wrap(err, "--mount=%s", mount->text);
		/* Where a cache begins counts; what later builds left in it does not. */
		if (mount->type == MOUNT_CACHE && mount->from && add_source(w, mount, k, err) < 0)
			return error_wrap(err, "--mount=%s", mount->text);
		/* Secrets and agents change no key: a new password builds nothing anew. */
	}
	cache_key_text(k, NULL);
	return 0;
}
