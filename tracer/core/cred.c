/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the arithmetic of credentials; who holds them and what files say is the callers' matter. */
#include "tracer/core/cred.h"

#include "tracer/core/acl.h"

enum { ERR_PERM = 1, ERR_ACCES = 13, ERR_INVAL = 22 };
enum { TYPE_MASK = 0170000, TYPE_DIRECTORY = 0040000, BIT_SETUID = 04000, BIT_SETGID = 02000, BIT_GROUP_X = 0010 };
static const uint32_t leave = (uint32_t)CRED_UNCHANGED;

void cred_init(struct cred *c, uint32_t uid, uint32_t gid)
{
	*c = (struct cred){ .ruid = uid, .euid = uid, .suid = uid, .fsuid = uid,
			    .rgid = gid, .egid = gid, .sgid = gid, .fsgid = gid,
			    .bounding = CAPABILITY_ALL };
	if (uid == 0)
		c->permitted = c->effective = CAPABILITY_ALL;
}

bool cred_has_own(const struct cred *c, enum capability capability)
{
	return c->effective >> capability & 1;
}

bool cred_has(const struct cred *c, enum capability capability)
{
	return !c->users && cred_has_own(c, capability);
}

bool cred_has_toward(const struct cred *c, const struct user_namespace *users, enum capability capability)
{
	const unsigned own_level = c->users ? c->users->level : 0;
	for (; users != c->users; users = users->parent) {
		/* Only those that are below one's own; the owner of one has all capabilities in it. */
		if (!users || users->level <= own_level)
			return false;
		if (users->parent == c->users && users->owner == c->euid)
			return true;
	}
	return cred_has_own(c, capability);
}

bool cred_has_over(const struct cred *c, uint32_t uid, uint32_t gid, enum capability capability)
{
	return cred_has_own(c, capability) && id_in(c->users, ID_USER, uid) != ID_NONE && id_in(c->users, ID_GROUP, gid) != ID_NONE;
}

bool cred_owns(const struct cred *c, uint32_t uid)
{
	return c->fsuid == uid || (cred_has_own(c, CAPABILITY_FOWNER) && id_in(c->users, ID_USER, uid) != ID_NONE);
}

void cred_enter(struct cred *c, const struct user_namespace *users)
{
	c->securebits = 0;
	c->inheritable = c->ambient = 0;
	c->permitted = c->effective = c->bounding = CAPABILITY_ALL;
	c->users = users;
}

bool cred_in_group(const struct cred *c, uint32_t gid)
{
	if (c->fsgid == gid)
		return true;
	uint32_t from = 0, to = c->group_count;
	while (from < to) {
		uint32_t middle = from + (to - from) / 2;
		if (c->groups[middle] == gid)
			return true;
		if (c->groups[middle] < gid)
			from = middle + 1;
		else
			to = middle;
	}
	return false;
}

/* Who is root there; nobody, while the map is not written. */
static uint32_t root_of(const struct cred *c)
{
	return id_of(c->users, ID_USER, 0);
}

#define FILE_CAPS                                                                            \
	(UINT64_C(1) << CAPABILITY_CHOWN | UINT64_C(1) << CAPABILITY_DAC_OVERRIDE |           \
	 UINT64_C(1) << CAPABILITY_DAC_READ_SEARCH | UINT64_C(1) << CAPABILITY_FOWNER |       \
	 UINT64_C(1) << CAPABILITY_FSETID | UINT64_C(1) << CAPABILITY_MKNOD | UINT64_C(1) << 9 | \
	 UINT64_C(1) << 32)

/* capabilities(7), "Effect of user ID changes on capabilities", rules 1 to 3. */
static void fix_capabilities(struct cred *c, const struct cred *old)
{
	if (c->securebits & SECURE_NO_SETUID_FIXUP)
		return;
	const uint32_t root = root_of(c);
	bool had_root = old->ruid == root || old->euid == root || old->suid == root;
	bool has_root = c->ruid == root || c->euid == root || c->suid == root;
	if (had_root && !has_root) {
		if (!(c->securebits & SECURE_KEEP_CAPS))
			c->permitted = c->effective = 0;
		c->ambient = 0;
	}
	if (old->euid == root && c->euid != root)
		c->effective = 0;
	if (old->euid != root && c->euid == root)
		c->effective = c->permitted;
}

/* Rule 4: fsuid. */
static void fix_file_capabilities(struct cred *c, uint32_t old_fsuid)
{
	if (c->securebits & SECURE_NO_SETUID_FIXUP)
		return;
	const uint32_t root = root_of(c);
	if (old_fsuid == root && c->fsuid != root)
		c->effective &= ~FILE_CAPS;
	if (old_fsuid != root && c->fsuid == root)
		c->effective |= c->permitted & FILE_CAPS;
}

int cred_setuid(struct cred *c, uint32_t uid)
{
	struct cred old = *c;
	if (uid == leave)
		return -ERR_INVAL;
	if (cred_has_own(c, CAPABILITY_SETUID))
		c->ruid = c->suid = uid;
	else if (uid != c->ruid && uid != c->suid)
		return -ERR_PERM;
	c->euid = c->fsuid = uid;
	fix_capabilities(c, &old);
	return 0;
}

int cred_setgid(struct cred *c, uint32_t gid)
{
	if (gid == leave)
		return -ERR_INVAL;
	if (cred_has_own(c, CAPABILITY_SETGID))
		c->rgid = c->sgid = gid;
	else if (gid != c->rgid && gid != c->sgid)
		return -ERR_PERM;
	c->egid = c->fsgid = gid;
	return 0;
}

static bool is_one_of(uint32_t id, uint32_t a, uint32_t b, uint32_t d)
{
	return id == leave || id == a || id == b || id == d;
}

static bool is_kept(uint32_t id, uint32_t now)
{
	return id == leave || id == now;
}

int cred_setresuid(struct cred *c, uint32_t ruid, uint32_t euid, uint32_t suid)
{
	struct cred old = *c;
	if (!cred_has_own(c, CAPABILITY_SETUID) &&
	    (!is_one_of(ruid, c->ruid, c->euid, c->suid) || !is_one_of(euid, c->ruid, c->euid, c->suid) ||
	     !is_one_of(suid, c->ruid, c->euid, c->suid)))
		return -ERR_PERM;
	/* "check for no-op": the file system's id stays what it is. */
	if (is_kept(ruid, c->ruid) && (euid == leave || (euid == c->euid && euid == c->fsuid)) && is_kept(suid, c->suid))
		return 0;
	if (ruid != leave)
		c->ruid = ruid;
	if (euid != leave)
		c->euid = euid;
	if (suid != leave)
		c->suid = suid;
	c->fsuid = c->euid;
	fix_capabilities(c, &old);
	return 0;
}

int cred_setresgid(struct cred *c, uint32_t rgid, uint32_t egid, uint32_t sgid)
{
	if (!cred_has_own(c, CAPABILITY_SETGID) &&
	    (!is_one_of(rgid, c->rgid, c->egid, c->sgid) || !is_one_of(egid, c->rgid, c->egid, c->sgid) ||
	     !is_one_of(sgid, c->rgid, c->egid, c->sgid)))
		return -ERR_PERM;
	if (is_kept(rgid, c->rgid) && (egid == leave || (egid == c->egid && egid == c->fsgid)) && is_kept(sgid, c->sgid))
		return 0;
	if (rgid != leave)
		c->rgid = rgid;
	if (egid != leave)
		c->egid = egid;
	if (sgid != leave)
		c->sgid = sgid;
	c->fsgid = c->egid;
	return 0;
}

int cred_setreuid(struct cred *c, uint32_t ruid, uint32_t euid)
{
	struct cred old = *c;
	if (!cred_has_own(c, CAPABILITY_SETUID) &&
	    (!is_one_of(ruid, c->ruid, c->euid, c->euid) || !is_one_of(euid, c->ruid, c->euid, c->suid)))
		return -ERR_PERM;
	/* setreuid(2): the saved id follows when the real one is set or the effective one becomes another. */
	bool follows = ruid != leave || (euid != leave && euid != old.ruid);
	if (ruid != leave)
		c->ruid = ruid;
	if (euid != leave)
		c->euid = euid;
	if (follows)
		c->suid = c->euid;
	c->fsuid = c->euid;
	fix_capabilities(c, &old);
	return 0;
}

int cred_setregid(struct cred *c, uint32_t rgid, uint32_t egid)
{
	uint32_t old_rgid = c->rgid;
	if (!cred_has_own(c, CAPABILITY_SETGID) &&
	    (!is_one_of(rgid, c->rgid, c->egid, c->egid) || !is_one_of(egid, c->rgid, c->egid, c->sgid)))
		return -ERR_PERM;
	bool follows = rgid != leave || (egid != leave && egid != old_rgid);
	if (rgid != leave)
		c->rgid = rgid;
	if (egid != leave)
		c->egid = egid;
	if (follows)
		c->sgid = c->egid;
	c->fsgid = c->egid;
	return 0;
}

uint32_t cred_setfsuid(struct cred *c, uint32_t uid)
{
	uint32_t old = c->fsuid;
	if (uid != leave && (cred_has_own(c, CAPABILITY_SETUID) || uid == c->ruid || uid == c->euid ||
			     uid == c->suid || uid == c->fsuid)) {
		c->fsuid = uid;
		fix_file_capabilities(c, old);
	}
	return old;
}

uint32_t cred_setfsgid(struct cred *c, uint32_t gid)
{
	uint32_t old = c->fsgid;
	if (gid != leave && (cred_has_own(c, CAPABILITY_SETGID) || gid == c->rgid || gid == c->egid ||
			     gid == c->sgid || gid == c->fsgid))
		c->fsgid = gid;
	return old;
}

int cred_capset(struct cred *c, uint64_t effective, uint64_t permitted, uint64_t inheritable)
{
	/* capset(2) by security/commoncap.c: cap_capset. */
	uint64_t inheritable_limit = c->inheritable | c->permitted;
	if (!cred_has_own(c, CAPABILITY_SETPCAP) && (inheritable & ~inheritable_limit))
		return -ERR_PERM;
	if (inheritable & ~(c->inheritable | c->bounding))
		return -ERR_PERM;
	if (permitted & ~c->permitted)
		return -ERR_PERM;
	if (effective & ~permitted)
		return -ERR_PERM;
	c->effective = effective;
	c->permitted = permitted;
	c->inheritable = inheritable;
	c->ambient &= permitted & inheritable;
	return 0;
}

int cred_set_securebits(struct cred *c, uint64_t bits)
{
	/* cap_task_prctl of security/commoncap.c; each bit's lock is the next; bits 8 and 10 (6.14) bind nobody here. */
	enum { UNPRIVILEGED = 0x500 | 0xa00 };
	uint64_t changed = c->securebits ^ bits;
	if (((c->securebits & SECURE_LOCKS) >> 1 & changed) || (c->securebits & SECURE_LOCKS & ~bits) ||
	    (bits & ~(uint64_t)(SECURE_LOCKS | SECURE_ALL)))
		return -ERR_PERM;
	if (!cred_has_own(c, CAPABILITY_SETPCAP) && (!changed || (changed & ~(uint64_t)UNPRIVILEGED)))
		return -ERR_PERM;
	c->securebits = bits;
	return 0;
}

void cred_act_as_real(struct cred *c)
{
	/* access_override_creds of fs/open.c */
	c->fsuid = c->ruid;
	c->fsgid = c->rgid;
	if (!(c->securebits & SECURE_NO_SETUID_FIXUP))
		c->effective = c->ruid == root_of(c) ? c->permitted : 0;
}

static bool is_below(uint64_t set, uint64_t limit)
{
	return !(set & ~limit);
}

/* get_file_caps and handle_privileged_root of security/commoncap.c; *effective: the file raises what is permitted. */
static int exec_permitted(struct cred *c, const struct cred *old, const struct exec_file *file, bool has_caps, bool *effective)
{
	const uint32_t root = root_of(c);
	c->permitted = 0;
	if (has_caps) {
		*effective = file->caps_effective;
		c->permitted = (c->bounding & file->caps_permitted) | (c->inheritable & file->caps_inheritable);
		/* A program that counts on capabilities it does not get, and does not know of them, is not started. */
		if (file->caps_effective && !is_below(file->caps_permitted, c->permitted))
			return -ERR_PERM;
	}
	bool is_suid_root = c->ruid != root && c->euid == root;
	if ((c->securebits & SECURE_NOROOT) || (has_caps && is_suid_root))
		return 0;
	if (c->euid == root || c->ruid == root)
		c->permitted = old->bounding | old->inheritable;
	if (c->euid == root)
		*effective = true;
	return 0;
}

/* rootid_owns_currentns of security/commoncap.c */
static bool has_caps_for(const struct exec_file *file, const struct user_namespace *users)
{
	for (; file->has_caps && users; users = users->parent)
		if (id_in(users, ID_USER, file->caps_root) == 0)
			return true;
	return file->has_caps && file->caps_root == 0;
}

int cred_exec(struct cred *c, const struct exec_file *file, bool is_fs_shared, bool *ret_secure)
{
	/* bprm_fill_uid of fs/exec.c, then cap_bprm_creds_from_file. */
	const struct cred old = *c;
	const bool has_caps = has_caps_for(file, c->users);
	/* "the set-user-ID bit is ignored [if] either the user or group has no mapping": user_namespaces(7) */
	bool has_names = id_in(c->users, ID_USER, file->uid) != ID_NONE && id_in(c->users, ID_GROUP, file->gid) != ID_NONE;
	if (!c->no_new_privs && has_names) {
		if (file->mode & BIT_SETUID)
			c->euid = file->uid;
		/* Without group execute the bit means mandatory locking. */
		if ((file->mode & (BIT_SETGID | BIT_GROUP_X)) == (BIT_SETGID | BIT_GROUP_X))
			c->egid = file->gid;
	}
	bool effective = false;
	int r = exec_permitted(c, &old, file, has_caps, &effective);
	if (r < 0) {
		*c = old;
		return r;
	}
	bool is_changed = c->euid != old.euid || !cred_in_group(&old, c->egid);
	if ((is_changed || !is_below(c->permitted, old.permitted)) && (is_fs_shared || c->no_new_privs)) {
		/* "downgrade; they get no more than they had, and maybe less" */
		if (!cred_has_own(&old, CAPABILITY_SETUID) || c->no_new_privs) {
			c->euid = c->ruid;
			c->egid = c->rgid;
		}
		c->permitted &= old.permitted;
	}
	c->suid = c->fsuid = c->euid;
	c->sgid = c->fsgid = c->egid;
	if (has_caps || is_changed)
		c->ambient = 0;
	c->permitted |= c->ambient;
	c->effective = effective ? c->permitted : c->ambient;
	c->securebits &= ~(uint32_t)SECURE_KEEP_CAPS;
	*ret_secure = is_changed || c->euid != old.ruid || c->egid != old.rgid ||
		      (c->ruid != root_of(c) && (effective || !is_below(c->permitted, c->ambient)));
	return 0;
}

/* acl_permission_check of fs/namei.c: without group bits there is no ACL that grants more. */
static bool is_granted(const struct cred *c, uint32_t uid, uint32_t gid, uint32_t mode, const void *acl, size_t acl_size,
		       unsigned mask)
{
	if (acl_size && c->fsuid != uid && (mode & 0070))
		return acl_permission(acl, acl_size, c, gid, mask) == 0;
	unsigned granted = c->fsuid == uid ? mode >> 6 & 7 : cred_in_group(c, gid) ? mode >> 3 & 7 : mode & 7;
	return (granted & mask) == mask;
}

int cred_permission(const struct cred *c, uint32_t uid, uint32_t gid, uint32_t mode, const void *acl, size_t acl_size,
		    unsigned mask)
{
	if (is_granted(c, uid, gid, mode, acl, acl_size, mask))
		return 0;
	bool is_directory = (mode & TYPE_MASK) == TYPE_DIRECTORY;
	if (is_directory) {
		if (!(mask & CRED_WRITE) && cred_has_over(c, uid, gid, CAPABILITY_DAC_READ_SEARCH))
			return 0;
		return cred_has_over(c, uid, gid, CAPABILITY_DAC_OVERRIDE) ? 0 : -ERR_ACCES;
	}
	if (mask == CRED_READ && cred_has_over(c, uid, gid, CAPABILITY_DAC_READ_SEARCH))
		return 0;
	/* Executing needs an execute bit for somebody, even for root. */
	if ((!(mask & CRED_EXECUTE) || (mode & 0111)) && cred_has_over(c, uid, gid, CAPABILITY_DAC_OVERRIDE))
		return 0;
	return -ERR_ACCES;
}
