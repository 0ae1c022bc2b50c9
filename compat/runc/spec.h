/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bundle's config.json as the runtime-spec has it (config.md, config-linux.md), read and checked by rows.
 * What a row does not take is named in `unsupported`; what breaks the spec is an error, before anything is made.
 */
#ifndef FAKEBUILD_COMPAT_RUNC_SPEC_H
#define FAKEBUILD_COMPAT_RUNC_SPEC_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "compat/runc/memory.h"
#include "compat/runc/schedule.h"
#include "oci/json.h"
#include "tracer/base/error.h"
#include "tracer/base/mem.h"

/* Ids are below 2^31, as runc's; names of capabilities are already numbers of linux/capability.h. */
struct spec_user {
	uid_t uid;
	gid_t gid;
	gid_t *additional_gids;
	size_t additional_gid_count;
	mode_t umask;
	bool has_umask;
};

struct spec_rlimit {
	int resource; /* RLIMIT_* */
	uint64_t soft, hard;
};

struct spec_capabilities { /* masks, bit n for capability n */
	uint64_t bounding, effective, inheritable, permitted, ambient;
};

struct spec_process {
	bool has_terminal;
	unsigned short rows, columns; /* consoleSize; 0: not said */
	struct spec_user user;
	struct strlist *args, *env;
	const char *cwd; /* absolute */
	struct spec_capabilities capabilities;
	bool has_capabilities; /* false: all that root has in an unprivileged container is kept */
	struct spec_rlimit *rlimits;
	size_t rlimit_count;
	bool has_no_new_privileges;
	struct schedule schedule;
	int oom_score_adjustment;
	bool has_oom_score_adjustment;
	const char *apparmor_profile, *selinux_label; /* NULL: none; only told */
};

struct spec_mount {
	const char *destination; /* absolute guest path, not resolved yet */
	const char *type;        /* "bind" when options say so */
	const char *source;      /* absolute for a bind: relative ones are of the bundle; may be NULL */
	unsigned long flags;     /* MS_* of mount(2); MS_BIND, MS_REC of bind and rbind */
	unsigned long recursive_flags, recursive_cleared; /* MS_* of "rro" and its like */
	unsigned long propagation;                        /* MS_SHARED ...| MS_REC; 0: none */
	bool copies_up;                                   /* "tmpcopyup" */
	const char *data;                                 /* what is left of the options, by commas; "" */
};

struct spec_namespace {
	unsigned clone_flag; /* CLONE_NEWNS ... */
	const char *path;    /* of one to join; NULL: a new one */
};

struct spec_device {
	const char *path; /* absolute guest path */
	mode_t mode;      /* with its type */
	dev_t device;
	uid_t uid;
	gid_t gid;
};

/* config.md, "POSIX-platform Hooks", in the order in which they run. */
enum hook_kind { HOOK_PRESTART, HOOK_CREATE_RUNTIME, HOOK_CREATE_CONTAINER, HOOK_START_CONTAINER, HOOK_POSTSTART,
		 HOOK_POSTSTOP, HOOK_KINDS };
struct spec_hook {
	const char *path;
	struct strlist *args, *env; /* NULL: [path], none */
	int timeout_seconds;        /* 0: none */
};
struct spec_hooks {
	struct spec_hook *items;
	size_t count;
};

/* What is to be told of a document that is otherwise fine. */
struct spec_notes {
	struct strlist *unsupported; /* dotted names of members that are taken and not held to: "linux.seccomp" */
	struct strlist *harmless;    /* the same of members that have no meaning here: "linux.uidMappings" */
	struct strlist *warnings;    /* sentences: unknown capabilities, deprecated forms */
};

struct spec {
	const char *oci_version;
	const char *bundle; /* absolute, symlinks resolved */
	const char *root;   /* absolute, symlinks resolved, a directory */
	bool is_root_read_only;
	struct spec_process *process; /* NULL: none, with which nothing can be created */
	const char *hostname, *domainname; /* NULL: not said */
	struct spec_mount *mounts;
	size_t mount_count;
	struct spec_namespace *namespaces;
	size_t namespace_count;
	struct spec_device *devices;
	size_t device_count;
	struct strlist *masked_paths, *read_only_paths;
	unsigned long rootfs_propagation; /* MS_* or 0 */
	unsigned long personality;   /* PER_*; 0 is PER_LINUX */
	struct memory_policy memory_policy;
	struct json *seccomp;        /* NULL: none */
	struct spec_hooks hooks[HOOK_KINDS];
	const char *cgroups_path;    /* NULL: not said */
	struct json *annotations;    /* an object or NULL */
	struct json *document;       /* all of it */
	struct spec_notes notes;
};

/*
 * Read <bundle>/config.json.  Fails naming the file and the member: a root that is missing, no directory or reached by a
 * symlink; negative ids and ids of 2^31 and more; relative paths where absolute ones are asked for; an ociVersion that
 * is not 1.x; joins to namespaces of kinds that cannot be had; idmapped mounts; a file above 16 MiB.
 *
 * Joins to a namespace that we are in already are left out of `namespaces`, for there is nothing to do; of those to
 * others, only networks and clocks are there.
 */
int spec_read(const void *ctx, const char *bundle, struct spec **ret, struct error *err);
/* The same of a document that was read once: looks at no file.  `file` is its name for sentences. */
int spec_of_document(const void *ctx, const char *bundle, const char *file, const struct json *document,
		     struct spec **ret, struct error *err);
/* A process document alone, as of `exec --process`.  ret_notes may be NULL. */
int spec_read_process(const void *ctx, const char *path, struct spec_process **ret, struct spec_notes *ret_notes,
		      struct error *err);
/* The bit of a capability's name ("CAP_CHOWN", any case, with or without CAP_); -1: unknown. */
int spec_capability(const char *name);
/* Its name without CAP_ by the bit; NULL: there is none. */
const char *spec_capability_name(int bit);
/* The options of mounts that have a row, sorted, for `features`. */
struct strlist *spec_mount_options(const void *ctx);

#endif
