/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Credentials and the rules that depend on nothing else: credentials(7), capabilities(7), setuid(2) and
 * its kin, the owner/group/other check of path_resolution(7).  Freestanding: no libc, no allocation.
 */
#ifndef FAKEBUILD_CORE_CRED_H
#define FAKEBUILD_CORE_CRED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tracer/core/idmap.h"

enum { CRED_GROUPS_MAX = 65536, CRED_UNCHANGED = -1 };

/* Capability numbers of capabilities(7) that something here asks for. */
enum capability {
	CAPABILITY_CHOWN = 0, CAPABILITY_DAC_OVERRIDE = 1, CAPABILITY_DAC_READ_SEARCH = 2,
	CAPABILITY_FOWNER = 3, CAPABILITY_FSETID = 4, CAPABILITY_KILL = 5, CAPABILITY_SETGID = 6,
	CAPABILITY_SETUID = 7, CAPABILITY_SETPCAP = 8, CAPABILITY_LINUX_IMMUTABLE = 9, CAPABILITY_NET_BIND_SERVICE = 10, CAPABILITY_NET_ADMIN = 12,
	CAPABILITY_NET_RAW = 13, CAPABILITY_IPC_LOCK = 14, CAPABILITY_IPC_OWNER = 15, CAPABILITY_SYS_CHROOT = 18, CAPABILITY_SYS_PTRACE = 19, CAPABILITY_SYS_ADMIN = 21,
	CAPABILITY_SYS_NICE = 23, CAPABILITY_SYS_RESOURCE = 24, CAPABILITY_MKNOD = 27,
	CAPABILITY_SETFCAP = 31, CAPABILITY_LAST = 40,
};
#define CAPABILITY_ALL ((UINT64_C(1) << (CAPABILITY_LAST + 1)) - 1)

/* securebits, include/uapi/linux/securebits.h */
enum {
	SECURE_NOROOT = 1, SECURE_NO_SETUID_FIXUP = 4, SECURE_KEEP_CAPS = 16, SECURE_NO_CAP_AMBIENT_RAISE = 64,
	SECURE_ALL = 0x555, SECURE_LOCKS = SECURE_ALL << 1, /* each bit's lock is the next */
};

enum { CRED_READ = 4, CRED_WRITE = 2, CRED_EXECUTE = 1 };

struct cred {
	uint32_t ruid, euid, suid, fsuid;
	uint32_t rgid, egid, sgid, fsgid;
	uint64_t permitted, effective, inheritable, bounding, ambient;
	uint32_t securebits;
	bool no_new_privs;
	uint32_t group_count;
	const uint32_t *groups; /* in order, duplicates included; the caller's, who never changes a list */
	const struct user_namespace *users; /* whose capabilities they are; NULL: the first one.  All ids are the run's */
};

/* What execve(2) looks at in the file. */
struct exec_file {
	uint32_t uid, gid, mode;
	bool has_caps;
	uint64_t caps_permitted, caps_inheritable;
	bool caps_effective;
	uint32_t caps_root; /* for whose namespaces they are: the user who is root there; 0: all */
};

/* Root with all capabilities when uid is 0, none otherwise. */
void cred_init(struct cred *c, uint32_t uid, uint32_t gid);
/* Toward the first namespace (capable of kernel/capability.c), the own one, any (cap_capable of security/commoncap.c) ... */
bool cred_has(const struct cred *c, enum capability capability);
bool cred_has_own(const struct cred *c, enum capability capability);
bool cred_has_toward(const struct cred *c, const struct user_namespace *users, enum capability capability);
/* ... and over a file of these ids, which must have names in the own one (capable_wrt_inode_uidgid). */
bool cred_has_over(const struct cred *c, uint32_t uid, uint32_t gid, enum capability capability);
/* inode_owner_or_capable of fs/inode.c: is it the owner, or has it CAP_FOWNER over who is? */
bool cred_owns(const struct cred *c, uint32_t uid);
bool cred_in_group(const struct cred *c, uint32_t gid);

/* The calls; 0 or -errno.  Ids of (uint32_t)-1 mean "leave" where the call has that. */
int cred_setuid(struct cred *c, uint32_t uid);
int cred_setgid(struct cred *c, uint32_t gid);
int cred_setresuid(struct cred *c, uint32_t ruid, uint32_t euid, uint32_t suid);
int cred_setresgid(struct cred *c, uint32_t rgid, uint32_t egid, uint32_t sgid);
int cred_setreuid(struct cred *c, uint32_t ruid, uint32_t euid);
int cred_setregid(struct cred *c, uint32_t rgid, uint32_t egid);
/* Return the previous id, as the calls do. */
uint32_t cred_setfsuid(struct cred *c, uint32_t uid);
uint32_t cred_setfsgid(struct cred *c, uint32_t gid);
/* prctl(PR_SET_SECUREBITS); 0 or -EPERM. */
int cred_set_securebits(struct cred *c, uint64_t bits);
int cred_capset(struct cred *c, uint64_t effective, uint64_t permitted, uint64_t inheritable);

/* Into another namespace, with all capabilities there: set_cred_user_ns of kernel/user_namespace.c. */
void cred_enter(struct cred *c, const struct user_namespace *users);

/* As access(2) looks: by the real ids, with root's capabilities when that is who it really is. */
void cred_act_as_real(struct cred *c);

/*
 * execve(2)'s change of credentials; *ret_secure is AT_SECURE.  is_fs_shared: somebody else has its working
 * directory too (CLONE_FS), who may not become what the file makes of this one.  0, or -EPERM for a file whose
 * capabilities the bounding set does not let through.
 */
int cred_exec(struct cred *c, const struct exec_file *file, bool is_fs_shared, bool *ret_secure);

/*
 * May these credentials access a file of this owner, mode (type included) and access ACL (acl_size 0: none)?
 * `mask` of CRED_*.  0 or -EACCES, by generic_permission of fs/namei.c.
 */
int cred_permission(const struct cred *c, uint32_t uid, uint32_t gid, uint32_t mode, const void *acl, size_t acl_size,
		    unsigned mask);

#endif
