/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the tree that a COPY sees while it works.  Directories go into the layer before the first thing that is put
 * into them, and again at the end when their attributes or times are others by then.
 */
#include "builder/build/destination.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "tracer/base/mem.h"
#include "tracer/base/text.h"

enum { LINK_LIMIT = 255, PATH_ROOM = 65536 };

/* A directory of the layer: made->ino is its number here. */
struct directory {
	char *path;
	struct layer_attributes attributes;
	bool is_gone;     /* something else took its place */
	bool is_in_layer;
	bool has_changed; /* since it was put there */
};

struct destination {
	struct workspace *workspace;
	struct nodes *below, *made; /* below NULL: nothing */
	struct layerdir *layer;
	struct directory *directories;
	unsigned count, room;
	struct timespec now;
};

int destination_open(const void *ctx, struct store *s, struct workspace *below, int64_t epoch_sec,
		     struct destination **ret, struct error *err)
{
	CLEANUP_TALLOC struct destination *d = mem_new(NULL, struct destination);
	d->workspace = below;
	if (epoch_sec >= 0)
		d->now.tv_sec = epoch_sec;
	else
		clock_gettime(CLOCK_REALTIME, &d->now);
	d->made = nodes_new(d);
	if (below) {
		d->below = workspace_tree(below, err);
		if (!d->below)
			return -1;
	}
	if (layerdir_begin(d, s, &d->layer, err) < 0)
		return -1;
	/* The root of a layer is no entry of it. */
	d->room = 16;
	d->directories = mem_array(d, struct directory, d->room);
	d->directories[d->count++] = (struct directory){ .path = mem_strdup(d, ""), .is_gone = true, .is_in_layer = true };
	*ret = talloc_steal(ctx, d);
	d = NULL;
	return 0;
}

struct layerdir *destination_layer(struct destination *d)
{
	return d->layer;
}

void destination_now(const struct destination *d, int64_t *ret_sec, long *ret_nsec)
{
	*ret_sec = d->now.tv_sec;
	*ret_nsec = d->now.tv_nsec;
}

int destination_finish(const void *ctx, struct destination *d, char **ret_id, struct error *err)
{
	for (unsigned i = 0; i < d->count; i++) {
		const struct directory *f = &d->directories[i];
		if (!f->is_gone && f->is_in_layer && f->has_changed &&
		    layerdir_directory(d->layer, f->path, &f->attributes, err) < 0)
			return -1;
	}
	return layerdir_finish(ctx, d->layer, ret_id, err);
}

/* ---- looking ---- */

static bool is_directory(const struct node *n)
{
	return n && (n->kind == TREE_DIRECTORY || n->kind == TREE_IMPLIED);
}

bool place_is_directory(const struct place *p)
{
	return p->made ? is_directory(p->made) : is_directory(p->below);
}

static const char *link_of(const struct place *p)
{
	const struct node *n = p->made ? p->made : p->below;
	return n && n->kind == TREE_SYMLINK ? n->target : NULL;
}

static void destination_root(struct destination *d, struct place *ret)
{
	ret->made = nodes_root(d->made);
	ret->below = d->below ? nodes_root(d->below) : NULL;
}

/* Of a node in the layer, is_private says that what is below it does not show through. */
bool destination_child(struct destination *d, const struct place *directory, const char *name, size_t length,
		       struct place *ret)
{
	struct place p = { NULL, NULL };
	if (directory->made)
		p.made = nodes_child(d->made, directory->made, name, length);
	if (directory->below && is_directory(directory->below))
		p.below = nodes_child(d->below, directory->below, name, length);
	if (p.made && (p.made->is_private || !is_directory(p.made)))
		p.below = NULL;
	/* A directory of the layer over something else: only the directory is there. */
	if (p.made && !is_directory(p.below))
		p.below = NULL;
	*ret = p;
	return p.made || p.below;
}

bool destination_find(struct destination *d, const char *path, struct place *ret)
{
	struct place at;
	destination_root(d, &at);
	for (const char *part = path; *part;) {
		size_t length = strcspn(part, "/");
		struct place next;
		if (!place_is_directory(&at) || !destination_child(d, &at, part, length, &next))
			return false;
		at = next;
		part += length + strspn(part + length, "/");
	}
	*ret = at;
	return true;
}

/* A resolution: the path so far, and how much of it is the root that cannot be left. */
struct resolution {
	char *path;
	size_t length, root_length;
};

static void step_up(struct resolution *r)
{
	while (r->length > r->root_length && r->path[--r->length] != '/')
		;
	r->path[r->length] = '\0';
}

static bool step_down(struct resolution *r, const char *name, size_t length)
{
	if (r->length + length + 2 > PATH_ROOM)
		return false;
	if (r->length)
		r->path[r->length++] = '/';
	memcpy(r->path + r->length, name, length);
	r->length += length;
	r->path[r->length] = '\0';
	return true;
}

int destination_resolve(const void *ctx, struct destination *d, const char *root, const char *path, bool follows_last,
			char **ret, struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	struct resolution r = { .path = mem_array(scratch, char, PATH_ROOM) };
	unsigned links = 0;
	if (*root)
		step_down(&r, root, strlen(root));
	r.root_length = r.length;
	for (const char *part = path; *(part += strspn(part, "/"));) {
		size_t length = strcspn(part, "/");
		const char *next = part + length, *target = NULL;
		bool is_last = !next[strspn(next, "/")];
		struct place p;
		if (length == 1 && *part == '.') {
			part = next;
			continue;
		}
		if (length == 2 && part[0] == '.' && part[1] == '.') {
			step_up(&r);
			part = next;
			continue;
		}
		if (!step_down(&r, part, length))
			return error_set(err, ENAMETOOLONG, "cannot resolve '%s'", path);
		if ((!is_last || follows_last) && destination_find(d, r.path, &p))
			target = link_of(&p);
		part = next;
		if (!target)
			continue;
		if (++links > LINK_LIMIT)
			return error_set(err, ELOOP, "cannot resolve '%s'", path);
		step_up(&r);
		if (*target == '/') {
			r.length = r.root_length;
			r.path[r.length] = '\0';
		}
		part = mem_printf(scratch, "%s/%s", target, next);
	}
	*ret = mem_strdup(ctx, r.path);
	return 0;
}

/* ---- making ---- */

static struct directory *directory_of(struct destination *d, const struct node *made)
{
	return &d->directories[made->ino];
}

int destination_attributes(const void *ctx, struct destination *d, const struct place *directory,
			   struct layer_attributes *ret, struct error *err)
{
	if (directory->made) {
		*ret = directory_of(d, directory->made)->attributes;
		return 0;
	}
	return workspace_attributes(ctx, d->workspace, directory->below, ret, err);
}

/* With attributes that live as long as the destination. */
static void keep_attributes(struct destination *d, struct directory *f, const struct layer_attributes *a)
{
	f->attributes = *a;
	if (!a->xattr_count)
		return;
	struct archive_xattr *kept = mem_array(d, struct archive_xattr, a->xattr_count);
	for (unsigned i = 0; i < a->xattr_count; i++)
		kept[i] = (struct archive_xattr){ mem_strdup(kept, a->xattrs[i].name),
						  mem_memdup(kept, a->xattrs[i].value, a->xattrs[i].value_size),
						  a->xattrs[i].value_size };
	f->attributes.xattrs = kept;
}

static int put_directory(struct destination *d, const struct node *made, struct error *err)
{
	struct directory *f = directory_of(d, made);
	if (f->is_in_layer)
		return 0;
	if (put_directory(d, made->parent, err) < 0 || layerdir_directory(d->layer, f->path, &f->attributes, err) < 0)
		return -1;
	f->is_in_layer = true;
	f->has_changed = false;
	/* Once something else was here: what is below the directory must not come back. */
	return made->is_private ? layerdir_opaque(d->layer, f->path, err) : 0;
}

int destination_reach(struct destination *d, const struct place *directory, struct error *err)
{
	return put_directory(d, directory->made, err);
}

/* Know a directory at this name of `parent`. */
static void add_directory(struct destination *d, const struct place *parent, const char *name, const char *path,
			  const struct layer_attributes *a, struct place *p)
{
	if (!p->made)
		p->made = nodes_add(d->made, parent->made, name, strlen(name));
	p->made->kind = TREE_DIRECTORY;
	p->made->ino = d->count;
	if (d->count == d->room) {
		d->room *= 2;
		d->directories = mem_grow(d, d->directories, struct directory, d->room);
	}
	d->directories[d->count] = (struct directory){ .path = mem_strdup(d, path) };
	keep_attributes(d, &d->directories[d->count++], a);
}

static bool has_same_xattrs(const struct layer_attributes *a, const struct layer_attributes *b)
{
	if (a->xattr_count != b->xattr_count)
		return false;
	for (unsigned i = 0; i < a->xattr_count; i++)
		if (strcmp(a->xattrs[i].name, b->xattrs[i].name) != 0 || a->xattrs[i].value_size != b->xattrs[i].value_size ||
		    memcmp(a->xattrs[i].value, b->xattrs[i].value, a->xattrs[i].value_size) != 0)
			return false;
	return true;
}

/* Go down to what holds `path`, taking the directories on the way into the layer as they are. */
static int enter_parent(struct destination *d, const char *path, struct place *ret, const char **ret_name,
			struct error *err)
{
	struct place at, next;
	CLEANUP_TALLOC char *part = mem_strdup(NULL, path);
	*ret_name = path;
	destination_root(d, &at);
	const char *name = part;
	for (char *slash; (slash = strchr(name, '/')); name = slash + 1) {
		*slash = '\0';
		if (!destination_child(d, &at, name, slash - name, &next) || !place_is_directory(&next))
			return error_set(err, ENOTDIR, "cannot make '/%s'", path);
		if (!next.made) {
			struct layer_attributes a;
			if (destination_attributes(d, d, &next, &a, err) < 0)
				return -1;
			add_directory(d, &at, name, part, &a, &next);
		}
		*slash = '/';
		at = next;
	}
	*ret = at;
	*ret_name = path + (name - part);
	return 0;
}

int destination_directory(struct destination *d, const char *path, const struct layer_attributes *a, struct place *ret,
			  struct error *err)
{
	struct place parent, p = { NULL, NULL };
	struct layer_attributes own;
	const char *name;
	if (!*path) {
		destination_root(d, ret);
		return 0;
	}
	if (enter_parent(d, path, &parent, &name, err) < 0)
		return -1;
	bool is_there = destination_child(d, &parent, name, strlen(name), &p) && place_is_directory(&p);
	if (!is_there && !a)
		return error_set(err, ENOTDIR, "cannot make '/%s'", path);
	if (is_there && destination_attributes(d, d, &p, &own, err) < 0)
		return -1;
	bool is_other = !is_there || (a && (a->mode != own.mode || a->uid != own.uid || a->gid != own.gid ||
					    !has_same_xattrs(a, &own)));
	if (!is_there) {
		p.below = NULL;
		destination_touch(d, &parent);
	}
	if (!p.made || !is_there) {
		add_directory(d, &parent, name, path, a ? a : &own, &p);
	} else if (a) {
		keep_attributes(d, directory_of(d, p.made), a);
		directory_of(d, p.made)->has_changed = true;
	}
	*ret = p;
	return is_other ? put_directory(d, p.made, err) : 0;
}

int destination_make_parents(struct destination *d, const char *path, const struct layer_attributes *a, bool is_owned,
			     struct error *err)
{
	CLEANUP_TALLOC char *part = mem_strdup(NULL, path);
	struct layer_attributes above, inherited = *a;
	struct place p, parent;
	destination_root(d, &parent);
	for (char *at = part; *at;) {
		at += strcspn(at, "/");
		char kept = *at;
		*at = '\0';
		bool is_there = destination_find(d, part, &p);
		if (is_there && !place_is_directory(&p))
			return error_set(err, 0, "'/%s' is not a directory", part);
		/* mkdir(2): in a set-group-ID directory, the new one is of its group, and set-group-ID too. */
		if (!is_there) {
			if (destination_attributes(d, d, &parent, &above, err) < 0)
				return -1;
			inherited.mode |= above.mode & S_ISGID;
			inherited.gid = above.mode & S_ISGID && !is_owned ? above.gid : a->gid;
		}
		if (!is_there && destination_directory(d, part, &inherited, &p, err) < 0)
			return -1;
		parent = p;
		*at = kept;
		at += kept == '/';
	}
	return 0;
}

void destination_set_time(struct destination *d, const struct place *directory, int64_t sec, long nsec)
{
	struct directory *f = directory_of(d, directory->made);
	if (f->attributes.mtime_sec == sec && f->attributes.mtime_nsec == nsec)
		return;
	f->attributes.mtime_sec = sec;
	f->attributes.mtime_nsec = nsec;
	f->has_changed = true;
}

void destination_touch(struct destination *d, const struct place *directory)
{
	destination_set_time(d, directory, d->now.tv_sec, d->now.tv_nsec);
}

static void forget_directories(struct destination *d, const char *path)
{
	size_t length = strlen(path);
	for (unsigned i = 1; i < d->count; i++)
		if (text_is_at_or_below(d->directories[i].path, path, length))
			d->directories[i].is_gone = true;
}

void destination_note(struct destination *d, const struct place *directory, const char *name, const char *target)
{
	struct node *n = nodes_child(d->made, directory->made, name, strlen(name));
	struct place old;
	bool hides = destination_child(d, directory, name, strlen(name), &old) && is_directory(old.below);
	if (n && is_directory(n)) {
		const char *folder = directory_of(d, directory->made)->path;
		CLEANUP_TALLOC char *path = mem_printf(NULL, "%s%s%s", folder, *folder ? "/" : "", name);
		forget_directories(d, path);
		nodes_remove_children(d->made, n);
	}
	if (!n)
		n = nodes_add(d->made, directory->made, name, strlen(name));
	n->kind = target ? TREE_SYMLINK : TREE_FILE;
	n->target = target ? nodes_strdup(d->made, target) : NULL;
	/* Should a directory come here again, what is in that one below must not show. */
	n->is_private |= hides;
}
