/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the extended attribute calls.  The attributes that the guest sets live in the metadata table, so
 * that they work on every host file system and never touch a shared file, except those that the file itself is
 * given (through.h); user.* of host files that are bound in are shown as they are.
 */
#include <errno.h>
#include <string.h>
#include <sys/xattr.h>

#include "tracer/base/mem.h"
#include "tracer/core/acl.h"
#include "tracer/hooks.h"
#include "tracer/memory.h"
#include "tracer/share.h"
#include "tracer/through.h"

enum { NAME_ROOM = 256, VALUE_MAX = 65536, LIST_MAX = 65536 };

/* setxattrat and its kin have their flags before the name. */
static bool is_at(const struct call *c)
{
	return c->row->path[0].flags;
}

static unsigned after_path(const struct call *c)
{
	const struct path_argument *p = &c->row->path[0];
	return p->flags ? p->flags : p->path ? p->path : p->dir_fd;
}

/* With AT_EMPTY_PATH these calls want an open file, unlike others. */
static bool is_unopened(const struct call *c)
{
	return is_at(c) && !c->text[0][0] && path_is_unopened(&c->object[0]);
}

/* The value's place, its size, the flags: arguments of their own, or "at" a structure. */
struct value {
	taddr at;
	size_t size;
	int flags;
};

static int read_value(const struct call *c, struct value *ret)
{
	unsigned at = after_path(c);
	struct {
		uint64_t value;
		uint32_t size, flags;
	} args; /* struct xattr_args, include/uapi/linux/xattr.h */
	if (!is_at(c)) {
		*ret = (struct value){ c->argument[at + 1], c->argument[at + 2], call_int(c, at + 3) };
		return 0;
	}
	if (c->argument[5] != sizeof(args))
		return c->argument[5] < sizeof(args) ? -EINVAL : -E2BIG;
	if (memory_read(c->t, c->argument[4], &args, sizeof(args)) < 0)
		return -EFAULT;
	*ret = (struct value){ args.value, args.size, args.flags };
	return 0;
}

static int read_name(const struct call *c, char name[NAME_ROOM])
{
	int r = memory_read_string(c->t, c->argument[after_path(c)], name, NAME_ROOM);
	if (r == -ENAMETOOLONG || (r == 0 && !*name))
		return -ERANGE;
	return r;
}

static int read_value_and_name(const struct call *c, struct value *ret, char name[NAME_ROOM])
{
	int r = read_value(c, ret);
	if (r == 0)
		r = read_name(c, name);
	return r == 0 && is_unopened(c) ? -EBADF : r;
}

static bool starts(const char *name, const char *prefix)
{
	return strncmp(name, prefix, strlen(prefix)) == 0;
}

static bool is_acl(const char *name)
{
	return strcmp(name, "system.posix_acl_access") == 0 || strcmp(name, "system.posix_acl_default") == 0;
}

/* xattr_resolve_name of fs/xattr.c: is there somebody who keeps such attributes?  0, -EINVAL, -EOPNOTSUPP. */
static int find_keeper(const char *name)
{
	static const char *const prefixes[] = { "user.", "trusted.", "security." };
	for (size_t i = 0; i < sizeof(prefixes) / sizeof(*prefixes); i++)
		if (starts(name, prefixes[i]))
			return name[strlen(prefixes[i])] ? 0 : -EINVAL;
	return -EOPNOTSUPP;
}

/* xattr_permission of the same. */
static int may_use_namespace(struct call *c, const char *name, bool is_write)
{
	struct object *o = &c->object[0];
	if (starts(name, "security.") || starts(name, "system."))
		return 0;
	if (starts(name, "trusted."))
		return cred_has(&c->t->cred, CAPABILITY_SYS_ADMIN) ? 0 : is_write ? -EPERM : -ENODATA;
	if (starts(name, "user.")) {
		struct meta_entry entry;
		meta_get_or_default(session.meta, &o->real, &entry);
		if (!S_ISREG(entry.mode) && !S_ISDIR(entry.mode))
			return is_write ? -EPERM : -ENODATA;
		if (is_write && S_ISDIR(entry.mode) && (entry.mode & S_ISVTX) && path_must_own(c->t, o) < 0)
			return -EPERM;
	}
	return path_permission(c->t, o, is_write ? CRED_WRITE : CRED_READ);
}

static int may_use(struct call *c, const char *name, bool is_write, bool is_empty)
{
	int r = may_use_namespace(c, name, is_write);
	if (r < 0)
		return r;
	/*
	 * cap_inode_setxattr and cap_inode_removexattr of security/commoncap.c; that capabilities are empty nobody
	 * asks about.
	 */
	if (is_write && starts(name, "security.") && !(is_empty && strcmp(name, "security.capability") == 0)) {
		bool is_capability = strcmp(name, "security.capability") == 0;
		struct stat st;
		path_shown(c->t, &c->object[0], &st);
		bool may = is_capability ? cred_has_over(&c->t->cred, st.st_uid, st.st_gid, CAPABILITY_SETFCAP) :
					   cred_has(&c->t->cred, CAPABILITY_SYS_ADMIN);
		if (!may)
			return -EPERM;
	}
	return find_keeper(name);
}

static bool is_read_only(const struct object *o)
{
	return (o->mount->flags & BINDING_READ_ONLY) && !o->is_fd;
}

/* The attribute of the object, the table's or the host's. */
static ssize_t get_of(const struct object *o, const struct meta_entry *entry, const char *name, void *value, size_t size)
{
	return through_xattr_get(path_short(o->host), o->is_fd, entry, name, value, size);
}

int check_xattr_name(const struct call *c)
{
	char name[NAME_ROOM] = "";
	return read_name(c, name);
}

int check_getxattrat(const struct call *c)
{
	struct value v;
	int r = read_value(c, &v);
	return r < 0 ? r : v.flags ? -EINVAL : check_xattr_name(c);
}

int check_setxattr(const struct call *c)
{
	struct value v;
	char name[NAME_ROOM] = "";
	int r = read_value(c, &v);
	if (r == 0 && (v.flags & ~(XATTR_CREATE | XATTR_REPLACE)))
		r = -EINVAL;
	if (r == 0)
		r = read_name(c, name);
	return r == 0 && v.size > VALUE_MAX ? -E2BIG : r;
}

/* include/uapi/linux/capability.h */
enum { CAPS_REVISION = ~1, CAPS_V2 = 0x02000000, CAPS_V3 = 0x03000000, CAPS_V2_BYTES = 20, CAPS_V3_BYTES = 24 };

/* validheader of security/commoncap.c */
static bool are_capabilities(const char *value, size_t size)
{
	uint32_t revision;
	if (size < sizeof(revision))
		return false;
	memcpy(&revision, value, sizeof(revision));
	revision &= CAPS_REVISION;
	return (size == CAPS_V2_BYTES && revision == CAPS_V2) || (size == CAPS_V3_BYTES && revision == CAPS_V3);
}

/* cap_inode_getsecurity: capabilities of the root that one is, or of one above, are read as version 2. */
static ssize_t show_capabilities(const struct user_namespace *users, char *value, ssize_t size)
{
	uint32_t words[6] = { 0 };
	if (size >= 0 && !are_capabilities(value, size))
		return -EINVAL;
	if (size < 0)
		return size;
	memcpy(words, value, size);
	const uint32_t root = words[5], shown = id_in(users, ID_USER, root);
	bool is_above = root == 0;
	for (; users && !is_above; users = users->parent)
		is_above = id_in(users, ID_USER, root) == 0;
	if (!is_above && (shown == ID_NONE || shown == 0))
		return -EOVERFLOW;
	const bool is_named = shown != ID_NONE && shown != 0;
	words[0] = (is_named ? CAPS_V3 : CAPS_V2) | (words[0] & 1);
	words[5] = shown;
	memcpy(value, words, sizeof(words));
	return is_named ? CAPS_V3_BYTES : CAPS_V2_BYTES;
}

/*
 * cap_convert_nscap: what is given in a namespace is its root's.  The size of what is to be stored, into `value` with room for
 * version 3; -EINVAL when it is nobody's.
 */
static ssize_t name_capabilities(const struct cred *c, char *value, size_t size)
{
	uint32_t words[6] = { 0 };
	if (!c->users || !size)
		return size;
	memcpy(words, value, size);
	words[5] = id_of(c->users, ID_USER, words[5]);
	if (words[5] == ID_NONE)
		return -EINVAL;
	words[0] = CAPS_V3 | (words[0] & 1);
	memcpy(value, words, sizeof(words));
	return CAPS_V3_BYTES;
}

/* The attribute's value, of which there is room for VALUE_MAX. */
static ssize_t get_value(struct call *c, const char *name, char *value)
{
	const struct object *o = &c->object[0];
	struct meta_entry entry;
	meta_get_or_default(session.meta, &o->real, &entry);
	ssize_t n = get_of(o, &entry, name, value, VALUE_MAX);
	return strcmp(name, "security.capability") == 0 ? show_capabilities(c->t->cred.users, value, n) : n;
}

int64_t hook_getxattr(struct call *c)
{
	char name[NAME_ROOM] = "";
	struct value v;
	int r = read_value_and_name(c, &v, name);
	if (r == 0 && is_acl(name))
		r = S_ISLNK(c->object[0].real.st_mode) ? -EOPNOTSUPP : 0;
	else if (r == 0)
		r = may_use(c, name, false, false);
	if (r < 0)
		return r;
	CLEANUP_TALLOC char *value = mem_array(NULL, char, VALUE_MAX);
	ssize_t n = get_value(c, name, value);
	if (n > 0 && is_acl(name))
		acl_shown(value, n, c->t->cred.users);
	if (n < 0 || v.size == 0)
		return n;
	if ((size_t)n > v.size)
		return -ERANGE;
	r = memory_write(c->t, v.at, value, n);
	return r < 0 ? r : n;
}

/* Nothing is changed, not even ctime, by a value that is there already (ext4_xattr_value_same). */
static bool has_value(const struct object *o, const struct meta_entry *entry, const char *name, const char *value,
		      size_t size)
{
	CLEANUP_TALLOC char *now = mem_array(NULL, char, VALUE_MAX);
	ssize_t n = get_of(o, entry, name, now, VALUE_MAX);
	return n >= 0 && (size_t)n == size && memcmp(now, value, size) == 0;
}

/* set_posix_acl of fs/posix_acl.c; a size of 0 removes the list.  XATTR_CREATE and _REPLACE mean nothing here. */
static int set_acl(struct call *c, const char *name, char *acl, size_t size)
{
	struct object *o = &c->object[0];
	bool is_default = strcmp(name, "system.posix_acl_default") == 0, is_gone = true;
	int r = size ? acl_parse(acl, size, &is_gone) : 0;
	if (r == 0 && size && !acl_named(acl, size, c->t->cred.users))
		r = -EINVAL;
	if (r < 0)
		return r;
	if (S_ISLNK(o->real.st_mode))
		return -EOPNOTSUPP;
	struct meta_entry entry;
	meta_get_or_default(session.meta, &o->real, &entry);
	if (is_default && !S_ISDIR(entry.mode))
		return is_gone ? 0 : -EACCES;
	r = path_must_own(c->t, o);
	if (r < 0)
		return r;
	if (!is_gone && !acl_is_valid(acl, size))
		return -EINVAL;
	uint32_t mode = entry.mode;
	/* posix_acl_update_mode: a list that says no more than a mode becomes the mode. */
	if (!is_gone && !is_default) {
		is_gone = acl_to_mode(acl, size, &entry.mode);
		if (!cred_in_group(&c->t->cred, entry.gid) &&
		    !cred_has_over(&c->t->cred, entry.uid, entry.gid, CAPABILITY_FSETID))
			entry.mode &= ~(uint32_t)S_ISGID;
	}
	if (!is_gone && entry.mode == mode && has_value(o, &entry, name, acl, size))
		return 0;
	if (is_gone)
		r = through_xattr_remove(o, &entry, name);
	else
		r = meta_xattr_set(session.meta, &entry, name, acl, size, 0);
	if (is_gone && r == -ENODATA && entry.mode == mode)
		return 0;
	if (r < 0 && !(is_gone && r == -ENODATA))
		return r;
	if (!is_default)
		return share_set_mode(c->t, o, &entry);
	share_store(o, &entry);
	share_touch(o);
	/* What is made in it inherits. */
	meta_count_directory(session.meta);
	path_forget(o);
	return 0;
}

int64_t hook_setxattr(struct call *c)
{
	struct object *o = &c->object[0];
	char name[NAME_ROOM] = "";
	struct value v;
	int r = read_value_and_name(c, &v, name);
	if (r < 0)
		return r;
	size_t size = v.size;
	CLEANUP_TALLOC char *value = mem_array(NULL, char, size + CAPS_V3_BYTES);
	r = memory_read(c->t, v.at, value, size);
	if (r < 0)
		return r;
	if (is_read_only(o))
		return -EROFS;
	if (path_flags(&o->real))
		return -EPERM;
	if (is_acl(name))
		return set_acl(c, name, value, size);
	bool is_capability = strcmp(name, "security.capability") == 0;
	if (is_capability && size && !are_capabilities(value, size))
		return -EINVAL;
	r = may_use(c, name, true, v.size == 0);
	ssize_t stored = r == 0 && is_capability ? name_capabilities(&c->t->cred, value, size) : (ssize_t)size;
	if (r < 0 || stored < 0)
		return r < 0 ? r : stored;
	size = stored;
	struct meta_entry entry;
	meta_get_or_default(session.meta, &o->real, &entry);
	bool is_there = get_of(o, &entry, name, NULL, 0) >= 0;
	if (is_there && (v.flags & XATTR_CREATE))
		return -EEXIST;
	if (!is_there && (v.flags & XATTR_REPLACE))
		return -ENODATA;
	if (is_there && has_value(o, &entry, name, value, size))
		return 0;
	r = meta_xattr_set(session.meta, &entry, name, value, size, 0);
	if (r < 0)
		return r;
	/* A write takes capabilities: the file gets its mark with its mode. */
	if (is_capability && S_ISREG(o->real.st_mode))
		return share_set_mode(c->t, o, &entry);
	share_store(o, &entry);
	share_touch(o);
	return 0;
}

/* listxattr(2): trusted.* is for CAP_SYS_ADMIN only. */
static bool is_unlisted(const struct tracee *t, const char *name)
{
	return starts(name, "trusted.") && !cred_has(&t->cred, CAPABILITY_SYS_ADMIN);
}

int64_t hook_listxattr(struct call *c)
{
	unsigned at = after_path(c);
	size_t size = c->argument[at + 1], used = 0;
	const struct object *o = &c->object[0];
	if (is_unopened(c))
		return -EBADF;
	CLEANUP_TALLOC char *names = mem_array(NULL, char, 2 * LIST_MAX);
	CLEANUP_TALLOC char *host_names = mem_array(NULL, char, LIST_MAX);
	struct meta_entry entry;
	meta_get_or_default(session.meta, &o->real, &entry);
	if (entry.xattr) {
		ssize_t n = meta_xattr_list(session.meta, &entry, names, LIST_MAX);
		if (n < 0)
			return n;
		size_t length;
		for (ssize_t i = 0; i < n; i += length) {
			length = strlen(names + i) + 1;
			if (is_unlisted(c->t, names + i))
				continue;
			memmove(names + used, names + i, length);
			used += length;
		}
	}
	const char *host = path_short(o->host);
	ssize_t n = o->is_fd ? listxattr(host, host_names, LIST_MAX) : llistxattr(host, host_names, LIST_MAX);
	for (ssize_t i = 0; i < n; i += strlen(host_names + i) + 1) {
		size_t length = strlen(host_names + i) + 1;
		bool is_known = through_hides(host_names + i) || is_unlisted(c->t, host_names + i);
		for (size_t j = 0; j < used && !is_known; j += strlen(names + j) + 1)
			is_known = strcmp(names + j, host_names + i) == 0;
		if (is_known || used + length > 2 * LIST_MAX)
			continue;
		memcpy(names + used, host_names + i, length);
		used += length;
	}
	if (size == 0)
		return used;
	if (used > size)
		return -ERANGE;
	int r = memory_write(c->t, c->argument[at], names, used);
	return r < 0 ? r : (int64_t)used;
}

int64_t hook_removexattr(struct call *c)
{
	struct object *o = &c->object[0];
	char name[NAME_ROOM] = "";
	int r = read_name(c, name);
	if (r == 0 && is_unopened(c))
		r = -EBADF;
	if (r < 0)
		return r;
	if (is_read_only(o))
		return -EROFS;
	if (path_flags(&o->real))
		return -EPERM;
	if (is_acl(name))
		return set_acl(c, name, NULL, 0);
	r = may_use(c, name, true, false);
	if (r < 0)
		return r;
	struct meta_entry entry;
	meta_get_or_default(session.meta, &o->real, &entry);
	r = through_xattr_remove(o, &entry, name);
	if (r < 0)
		return r;
	share_store(o, &entry);
	share_touch(o);
	return 0;
}
