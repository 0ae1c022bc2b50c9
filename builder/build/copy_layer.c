/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the laying out of a plan in a layer, by the rules of tonistiigi/fsutil's copy: what is merged, what is
 * replaced, whose owner, mode and time things have.  Archives are copy_archive.c's.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "builder/build/copy_archive.h"
#include "builder/build/copy_plan.h"
#include "builder/build/destination.h"
#include "builder/build/owner.h"
#include "tracer/base/io.h"
#include "tracer/base/text.h"

enum { PATH_ROOM = 65536 };

/* An instruction while it is carried out. */
struct laying {
	const struct copy_request *r;
	const struct copy_plan *plan;
	struct destination *d;
	const struct owner *owner; /* --chown, NULL: none */
	/* of the part */
	const struct selection *selection;
	struct selection_cursor *cursor;
	char *path; /* of the entry in the tree; PATH_ROOM bytes */
	size_t base_length; /* of the path of pick 0 */
};

static void change(const struct laying *l, struct layer_attributes *a)
{
	if (l->owner) {
		a->uid = l->owner->uid;
		a->gid = l->owner->gid;
	}
	if (l->plan->chmod && !S_ISLNK(a->mode))
		a->mode = mode_change_apply(l->plan->chmod, a->mode);
}

/* Directories that only a path asks for: 0755 or what --chmod says in octal, root's or --chown's. */
static struct layer_attributes implied(const struct laying *l)
{
	struct layer_attributes a = { .mode = S_IFDIR | 0755 };
	int octal = l->plan->chmod ? mode_change_octal(l->plan->chmod) : -1;
	if (octal >= 0)
		a.mode = S_IFDIR | (octal & 0777);
	if (l->owner) {
		a.uid = l->owner->uid;
		a.gid = l->owner->gid;
	}
	destination_now(l->d, &a.mtime_sec, &a.mtime_nsec);
	return a;
}

static bool append(struct laying *l, size_t length, const char *name, size_t *ret_length)
{
	size_t name_length = strlen(name), next = length + (length != 0) + name_length;
	if (next + 1 > PATH_ROOM)
		return false;
	if (length)
		l->path[length] = '/';
	memcpy(l->path + next - name_length, name, name_length + 1);
	*ret_length = next;
	return true;
}

/* Where an earlier pick of the part has gone to. */
static char *laid_path(const void *ctx, const struct laying *l, unsigned i)
{
	const struct pick *p = &l->selection->picks[i];
	if (i == 0)
		return mem_strndup(ctx, l->path, l->base_length);
	CLEANUP_TALLOC char *parent = laid_path(NULL, l, p->parent);
	return mem_printf(ctx, "%s%s%s", parent, *parent ? "/" : "", p->entry.name);
}

static bool is_unchanged(const struct source_entry *e, int fd)
{
	struct stat st;
	return e->node ||
	       (fstat(fd, &st) == 0 && st.st_ino == e->ino && st.st_size == e->size_bytes &&
		st.st_mtim.tv_sec == e->mtime_sec && st.st_mtim.tv_nsec == e->mtime_nsec);
}

static bool has_same_bytes(int a, int b)
{
	char room[2][16384];
	off_t at = 0;
	for (;;) {
		ssize_t n = pread(a, room[0], sizeof(room[0]), at), m = pread(b, room[1], sizeof(room[1]), at);
		if (n != m || n < 0 || memcmp(room[0], room[1], n) != 0)
			return false;
		if (n == 0)
			return true;
		at += n;
	}
}

static const struct archive_xattr *capability_of(const struct layer_attributes *a)
{
	for (unsigned i = 0; i < a->xattr_count; i++)
		if (strcmp(a->xattrs[i].name, "security.capability") == 0)
			return &a->xattrs[i];
	return NULL;
}

/*
 * Is it what the stage has there already?  Then BuildKit's layer has no entry of it: containerd's differ compares
 * attributes and times, and contents only where the times may have been cut off (continuity's fs/path.go).
 */
static bool is_there_already(const struct laying *l, const struct place *old, const struct pick *p,
			     const struct layer_attributes *a, int fd)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	const struct node *n = old->made ? NULL : old->below;
	struct error ignored = ERROR_INIT;
	struct layer_attributes b;
	if (!n || p->has_links || workspace_attributes(scratch, l->r->workspace, n, &b, &ignored) < 0)
		return false;
	const struct archive_xattr *x = capability_of(a), *y = capability_of(&b);
	if (a->mode != b.mode || a->uid != b.uid || a->gid != b.gid || a->rdev != b.rdev || !x != !y ||
	    (x && (x->value_size != y->value_size || memcmp(x->value, y->value, x->value_size) != 0)))
		return false;
	if (a->mtime_sec != b.mtime_sec || (S_ISREG(a->mode) && p->entry.size_bytes != n->size_bytes))
		return false;
	if (a->mtime_nsec || b.mtime_nsec)
		return a->mtime_nsec == b.mtime_nsec;
	if (p->target)
		return strcmp(p->target, n->target) == 0;
	if (!S_ISREG(a->mode) || !n->size_bytes)
		return true;
	CLEANUP_CLOSE int there = workspace_open_file(l->r->workspace, n, &ignored);
	return there >= 0 && has_same_bytes(fd, there);
}

/* A file that is no link, at l->path; *ret_is_laid false: it was there. */
static int lay_new(struct laying *l, unsigned i, const struct place *parent, const struct place *old,
		   bool *ret_is_laid, struct error *err)
{
	const struct pick *p = &l->selection->picks[i];
	const struct source_entry *e = &p->entry;
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	struct source_cursor *c;
	struct layer_attributes a;
	bool is_regular = S_ISREG(e->mode);
	if (selection_move(l->cursor, i, false, &c, err) < 0)
		return -1;
	CLEANUP_CLOSE int fd = is_regular ? source_open_file(c, e, err) : -1;
	if ((is_regular && fd < 0) || source_attributes(scratch, c, e, fd, &a, err) < 0)
		return -1;
	change(l, &a);
	if (is_regular && !is_unchanged(e, fd))
		goto changed;
	*ret_is_laid = !old || !is_there_already(l, old, p, &a, fd);
	if (!*ret_is_laid)
		return 0;
	if (destination_reach(l->d, parent, err) < 0)
		return -1;
	if (p->target)
		return layerdir_symlink(destination_layer(l->d), l->path, &a, p->target, err);
	if (!is_regular)
		return layerdir_special(destination_layer(l->d), l->path, &a, err);
	if (layerdir_file(destination_layer(l->d), l->path, &a, fd, err) < 0)
		return -1;
	/* What was hashed must be what is in the layer, before and after it was read. */
	if (is_unchanged(e, fd))
		return 0;
changed:
	return error_set(err, 0, "'/%s%s%s' changed while it was copied", source_path(c), *source_path(c) ? "/" : "",
			 e->name);
}

static int lay_file(struct laying *l, unsigned i, const struct place *parent, const char *name, struct error *err)
{
	const struct pick *p = &l->selection->picks[i];
	struct place old;
	bool is_laid = true;
	bool is_there = destination_child(l->d, parent, name, strlen(name), &old);
	if (is_there && place_is_directory(&old))
		return error_set(err, 0, "cannot replace the directory '/%s' with a file", l->path);
	if (p->link_of) {
		CLEANUP_TALLOC char *earlier = laid_path(NULL, l, p->link_of - 1);
		if (destination_reach(l->d, parent, err) < 0 ||
		    layerdir_link(destination_layer(l->d), l->path, earlier, err) < 0)
			return -1;
	} else if (lay_new(l, i, parent, is_there ? &old : NULL, &is_laid, err) < 0) {
		return -1;
	}
	if (is_laid)
		destination_note(l->d, parent, name, p->target);
	return 0;
}

static int lay_content(struct laying *l, unsigned index, size_t length, const struct place *place, struct error *err);

/* A directory below the one that is copied: it has the source's attributes, also when it was there. */
static int lay_directory(struct laying *l, unsigned i, size_t length, const struct place *parent, struct error *err)
{
	const struct pick *p = &l->selection->picks[i];
	struct layer_attributes a = { .mode = p->entry.mode, .uid = p->entry.uid, .gid = p->entry.gid,
				      .mtime_sec = p->entry.mtime_sec, .mtime_nsec = p->entry.mtime_nsec,
				      .xattrs = p->xattrs, .xattr_count = p->xattr_count };
	struct layer_attributes old;
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	struct place place;
	bool is_there = destination_child(l->d, parent, p->entry.name, strlen(p->entry.name), &place);
	if (is_there && !place_is_directory(&place))
		return error_set(err, 0, "cannot copy the directory '%s' to non-directory: '/%s'", p->entry.name, l->path);
	if (p->is_delayed) {
		/* One that is there for what is in it: only its mode is the source's, and it has changed just now. */
		if (is_there && destination_attributes(scratch, l->d, &place, &old, err) < 0)
			return -1;
		if (is_there) {
			old.mode = a.mode;
			a = old;
		} else {
			change(l, &a);
		}
		destination_now(l->d, &a.mtime_sec, &a.mtime_nsec);
	} else {
		change(l, &a);
	}
	if (destination_directory(l->d, l->path, &a, &place, err) < 0 || lay_content(l, i, length, &place, err) < 0)
		return -1;
	destination_set_time(l->d, &place, a.mtime_sec, a.mtime_nsec);
	return 0;
}

static int lay_content(struct laying *l, unsigned index, size_t length, const struct place *place, struct error *err)
{
	const struct pick *picks = l->selection->picks;
	for (unsigned i = index + 1; i < picks[index].end; i = picks[i].end) {
		size_t next;
		if (!append(l, length, picks[i].entry.name, &next))
			return error_set(err, ENAMETOOLONG, "'/%s/%s'", l->path, picks[i].entry.name);
		if (S_ISDIR(picks[i].entry.mode) ? lay_directory(l, i, next, place, err) < 0 :
						   lay_file(l, i, place, picks[i].entry.name, err) < 0)
			return -1;
		l->path[length] = '\0';
	}
	return 0;
}

/* The directory that holds the path, its name in it; it is made known to the destination. */
static int enter_parent(struct laying *l, const char *path, struct place *ret, const char **ret_name, struct error *err)
{
	const char *slash = strrchr(path, '/');
	CLEANUP_TALLOC char *folder = mem_strndup(NULL, path, slash ? slash - path : 0);
	*ret_name = slash ? slash + 1 : path;
	return destination_directory(l->d, folder, NULL, ret, err);
}

/*
 * Where a part goes to: `path` is the resolved destination.  A file goes into a directory that is there, under its
 * own name; so does a directory that is itself copied.
 */
static int find_target(struct laying *l, const char *name, bool is_directory, bool copies_contents, char **path,
		       bool *ret_is_there, struct error *err)
{
	struct layer_attributes a = implied(l);
	struct place p;
	bool is_there = destination_find(l->d, *path, &p);
	if (is_there && *name && (is_directory ? !copies_contents : place_is_directory(&p))) {
		*path = mem_append(*path, "%s%s", **path ? "/" : "", name);
		is_there = destination_find(l->d, *path, &p);
	}
	*ret_is_there = is_there;
	if (is_directory && copies_contents)
		return destination_make_parents(l->d, *path, &a, l->owner != NULL, err);
	const char *slash = strrchr(*path, '/');
	CLEANUP_TALLOC char *parent = mem_strndup(NULL, *path, slash ? slash - *path : 0);
	return destination_make_parents(l->d, parent, &a, l->owner != NULL, err);
}

static int lay_selection(struct laying *l, const struct copy_part *part, char **path, struct error *err)
{
	const struct pick *top = &l->selection->picks[0];
	struct place place;
	const char *name;
	bool is_there;
	if (find_target(l, part->name, S_ISDIR(top->entry.mode), part->copies_contents, path, &is_there, err) < 0)
		return -1;
	l->base_length = strlen(*path);
	if (l->base_length + 1 > PATH_ROOM)
		return error_set(err, ENAMETOOLONG, "'/%s'", *path);
	memcpy(l->path, *path, l->base_length + 1);
	if (!S_ISDIR(top->entry.mode)) {
		if (enter_parent(l, *path, &place, &name, err) < 0 || lay_file(l, 0, &place, name, err) < 0)
			return -1;
		destination_touch(l->d, &place);
		return 0;
	}
	struct layer_attributes a = { .mode = top->entry.mode, .uid = top->entry.uid, .gid = top->entry.gid,
				      .xattrs = top->xattrs, .xattr_count = top->xattr_count };
	change(l, &a);
	bool is_made = !part->copies_contents && !is_there;
	if (destination_directory(l->d, *path, is_made ? &a : NULL, &place, err) < 0 ||
	    lay_content(l, 0, l->base_length, &place, err) < 0)
		return -1;
	/* A directory whose content came from another has that one's time afterwards. */
	destination_set_time(l->d, &place, top->entry.mtime_sec, top->entry.mtime_nsec);
	return 0;
}

static ssize_t read_text(void *arg, void *buffer, size_t size, struct error *err)
{
	const char **text = arg;
	size_t n = strnlen(*text, size);
	(void)err;
	memcpy(buffer, *text, n);
	*text += n;
	return n;
}

static int lay_heredoc(struct laying *l, const struct copy_part *part, char **path, struct error *err)
{
	struct layer_attributes a = { .mode = S_IFREG | 0644 };
	const char *text = part->text, *name;
	struct place place, old;
	bool is_there;
	if (find_target(l, part->name, false, false, path, &is_there, err) < 0 ||
	    enter_parent(l, *path, &place, &name, err) < 0)
		return -1;
	if (destination_child(l->d, &place, name, strlen(name), &old) && place_is_directory(&old))
		return error_set(err, 0, "cannot replace the directory '/%s' with a file", *path);
	destination_now(l->d, &a.mtime_sec, &a.mtime_nsec);
	change(l, &a);
	if (destination_reach(l->d, &place, err) < 0 ||
	    layerdir_file_stream(destination_layer(l->d), *path, &a, read_text, &text, err) < 0)
		return -1;
	destination_note(l->d, &place, name, NULL);
	destination_touch(l->d, &place);
	return 0;
}

/* An archive takes the destination for its root; 1: it was one. */
static int try_archive(struct laying *l, const char *dest, struct error *err)
{
	const struct pick *top = &l->selection->picks[0];
	struct layer_attributes a = { .mode = S_IFDIR | 0755 };
	struct source_cursor *c;
	char *path;
	if (!S_ISREG(top->entry.mode) || selection_move(l->cursor, 0, false, &c, err) < 0)
		return S_ISREG(top->entry.mode) ? -1 : 0;
	CLEANUP_CLOSE int fd = source_open_file(c, &top->entry, err);
	if (fd < 0)
		return -1;
	if (!copy_archive_is_one(fd))
		return 0;
	if (destination_resolve(l->selection, l->d, "", dest, true, &path, err) < 0)
		return -1;
	if (l->owner) {
		a.uid = l->owner->uid;
		a.gid = l->owner->gid;
	}
	destination_now(l->d, &a.mtime_sec, &a.mtime_nsec);
	if (destination_make_parents(l->d, path, &a, l->owner != NULL, err) < 0)
		return -1;
	if (copy_archive_lay(l->d, path, fd, l->owner, err) < 0)
		return error_wrap(err, "cannot unpack '/%s'", top->entry.name);
	return 1;
}

static int lay_part(struct laying *l, struct copy_part *part, const char *dest, struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	struct layer_attributes a = implied(l);
	char *path, *ensured;
	if (part->selection) {
		l->selection = part->selection;
		if (selection_cursor_open(scratch, part->selection, &l->cursor, err) < 0)
			return -1;
		int r = part->unpacks ? try_archive(l, dest, err) : 0;
		if (r != 0)
			return r < 0 ? -1 : 0;
	}
	/* With a slash at its end the destination is a directory, made when it is not there. */
	bool is_folder = text_ends(dest, "/") || text_ends(dest, "/.");
	size_t length = is_folder ? strlen(dest) : (size_t)(strrchr(dest, '/') - dest);
	if (destination_resolve(scratch, l->d, "", mem_strndup(scratch, dest, length), true, &ensured, err) < 0 ||
	    destination_make_parents(l->d, ensured, &a, l->owner != NULL, err) < 0 ||
	    destination_resolve(scratch, l->d, "", dest, true, &path, err) < 0)
		return -1;
	return part->text ? lay_heredoc(l, part, &path, err) : lay_selection(l, part, &path, err);
}

int copy_plan_lay(const void *ctx, const struct copy_request *r, struct copy_plan *plan, char **ret_id,
		  struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	struct laying l = { .r = r, .plan = plan, .path = mem_array(scratch, char, PATH_ROOM) };
	struct owner owner;
	char *dest = copy_destination(scratch, r);
	/* Without --chmod only, as BuildKit does it. */
	bool is_link = r->in->copy.is_link && !r->in->copy.chmod;
	if (r->in->copy.chown) {
		/* BuildKit's "invalid user index: -1". */
		if (is_link && r->in->copy.chown[strspn(r->in->copy.chown, "0123456789:")] &&
		    strcmp(r->in->copy.chown, "root") != 0)
			return error_set(err, 0, "--chown=%s: --link copies onto an empty tree, in which there are no names: "
					 "use numbers", r->in->copy.chown);
		if (owner_find(r->workspace, r->in->copy.chown, &owner, err) < 0)
			return error_wrap(err, "--chown=%s", r->in->copy.chown);
		if (owner.is_unknown && r->tell) {
			CLEANUP_TALLOC char *line = mem_printf(NULL, "--chown=%s: the image has no such user or group; it is taken "
							       "for 0", r->in->copy.chown);
			r->tell(r->arg, line);
		}
		l.owner = &owner;
	}
	if (destination_open(scratch, r->store, is_link ? NULL : r->workspace, r->epoch_sec, &l.d, err) < 0)
		return -1;
	for (unsigned i = 0; i < plan->count; i++)
		if (lay_part(&l, &plan->parts[i], dest, err) < 0)
			return -1;
	return destination_finish(ctx, l.d, ret_id, err);
}
