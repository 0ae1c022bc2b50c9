/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the walk that makes a selection, and going through one.  Contents are content_hash.c's. */
#include "builder/build/selection.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "tracer/base/io.h"

enum { PATH_ROOM = 65536, NAMES_BLOCK = 1 << 16 };

struct walk {
	struct selection *selection;
	struct source_cursor *cursor;
	const struct patterns *include, *exclude;
	char *path; /* relative to pick 0 */
	unsigned room;
	char *names;
	size_t names_left;
};

/* What is found out of a directory by walking it. */
struct found {
	bool is_there;  /* something in it is not hidden */
	bool is_wanted; /* something in it was picked */
};

static const char *keep_name(struct walk *w, const char *name)
{
	size_t size = strlen(name) + 1;
	if (size > w->names_left) {
		w->names_left = size > NAMES_BLOCK ? size : NAMES_BLOCK;
		w->names = mem_array(w->selection, char, w->names_left);
	}
	char *kept = memcpy(w->names, name, size);
	w->names += size;
	w->names_left -= size;
	return kept;
}

static unsigned add_pick(struct walk *w, const struct source_entry *e, unsigned parent)
{
	struct selection *s = w->selection;
	if (s->count == w->room) {
		w->room = w->room ? 2 * w->room : 64;
		s->picks = mem_grow(s, s->picks, struct pick, w->room);
	}
	s->picks[s->count] = (struct pick){ .entry = *e, .parent = parent, .end = s->count + 1 };
	s->picks[s->count].entry.name = keep_name(w, e->name);
	return s->count++;
}

/* What is read of an entry while the cursor is at its directory, or in it. */
static int complete(struct walk *w, unsigned i, struct error *err)
{
	struct selection *s = w->selection;
	struct pick *p = &s->picks[i];
	struct layer_attributes a;
	bool is_of_folder = source_is_context(s->source);
	int fd = S_ISDIR(p->entry.mode) ? source_folder_fd(w->cursor) : -1;
	if (S_ISLNK(p->entry.mode) && source_read_link(s, w->cursor, &p->entry, &p->target, err) < 0)
		return -1;
	if (is_of_folder && fd < 0)
		return 0;
	if (source_attributes(s, w->cursor, &p->entry, fd, &a, err) < 0)
		return -1;
	p->xattrs = a.xattrs;
	p->xattr_count = a.xattr_count;
	return 0;
}

static int walk_folder(struct walk *w, unsigned index, size_t length, const bool *states, struct found *ret,
		       struct error *err);

/* What the patterns say of the entry at w->path; `own` has room for those of both. */
static bool is_wanted(const struct walk *w, const bool *states, bool *own, bool *ret_descends)
{
	unsigned count = w->include ? patterns_count(w->include) : 0;
	bool wanted = true, descends = true;
	if (w->include) {
		wanted = patterns_match_in(w->include, w->path, states, own);
		descends = wanted || patterns_may_match_below(w->include, w->path);
	}
	if (w->exclude && patterns_match_in(w->exclude, w->path, states ? states + count : NULL, own + count)) {
		wanted = false;
		descends = descends && patterns_may_include_below(w->exclude, w->path);
	}
	*ret_descends = descends;
	return wanted;
}

static int walk_directory(struct walk *w, const struct source_entry *e, unsigned parent, size_t length,
			  const bool *own, bool wanted, struct found *ret, struct error *err)
{
	struct found inside = { false, false };
	size_t names_left = w->names_left;
	char *names = w->names;
	unsigned i = add_pick(w, e, parent);
	w->selection->picks[i].is_delayed = !wanted;
	int r = source_enter(w->cursor, e->name);
	if (r < 0)
		return error_set(err, -r, "cannot open '/%s%s%s'", source_path(w->cursor),
				 *source_path(w->cursor) ? "/" : "", e->name);
	r = complete(w, i, err) < 0 || walk_folder(w, i, length, own, &inside, err) < 0 ? -1 : 0;
	source_leave(w->cursor);
	if (r < 0)
		return -1;
	bool is_there = !e->is_hidden || inside.is_there;
	ret->is_there |= is_there;
	if (is_there && (wanted || inside.is_wanted)) {
		ret->is_wanted = true;
		w->selection->picks[i].end = w->selection->count;
		return 0;
	}
	w->selection->count = i;
	if (w->names_left <= names_left) {
		w->names = names;
		w->names_left = names_left;
	}
	return 0;
}

static int walk_folder(struct walk *w, unsigned index, size_t length, const bool *states, struct found *ret,
		       struct error *err)
{
	CLEANUP_TALLOC struct source_entry *entries = NULL;
	unsigned count, state_count = (w->include ? patterns_count(w->include) : 0) +
				      (w->exclude ? patterns_count(w->exclude) : 0);
	if (source_list(NULL, w->cursor, &entries, &count, err) < 0)
		return -1;
	CLEANUP_TALLOC bool *own = state_count ? mem_array(NULL, bool, state_count) : NULL;
	for (unsigned i = 0; i < count; i++) {
		const struct source_entry *e = &entries[i];
		size_t name_length = strlen(e->name), next = length + (length != 0) + name_length;
		bool descends, wanted;
		if (next + 1 > PATH_ROOM)
			return error_set(err, ENAMETOOLONG, "'/%s/%s'", source_path(w->cursor), e->name);
		if (length)
			w->path[length] = '/';
		memcpy(w->path + next - name_length, e->name, name_length + 1);
		wanted = is_wanted(w, states, own, &descends);
		if (S_ISDIR(e->mode)) {
			if ((wanted || descends || e->is_hidden) &&
			    walk_directory(w, e, index, next, own, wanted, ret, err) < 0)
				return -1;
			ret->is_there |= !e->is_hidden;
		} else {
			ret->is_there = true;
			if (!wanted || S_ISSOCK(e->mode))
				continue;
			ret->is_wanted = true;
			if (complete(w, add_pick(w, e, index), err) < 0)
				return -1;
		}
	}
	return 0;
}

static void find_links(struct selection *s)
{
	unsigned room = 64, linked = 0;
	for (unsigned i = 0; i < s->count; i++)
		linked += s->picks[i].entry.may_have_links && S_ISREG(s->picks[i].entry.mode);
	if (linked < 2)
		return;
	while (room < 2 * linked)
		room *= 2;
	CLEANUP_TALLOC unsigned *table = mem_array(NULL, unsigned, room);
	for (unsigned i = 0; i < s->count; i++) {
		const struct source_entry *e = &s->picks[i].entry;
		if (!e->may_have_links || !S_ISREG(e->mode))
			continue;
		unsigned at = ((e->ino + e->dev) * 0x9e3779b97f4a7c15ull) >> 32 & (room - 1);
		for (; table[at]; at = (at + 1) & (room - 1)) {
			const struct source_entry *first = &s->picks[table[at] - 1].entry;
			if (first->ino == e->ino && first->dev == e->dev)
				break;
		}
		if (table[at]) {
			s->picks[i].link_of = table[at];
			s->picks[table[at] - 1].has_links = true;
		} else {
			table[at] = i + 1;
		}
	}
}

int selection_make(const void *ctx, struct source *s, const char *path, const struct patterns *include,
		   const struct patterns *exclude, struct selection **ret, struct error *err)
{
	CLEANUP_TALLOC struct selection *selection = mem_new(NULL, struct selection);
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	struct walk w = { .selection = selection, .include = include, .exclude = exclude };
	struct source_entry top;
	struct found inside = { false, false };
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	char *folder = mem_strndup(scratch, path, slash ? slash - path : 0);
	selection->source = s;
	w.path = mem_array(scratch, char, PATH_ROOM);
	if (source_cursor_open(scratch, s, &w.cursor, err) < 0)
		return -1;
	int r = source_go(w.cursor, folder);
	if (r == 0)
		r = source_examine(w.cursor, *name ? name : ".", &top);
	if (r == 0 && S_ISDIR(top.mode) && *name)
		r = source_enter(w.cursor, name);
	if (r < 0)
		return error_set(err, -r, "cannot open '/%s'", path);
	selection->folder = mem_strdup(selection, S_ISDIR(top.mode) ? path : folder);
	top.name = name;
	if (!S_ISSOCK(top.mode) && complete(&w, add_pick(&w, &top, 0), err) < 0)
		return -1;
	if (S_ISDIR(top.mode)) {
		if (walk_folder(&w, 0, 0, NULL, &inside, err) < 0)
			return -1;
		selection->picks[0].end = selection->count;
		if (top.is_hidden && !inside.is_there)
			selection->count = 0;
	}
	find_links(selection);
	*ret = talloc_steal(ctx, selection);
	selection = NULL;
	return 0;
}

/* ---- going through it ---- */

struct selection_cursor {
	const struct selection *selection;
	struct source_cursor *cursor;
	unsigned at; /* the directory where the cursor is */
};

int selection_cursor_open(const void *ctx, const struct selection *selection, struct selection_cursor **ret,
			  struct error *err)
{
	struct selection_cursor *c = mem_new(ctx, struct selection_cursor);
	c->selection = selection;
	int r = source_cursor_open(c, selection->source, &c->cursor, err);
	if (r == 0) {
		int number = source_go(c->cursor, selection->folder);
		if (number < 0)
			r = error_set(err, -number, "cannot open '/%s'", selection->folder);
	}
	if (r < 0) {
		talloc_free(c);
		return -1;
	}
	*ret = c;
	return 0;
}

static int enter_from(struct selection_cursor *c, unsigned i, struct error *err)
{
	const struct pick *picks = c->selection->picks;
	if (i == c->at)
		return 0;
	if (enter_from(c, picks[i].parent, err) < 0)
		return -1;
	int r = source_enter(c->cursor, picks[i].entry.name);
	if (r < 0)
		return error_set(err, -r, "cannot open '/%s%s%s'", source_path(c->cursor),
				 *source_path(c->cursor) ? "/" : "", picks[i].entry.name);
	c->at = i;
	return 0;
}

int selection_move(struct selection_cursor *c, unsigned i, bool to_itself, struct source_cursor **ret,
		   struct error *err)
{
	const struct pick *picks = c->selection->picks;
	unsigned want = to_itself ? i : picks[i].parent;
	while (c->at && (want < c->at || want >= picks[c->at].end)) {
		source_leave(c->cursor);
		c->at = picks[c->at].parent;
	}
	if (enter_from(c, want, err) < 0)
		return -1;
	*ret = c->cursor;
	return 0;
}
