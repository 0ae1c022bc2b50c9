/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the reading of sources: URLs, repositories, wildcards, --parents, by the rules of BuildKit's
 * dockerfile2llb/convert_copy.go and solver/llbsolver/file/backend.go.  Laying out is copy_layer.c's.
 */
#include "builder/build/copy_plan.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "builder/build/scratch_folder.h"
#include "tracer/base/text.h"

/* What is decided for all sources of an instruction. */
struct planning {
	const struct copy_request *r;
	struct copy_plan *plan;
	struct patterns *exclude;
	bool is_add;
};

static struct copy_part *add_part(struct copy_plan *plan)
{
	plan->parts = mem_grow(plan, plan->parts, struct copy_part, plan->count + 1);
	plan->parts[plan->count] = (struct copy_part){ .selection = NULL };
	return &plan->parts[plan->count++];
}

/* As Go's path.Join("/", parent, text). */
static char *clean_path(const void *ctx, const char *parent, const char *text)
{
	char *path = mem_printf(ctx, "/%s/%s", parent, text);
	text_clean_path(path);
	return path;
}

char *copy_destination(const void *ctx, const struct copy_request *r)
{
	const struct strlist *words = r->in->words;
	const char *text = words->count ? words->items[words->count - 1] : "";
	size_t length = strlen(text);
	char *path = clean_path(ctx, *text == '/' ? "/" : r->working_dir, text);
	if (!strcmp(text, ".") || !*text || text[length - 1] == '/')
		return strcmp(path, "/") == 0 ? path : mem_append(path, "/");
	if (text_ends(text, "/."))
		return mem_append(path, "%s.", strcmp(path, "/") == 0 ? "" : "/");
	return path;
}

static int fail_missing(const struct planning *p, const char *path, struct error *err)
{
	const struct source *s = p->r->source;
	const struct patterns *hidden = source_hidden(s);
	if (hidden && patterns_match(hidden, path + strspn(path, "/")))
		return error_set(err, 0, "'%s' is not in the build context: .dockerignore excludes it", path);
	return error_set(err, 0, source_is_context(s) ? "'%s' is not in the build context" : "'%s': not found", path);
}

/* ---- paths of the source ---- */

static int add_match(struct planning *p, const char *path, const struct patterns *include, struct error *err)
{
	CLEANUP_TALLOC char *resolved = NULL;
	struct selection *selection;
	int r = source_resolve(NULL, p->r->source, path, true, &resolved);
	if (r == -ENOENT || r == -ENOTDIR)
		return fail_missing(p, path, err);
	if (r < 0)
		return error_set(err, -r, "'%s'", path);
	if (selection_make(p->plan, p->r->source, resolved, include, p->exclude, &selection, err) < 0)
		return -1;
	if (!selection->count)
		return fail_missing(p, path, err);
	struct copy_part *part = add_part(p->plan);
	int unpack = p->r->in->copy.unpack;
	part->selection = selection;
	part->name = mem_strdup(selection, text_base_name(path));
	part->copies_contents = true;
	part->unpacks = unpack >= 0 ? unpack : p->is_add;
	return 0;
}

/* Below the cursor's directory, `prefix` of the path that is named: what the pattern's components match. */
static int match_below(struct planning *p, struct source_cursor *c, const char *prefix, const char *pattern,
		       const struct patterns *include, struct error *err)
{
	CLEANUP_TALLOC struct source_entry *entries = NULL;
	unsigned count;
	size_t length = strcspn(pattern, "/");
	const char *rest = pattern + length + strspn(pattern + length, "/");
	CLEANUP_TALLOC char *name = mem_strndup(NULL, pattern, length);
	if (source_list(NULL, c, &entries, &count, err) < 0)
		return -1;
	for (unsigned i = 0; i < count; i++) {
		if (pattern_match_name(name, entries[i].name) != 1)
			continue;
		CLEANUP_TALLOC char *path = mem_printf(NULL, "%s%s%s", prefix, text_ends(prefix, "/") ? "" : "/",
						       entries[i].name);
		if (!*rest) {
			if (entries[i].is_hidden) {
				/* Only its content can say whether it is there. */
				CLEANUP_TALLOC struct selection *probe = NULL;
				if (selection_make(NULL, p->r->source, path + 1, NULL, NULL, &probe, err) < 0)
					return -1;
				if (!probe->count)
					continue;
			}
			if (add_match(p, path, include, err) < 0)
				return -1;
		} else if (S_ISDIR(entries[i].mode)) {
			int r = source_enter(c, entries[i].name);
			if (r < 0)
				return error_set(err, -r, "cannot open '%s'", path);
			r = match_below(p, c, path, rest, include, err);
			source_leave(c);
			if (r < 0)
				return -1;
		}
	}
	return 0;
}

/* A wildcard matches from its first component with one on; symlinks before it are followed, those in it are not. */
static int add_matches(struct planning *p, const char *path, const struct patterns *include, struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	struct source_cursor *c;
	const char *at = path;
	char *resolved;
	for (;;) {
		const char *part = at + strspn(at, "/");
		CLEANUP_TALLOC char *name = mem_strndup(NULL, part, strcspn(part, "/"));
		if (!*name)
			return add_match(p, path, include, err);
		if (pattern_has_wildcards(name))
			break;
		at = part + strlen(name);
	}
	const char *pattern = at + strspn(at, "/");
	char *plain = at == path ? mem_strdup(scratch, "/") : mem_strndup(scratch, path, at - path);
	if (pattern_match_name(pattern, "") < 0)
		return error_set(err, 0, "'%s' is a malformed pattern", path);
	int r = source_resolve(scratch, p->r->source, plain, true, &resolved);
	if (r == -ENOENT || r == -ENOTDIR)
		return fail_missing(p, plain, err);
	if (r == 0 && source_cursor_open(scratch, p->r->source, &c, err) < 0)
		return -1;
	if (r == 0)
		r = source_go(c, resolved);
	if (r == -ENOTDIR)
		return 0; /* nothing is below a file */
	if (r < 0)
		return error_set(err, -r, "'%s'", plain);
	CLEANUP_TALLOC char *prefix = mem_printf(NULL, "/%s", resolved);
	return match_below(p, c, prefix, pattern, include, err);
}

/* --parents: all of the path, or what is behind "/./" in it, is kept below the destination. */
static int add_with_parents(struct planning *p, const char *word, struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	const char *pivot = strstr(word, "/./");
	char *base = clean_path(scratch, "/", pivot ? mem_strndup(scratch, word, pivot - word) : "");
	char *pattern = clean_path(scratch, "/", pivot ? pivot + 3 : word);
	struct strlist *lines = strlist_new(scratch);
	struct patterns *include = NULL;
	unsigned before = p->plan->count, taken = 0;
	strlist_add(lines, pattern + 1);
	/* Of "dir/./" everything is wanted. */
	if (pattern[1] && patterns_new(scratch, lines, &include, err) < 0)
		return -1;
	if (add_matches(p, base, include, err) < 0)
		return -1;
	for (unsigned i = before; i < p->plan->count; i++)
		taken += p->plan->parts[i].selection->count - 1;
	if (include && !taken && !pattern_has_wildcards(base) && !pattern_has_wildcards(pattern)) {
		CLEANUP_TALLOC char *path = clean_path(NULL, base, pattern);
		return fail_missing(p, path, err);
	}
	return 0;
}

/* ---- what is elsewhere ---- */

static int add_url(struct planning *p, const char *url, struct error *err)
{
	struct download *file;
	struct source *source;
	struct selection *selection;
	const struct copy_request *r = p->r;
	if (download_get(p->plan, r->store, url, r->in->copy.checksum, r->tell, r->arg, &file, err) < 0 ||
	    source_of_folder(file, file->folder, &source, err) < 0 ||
	    selection_make(p->plan, source, file->name, NULL, NULL, &selection, err) < 0)
		return -1;
	struct copy_part *part = add_part(p->plan);
	part->selection = selection;
	part->name = file->name;
	part->unpacks = r->in->copy.unpack == 1;
	return 0;
}

static int add_git(struct planning *p, struct git_url *url, struct error *err)
{
	const struct copy_request *r = p->r;
	const char *checksum = r->in->copy.checksum;
	if (checksum && url->checksum && strcmp(checksum, url->checksum) != 0)
		return error_set(err, 0, "checksum mismatch '%s' != '%s'", checksum, url->checksum);
	if (checksum)
		url->checksum = mem_strdup(url, checksum);
	if (r->in->copy.keeps_git_dir && url->keeps_git_dir == 0)
		return error_set(err, 0, "--keep-git-dir, but the URL says keep-git-dir=false");
	struct copy_part *part = add_part(p->plan);
	part->git = talloc_steal(p->plan, url);
	part->keeps_git_dir = url->keeps_git_dir == 1 || r->in->copy.keeps_git_dir;
	part->name = "";
	return git_resolve(p->plan, url, &part->git_commit, err);
}

static int add_source(struct planning *p, const char *word, struct error *err)
{
	struct git_url *git;
	if (git_url_parse(p->plan, word, false, &git, err) < 0)
		return -1;
	if (git || download_is_url(word)) {
		if (!p->is_add)
			return error_set(err, 0, "'%s': COPY takes no URL; ADD does", word);
		return git ? add_git(p, git, err) : add_url(p, word, err);
	}
	if (p->r->in->copy.has_parents)
		return add_with_parents(p, word, err);
	CLEANUP_TALLOC char *path = clean_path(NULL, "/", word);
	return add_matches(p, path, NULL, err);
}

static int check_checksum(const struct planning *p, struct error *err)
{
	const struct strlist *words = p->r->in->words;
	CLEANUP_TALLOC struct git_url *git = NULL;
	if (!p->r->in->copy.checksum)
		return 0;
	if (!p->is_add)
		return error_set(err, 0, "checksum can't be specified for COPY");
	if (words->count != 2)
		return error_set(err, 0, "checksum can't be specified for multiple sources");
	if (git_url_parse(NULL, words->items[0], false, &git, err) < 0)
		return -1;
	if (!git && !download_is_url(words->items[0]))
		return error_set(err, 0, "checksum requires HTTP(S) or Git sources");
	return 0;
}

/* All that the plan depends on: an instruction that is freed may leave its address to another one. */
static char *identify(const void *ctx, const struct copy_request *r)
{
	const struct copy_flags *f = &r->in->copy;
	char *text = mem_printf(ctx, "%d%d%d%d%d %p", (int)r->in->kind, f->has_parents, f->keeps_git_dir, f->unpack,
				f->is_link, (const void *)r->ignored);
	const char *const flags[] = { f->chmod, f->checksum };
	for (size_t i = 0; i < sizeof(flags) / sizeof(*flags); i++)
		text = mem_append(text, " %zu:%s", flags[i] ? strlen(flags[i]) + 1 : 0, flags[i] ? flags[i] : "");
	for (size_t i = 0; i < r->in->words->count; i++)
		text = mem_append(text, " %zu:%s", strlen(r->in->words->items[i]), r->in->words->items[i]);
	for (size_t i = 0; f->exclude && i < f->exclude->count; i++)
		text = mem_append(text, " -%zu:%s", strlen(f->exclude->items[i]), f->exclude->items[i]);
	for (unsigned i = 0; i < r->in->heredoc_count; i++) {
		const struct heredoc *h = &r->in->heredocs[i];
		text = mem_append(text, " <%zu:%s%zu:%s", strlen(h->name), h->name, strlen(h->content), h->content);
	}
	return text;
}

static const char kept_plan[] = "plan";

int copy_plan_make(const struct copy_request *r, struct copy_plan **ret, struct error *err)
{
	CLEANUP_TALLOC char *identity = identify(NULL, r);
	struct copy_plan *kept = source_kept(r->source, kept_plan);
	if (kept && strcmp(kept->identity, identity) == 0) {
		*ret = kept;
		return 0;
	}
	CLEANUP_TALLOC struct copy_plan *plan = mem_new(NULL, struct copy_plan);
	plan->identity = talloc_steal(plan, identity);
	identity = NULL;
	struct planning p = { .r = r, .plan = plan, .is_add = r->in->kind == INSTRUCTION_ADD };
	const struct copy_flags *flags = &r->in->copy;
	if (source_is_context(r->source))
		source_hide(r->source, r->ignored);
	if (flags->exclude && flags->exclude->count && patterns_new(plan, flags->exclude, &p.exclude, err) < 0)
		return error_wrap(err, "--exclude");
	if (flags->chmod && mode_change_parse(plan, flags->chmod, &plan->chmod, err) < 0)
		return -1;
	if (check_checksum(&p, err) < 0)
		return -1;
	for (size_t i = 0; i + 1 < r->in->words->count; i++)
		if (add_source(&p, r->in->words->items[i], err) < 0)
			return -1;
	for (unsigned i = 0; i < r->in->heredoc_count; i++) {
		struct copy_part *part = add_part(plan);
		part->text = mem_strdup(plan, r->in->heredocs[i].content);
		part->name = mem_strdup(plan, r->in->heredocs[i].name);
	}
	*ret = plan;
	source_keep(r->source, kept_plan, plan);
	plan = NULL;
	return 0;
}

int copy_plan_complete(const struct copy_request *r, struct copy_plan *plan, struct error *err)
{
	for (unsigned i = 0; i < plan->count; i++) {
		struct copy_part *part = &plan->parts[i];
		struct source *source;
		char *folder, *tmp;
		if (!part->git || part->selection)
			continue;
		if (scratch_folder_make(plan, r->store, &tmp, err) < 0 ||
		    git_checkout(plan, part->git, part->git_commit, part->keeps_git_dir, tmp, &folder, err) < 0 ||
		    source_of_folder(plan, folder, &source, err) < 0 ||
		    selection_make(plan, source, "", NULL, NULL, &part->selection, err) < 0)
			return -1;
	}
	return 0;
}
