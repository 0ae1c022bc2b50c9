/* SPDX-License-Identifier: Apache-2.0 */
/* What a guest finds bound into its root: /proc, /sys, a small /dev, network files, and what -v
 * asks for. */
#ifndef FAKEBUILD_BUILDER_BINDINGS_H
#define FAKEBUILD_BUILDER_BINDINGS_H

#include "builder/stubs.h"
#include "tracer/base/mem.h"
#include "tracer/tracer.h"

/* The bindings of a guest while they are put together; config->bindings always shows those made. */
struct bindings {
	struct tracer_config *config;
	struct stubs *stubs; /* NULL: none are made (the host's own tree) */
	struct binding *items;
};

/* -v, --mount, --tmpfs: one binding asked for, already checked. */
struct volume {
	char *host_path, *guest_path;
	unsigned flags; /* enum binding_flags */
	bool is_tmpfs;
};
struct volume_list {
	struct volume *items;
	size_t count;
};

/* Bind, with a stub where the root has nothing. */
void bindings_add(struct bindings *m, const char *host_path, const char *guest_path, unsigned flags,
		  const char *fs_type);

/*
 * /proc, /sys and the private /dev, made in run_dir, or there from an earlier run; console: host path of the guest's
 * terminal or NULL.
 */
int bindings_add_system(struct bindings *m, const struct volume_list *volumes, const char *console,
			struct error *err);
/*
 * /etc/resolv.conf, /etc/hosts and /etc/hostname, written to run_dir and bound read-only.
 * add_hosts: "NAME:IP" each.  Fails on a bad one.  is_build: hosts as BuildKit writes it, and no hostname.
 */
int bindings_add_network(struct bindings *m, const struct volume_list *volumes,
			 const char *hostname, const struct strlist *add_hosts, bool is_build,
			 struct error *err);
/*
 * When the guest is gone: make run_dir's dev as bindings_add_system has made it, for the next run; what is said of its
 * inodes in the table is dropped.  False when that has something that only its removal rids it of.
 */
bool bindings_clean_dev(const char *run_dir, struct meta *meta);
/* Is this name in run_dir one of the files of bindings_add_network, which the next run may use? */
bool bindings_leave(const char *name);
void bindings_add_volumes(struct bindings *m, const struct volume_list *volumes);

/*
 * Read the options: -v [HOST:]GUEST[:OPTIONS], --mount type=...,..., --tmpfs GUEST.  HOST is a path
 * (made when missing, as Docker does) or the name of a volume, kept in volumes_dir.  run_dir holds
 * what lasts only for this run.  Fails with Docker's sentences.
 */
int volumes_parse(const void *ctx, const struct strlist *volumes,
		  const struct strlist *mount_options, const struct strlist *tmpfs,
		  const char *volumes_dir, const char *run_dir, struct volume_list **ret,
		  struct error *err);

#endif
