/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the options of mounts (config.md, "Linux mount options") and what follows from them for type and source. */
#include "compat/runc/spec_mount.h"

#include <string.h>
#include <sys/mount.h>

#include "compat/runc/spec.h"
#include "compat/runc/spec_names.h"

/* linux/mount.h; younger than the C library's header. */
enum { NOSYMFOLLOW = 256, LAZYTIME = 1 << 25 };

enum option_effect { SETS, CLEARS, SETS_BELOW, CLEARS_BELOW, PROPAGATES, COPIES_UP, NEEDS_IDMAP };

static const struct {
	const char *name;
	enum option_effect effect;
	unsigned long flags; /* MS_* */
} options[] = {
	{ "async", CLEARS, MS_SYNCHRONOUS },
	{ "atime", CLEARS, MS_NOATIME },
	{ "bind", SETS, MS_BIND },
	{ "defaults", SETS, 0 },
	{ "dev", CLEARS, MS_NODEV },
	{ "diratime", CLEARS, MS_NODIRATIME },
	{ "dirsync", SETS, MS_DIRSYNC },
	{ "exec", CLEARS, MS_NOEXEC },
	{ "idmap", NEEDS_IDMAP, 0 },
	{ "iversion", SETS, MS_I_VERSION },
	{ "lazytime", SETS, LAZYTIME },
	{ "loud", CLEARS, MS_SILENT },
	{ "mand", SETS, MS_MANDLOCK },
	{ "noatime", SETS, MS_NOATIME },
	{ "nodev", SETS, MS_NODEV },
	{ "nodiratime", SETS, MS_NODIRATIME },
	{ "noexec", SETS, MS_NOEXEC },
	{ "noiversion", CLEARS, MS_I_VERSION },
	{ "nolazytime", CLEARS, LAZYTIME },
	{ "nomand", CLEARS, MS_MANDLOCK },
	{ "norelatime", CLEARS, MS_RELATIME },
	{ "nostrictatime", CLEARS, MS_STRICTATIME },
	{ "nosuid", SETS, MS_NOSUID },
	{ "nosymfollow", SETS, NOSYMFOLLOW },
	{ "private", PROPAGATES, 0 },
	{ "ratime", CLEARS_BELOW, MS_NOATIME },
	{ "rbind", SETS, MS_BIND | MS_REC },
	{ "rdev", CLEARS_BELOW, MS_NODEV },
	{ "rdiratime", CLEARS_BELOW, MS_NODIRATIME },
	{ "relatime", SETS, MS_RELATIME },
	{ "remount", SETS, MS_REMOUNT },
	{ "rexec", CLEARS_BELOW, MS_NOEXEC },
	{ "ridmap", NEEDS_IDMAP, 0 },
	{ "rnoatime", SETS_BELOW, MS_NOATIME },
	{ "rnodev", SETS_BELOW, MS_NODEV },
	{ "rnodiratime", SETS_BELOW, MS_NODIRATIME },
	{ "rnoexec", SETS_BELOW, MS_NOEXEC },
	{ "rnorelatime", CLEARS_BELOW, MS_RELATIME },
	{ "rnostrictatime", CLEARS_BELOW, MS_STRICTATIME },
	{ "rnosuid", SETS_BELOW, MS_NOSUID },
	{ "rnosymfollow", SETS_BELOW, NOSYMFOLLOW },
	{ "ro", SETS, MS_RDONLY },
	{ "rprivate", PROPAGATES, 0 },
	{ "rrelatime", SETS_BELOW, MS_RELATIME },
	{ "rro", SETS_BELOW, MS_RDONLY },
	{ "rrw", CLEARS_BELOW, MS_RDONLY },
	{ "rshared", PROPAGATES, 0 },
	{ "rslave", PROPAGATES, 0 },
	{ "rstrictatime", SETS_BELOW, MS_STRICTATIME },
	{ "rsuid", CLEARS_BELOW, MS_NOSUID },
	{ "rsymfollow", CLEARS_BELOW, NOSYMFOLLOW },
	{ "runbindable", PROPAGATES, 0 },
	{ "rw", CLEARS, MS_RDONLY },
	{ "shared", PROPAGATES, 0 },
	{ "silent", SETS, MS_SILENT },
	{ "slave", PROPAGATES, 0 },
	{ "strictatime", SETS, MS_STRICTATIME },
	{ "suid", CLEARS, MS_NOSUID },
	{ "symfollow", CLEARS, NOSYMFOLLOW },
	{ "sync", SETS, MS_SYNCHRONOUS },
	{ "tmpcopyup", COPIES_UP, 0 },
	{ "unbindable", PROPAGATES, 0 },
};
enum { OPTIONS = sizeof(options) / sizeof(*options) };

struct strlist *spec_mount_options(const void *ctx)
{
	struct strlist *list = strlist_new(ctx);
	for (size_t i = 0; i < OPTIONS; i++)
		if (options[i].effect != NEEDS_IDMAP)
			strlist_add(list, options[i].name);
	return list;
}

static int apply_option(struct member_reader *r, struct spec_mount *m, const char *name)
{
	size_t i = 0;
	while (i < OPTIONS && strcmp(options[i].name, name) != 0)
		i++;
	unsigned long flags = i < OPTIONS ? options[i].flags : 0;
	if (i == OPTIONS) {
		/* What is unknown is the file system's, as of mount(8). */
		m->data = mem_printf(r->ctx, "%s%s%s", m->data, m->data[0] ? "," : "", name);
		return 0;
	}
	switch (options[i].effect) {
	case SETS:
		m->flags |= flags;
		break;
	case CLEARS:
		m->flags &= ~flags;
		break;
	case SETS_BELOW:
		m->recursive_flags |= flags;
		m->recursive_cleared &= ~flags;
		break;
	case CLEARS_BELOW:
		m->recursive_cleared |= flags;
		m->recursive_flags &= ~flags;
		break;
	case PROPAGATES:
		m->propagation = (unsigned long)spec_propagation(name);
		break;
	case COPIES_UP:
		m->copies_up = true;
		break;
	case NEEDS_IDMAP:
		return members_fail(r, NULL, "has '%s', which cannot be had: it needs user namespaces", name);
	}
	return 0;
}

static int read_options(struct member_reader *r, struct json *value, void *to)
{
	struct spec_mount *m = to;
	m->data = "";
	if (!json_holds_array(value))
		return members_fail(r, NULL, "is not an array of strings");
	for (unsigned i = 0; i < json_length(value); i++) {
		CLEANUP_TALLOC struct json *item = json_at(value, i);
		if (!json_holds_string(item))
			return members_fail(r, NULL, "is not an array of strings");
		if (apply_option(r, m, json_text(item)) < 0)
			return -1;
	}
	return 0;
}

static int check_mount(struct member_reader *r, struct json *object, void *to)
{
	struct spec_mount *m = to;
	(void)object;
	if (!m->data)
		m->data = "";
	if (!m->destination[0])
		return members_fail(r, "destination", "is empty");
	/* "Relative paths are deprecated", and "MUST be interpreted as relative to /". */
	if (m->destination[0] != '/') {
		m->destination = mem_printf(r->ctx, "/%s", m->destination);
		members_warn(r, "has a relative destination, taken for '%s'", m->destination);
	}
	if (m->type && strcmp(m->type, "bind") == 0)
		m->flags |= MS_BIND;
	if (!(m->flags & MS_BIND)) {
		if (!(m->flags & MS_REMOUNT) && (!m->type || !m->type[0]))
			return members_fail(r, "type", "is missing");
		return 0;
	}
	m->type = "bind";
	if (!m->source || !m->source[0])
		return members_fail(r, "source", "is missing, which a bind mount needs");
	if (m->source[0] != '/')
		m->source = mem_printf(r->ctx, "%s/%s", r->bundle, m->source);
	return 0;
}

static const struct member_row mount_rows[] = {
	{ .name = "destination", .kind = MEMBER_TEXT, .offset = offsetof(struct spec_mount, destination), .is_required = true },
	{ .name = "type", .kind = MEMBER_TEXT, .offset = offsetof(struct spec_mount, type) },
	{ .name = "source", .kind = MEMBER_TEXT, .offset = offsetof(struct spec_mount, source) },
	{ .name = "options", .kind = MEMBER_HOOK, .hook = read_options },
	{ .name = "uidMappings", .kind = MEMBER_REFUSED, .why = "it needs user namespaces" },
	{ .name = "gidMappings", .kind = MEMBER_REFUSED, .why = "it needs user namespaces" },
	{ .name = NULL },
};
const struct member_shape spec_mount_shape = { mount_rows, sizeof(struct spec_mount), check_mount };
