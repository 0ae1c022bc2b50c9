/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the values of --mount: BuildKit's instructions/commands_runmount.go.  Keys are read in their order: one
 * that needs a type comes after `type`.
 */
#include "builder/dockerfile/mounts.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "builder/dockerfile/words.h"
#include "tracer/base/text.h"

static const char *const types[] = {
	[MOUNT_BIND] = "bind", [MOUNT_CACHE] = "cache", [MOUNT_TMPFS] = "tmpfs",
	[MOUNT_SECRET] = "secret", [MOUNT_SSH] = "ssh", NULL,
};
static const char *const sharings[] = {
	[SHARING_SHARED] = "shared", [SHARING_PRIVATE] = "private", [SHARING_LOCKED] = "locked", NULL,
};

struct reading {
	const void *ctx;
	struct run_mount *mount;
	bool says_access, says_sharing;
	const struct key_row *row;
	struct error *err;
};

/* What may stand before "="; `member` is the offset of what it sets, where several keys are read alike. */
struct key_row {
	const char *name;
	bool needs_value;
	int (*read)(struct reading *r, const char *value);
	size_t member;
};

static int find(const char *const *options, const char *value)
{
	for (int i = 0; options[i]; i++)
		if (strcasecmp(options[i], value) == 0)
			return i;
	return -1;
}

static int none_of(const char *what, const char *const *options, const char *value, struct error *err)
{
	CLEANUP_TALLOC void *scratch = mem_new(NULL, char);
	const char *meant = words_suggest(scratch, value, options, true);
	if (meant)
		return error_set(err, 0, "%s \"%s\" (did you mean %s?)", what, value, meant);
	return error_set(err, 0, "%s \"%s\"", what, value);
}

static int read_type(struct reading *r, const char *value)
{
	int type = find(types, value);
	if (type < 0)
		return none_of("unsupported mount type", types, value, r->err);
	r->mount->type = type;
	return 0;
}

static int read_sharing(struct reading *r, const char *value)
{
	int sharing = find(sharings, value);
	if (sharing < 0)
		return none_of("unsupported sharing value", sharings, value, r->err);
	r->mount->sharing = sharing;
	r->says_sharing = true;
	return 0;
}

static void *member(const struct reading *r)
{
	return (char *)r->mount + r->row->member;
}

static int read_text(struct reading *r, const char *value)
{
	*(char **)member(r) = *value ? mem_strdup(r->ctx, value) : NULL;
	return 0;
}

/* Empty means the default name, and not that there is none. */
static int read_env(struct reading *r, const char *value)
{
	r->mount->env = mem_strdup(r->ctx, value);
	return 0;
}

static int invalid(struct reading *r, const char *value)
{
	return error_set(r->err, 0, "invalid value for %s: %s", r->row->name, value);
}

/* Go's strconv.ParseBool; NULL is a key alone. */
static int read_bool(struct reading *r, const char *value, bool *ret)
{
	static const char *const yes[] = { "1", "t", "T", "TRUE", "true", "True", NULL };
	static const char *const no[] = { "0", "f", "F", "FALSE", "false", "False", NULL };
	for (int i = 0; yes[i]; i++) {
		if (!value || strcmp(value, yes[i]) == 0 || strcmp(value, no[i]) == 0) {
			*ret = !value || strcmp(value, yes[i]) == 0;
			return 0;
		}
	}
	return invalid(r, value);
}

static int read_only(struct reading *r, const char *value)
{
	r->says_access = true;
	return read_bool(r, value, &r->mount->is_read_only);
}

static int read_write(struct reading *r, const char *value)
{
	bool is_writable = true;
	if (read_bool(r, value, &is_writable) < 0)
		return -1;
	r->says_access = true;
	r->mount->is_read_only = !is_writable;
	return 0;
}

static int wrong_type(struct reading *r)
{
	return error_set(r->err, 0, "unexpected key '%s' for mount type '%s'", r->row->name, types[r->mount->type]);
}

static int read_required(struct reading *r, const char *value)
{
	if (r->mount->type != MOUNT_SECRET && r->mount->type != MOUNT_SSH)
		return wrong_type(r);
	return read_bool(r, value, &r->mount->is_required);
}

static int read_size(struct reading *r, const char *value)
{
	if (r->mount->type != MOUNT_TMPFS)
		return wrong_type(r);
	return text_to_bytes(value, &r->mount->size_bytes) ? 0 : invalid(r, value);
}

static int read_digits(struct reading *r, const char *value, unsigned base)
{
	uint64_t number = 0;
	for (const char *p = value; *p && number <= UINT32_MAX; p++) {
		unsigned digit = (unsigned char)*p - '0';
		number = digit < base ? number * base + digit : UINT64_MAX;
	}
	if (!*value || number > UINT32_MAX)
		return error_set(r->err, 0, "invalid value %s for %s", value, r->row->name);
	*(int64_t *)member(r) = (int64_t)number;
	return 0;
}

static int read_octal(struct reading *r, const char *value)
{
	return read_digits(r, value, 8);
}

static int read_decimal(struct reading *r, const char *value)
{
	return read_digits(r, value, 10);
}

static const struct key_row keys[] = {
	{ "type", true, read_type, 0 },
	{ "from", true, read_text, offsetof(struct run_mount, from) },
	{ "source", true, read_text, offsetof(struct run_mount, source) },
	{ "src", true, read_text, offsetof(struct run_mount, source) },
	{ "target", true, read_text, offsetof(struct run_mount, target) },
	{ "dst", true, read_text, offsetof(struct run_mount, target) },
	{ "destination", true, read_text, offsetof(struct run_mount, target) },
	{ "readonly", false, read_only, 0 },
	{ "ro", false, read_only, 0 },
	{ "readwrite", false, read_write, 0 },
	{ "rw", false, read_write, 0 },
	{ "required", false, read_required, 0 },
	{ "size", true, read_size, 0 },
	{ "id", true, read_text, offsetof(struct run_mount, id) },
	{ "sharing", true, read_sharing, 0 },
	{ "mode", true, read_octal, offsetof(struct run_mount, mode) },
	{ "uid", true, read_decimal, offsetof(struct run_mount, uid) },
	{ "gid", true, read_decimal, offsetof(struct run_mount, gid) },
	{ "env", true, read_env, 0 },
};
enum { KEY_COUNT = sizeof(keys) / sizeof(*keys) };

static const struct key_row *find_key(const char *name)
{
	for (int i = 0; i < KEY_COUNT; i++)
		if (strcmp(keys[i].name, name) == 0)
			return &keys[i];
	return NULL;
}

static int unknown_key(const char *name, const char *field, bool has_value, struct error *err)
{
	const char *names[KEY_COUNT + 1] = { NULL };
	for (int i = 0; i < KEY_COUNT; i++)
		names[i] = keys[i].name;
	if (!has_value)
		return error_set(err, 0, "invalid field '%s' must be a key=value pair", field);
	CLEANUP_TALLOC void *scratch = mem_new(NULL, char);
	const char *meant = words_suggest(scratch, name, names, true);
	if (meant)
		return error_set(err, 0, "unexpected key '%s' in '%s' (did you mean %s?)", name, field, meant);
	return error_set(err, 0, "unexpected key '%s' in '%s'", name, field);
}

static int read_field(struct reading *r, const char *field, const struct expansion *e)
{
	const char *equals = strchr(field, '=');
	CLEANUP_TALLOC char *name = mem_strndup(NULL, field, equals ? (size_t)(equals - field) : strlen(field));
	for (char *p = name; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	r->row = find_key(name);
	if (!r->row || (!equals && r->row->needs_value))
		return unknown_key(name, field, equals != NULL, r->err);
	if (!equals)
		return r->row->read(r, NULL);
	char *value;
	if (expand_word(name, e, equals + 1, &value, r->err) < 0)
		return -1;
	return r->row->read(r, value);
}

/* What other stages a stage needs is known before anything has a value. */
static int check_from(const char *field, struct error *err)
{
	const char *variable = strchr(field, '$');
	if (strncasecmp(field, "from=", strlen("from=")) == 0 && variable && variable[1])
		return error_set(err, 0, "'from' doesn't support variable expansion, define alias stage instead");
	return 0;
}

/* "/", "//.", "/a/..": nothing can be mounted there. */
static bool is_root(const char *target)
{
	CLEANUP_TALLOC char *path = mem_strdup(NULL, target);
	if (*target != '/')
		return false;
	text_clean_path(path);
	return strcmp(path, "/") == 0;
}

/* What several keys say together. */
static int check(const struct reading *r)
{
	const struct run_mount *m = r->mount;
	if (m->type == MOUNT_BIND || m->type == MOUNT_TMPFS) {
		const char *key = m->mode >= 0 ? "mode" : m->uid >= 0 ? "uid" : m->gid >= 0 ? "gid" : NULL;
		if (key)
			return error_set(r->err, 0, "%s not allowed for \"%s\" type mounts", key, types[m->type]);
	}
	if (m->type == MOUNT_SECRET) {
		if (m->from)
			return error_set(r->err, 0, "secret mount should not have a from");
		if (r->says_sharing)
			return error_set(r->err, 0, "secret mount should not define sharing");
		if (!m->source && !m->target && !m->id)
			return error_set(r->err, 0, "invalid secret mount. one of source, target required");
		if (m->source && m->id)
			return error_set(r->err, 0, "both source and id can't be set");
	}
	if (r->says_sharing && m->type != MOUNT_CACHE)
		return error_set(r->err, 0, "invalid cache sharing set for %s mount", types[m->type]);
	if (m->target && is_root(m->target) && m->type != MOUNT_SECRET && m->type != MOUNT_SSH)
		return error_set(r->err, 0, "invalid mount target \"/\"");
	return 0;
}

int mount_read(const void *ctx, const char *text, const struct expansion *e, bool is_early, struct run_mount *ret,
	       struct error *err)
{
	CLEANUP_TALLOC void *scratch = mem_new(NULL, char);
	struct strlist *fields;
	struct run_mount mount = { .type = MOUNT_BIND, .mode = -1, .uid = -1, .gid = -1 };
	struct reading r = { .ctx = ctx, .mount = &mount, .err = err };
	bool is_deferred = false;
	if (words_csv(scratch, text, &fields, err) < 0)
		return error_wrap(err, "--mount=%s", text);
	for (size_t i = 0; i < fields->count; i++) {
		const char *field = fields->items[i];
		/* Behind a value that is not known yet nothing is: it may be the type. */
		is_deferred |= is_early && strchr(field, '$');
		bool is_from = strncasecmp(field, "from=", strlen("from=")) == 0;
		if ((is_early && check_from(field, err) < 0) ||
		    ((!is_deferred || is_from) && read_field(&r, field, e) < 0))
			return error_wrap(err, "--mount=%s", text);
	}
	if (!is_deferred && check(&r) < 0)
		return error_wrap(err, "--mount=%s", text);
	if (!r.says_access)
		mount.is_read_only = mount.type != MOUNT_CACHE && mount.type != MOUNT_TMPFS;
	mount.text = mem_strdup(ctx, text);
	*ret = mount;
	return 0;
}
