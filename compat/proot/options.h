/* SPDX-License-Identifier: Apache-2.0 */
/* PRoot's options, those of its successors (termux/proot) included, by rows. */
#ifndef FAKEBUILD_COMPAT_PROOT_OPTIONS_H
#define FAKEBUILD_COMPAT_PROOT_OPTIONS_H

#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

#include "tracer/base/error.h"
#include "tracer/base/mem.h"
#include "tracer/tracer.h"

/* -b, or one of those that -R and -S stand for. */
struct proot_binding {
	const char *host_path;  /* as given */
	const char *guest_path; /* as given; of the same name when none was */
	bool is_at_link;        /* "!": a symlink in the guest is not followed */
	bool is_optional;       /* nothing is said when the host has none */
};

enum proot_asked { PROOT_RUN, PROOT_HELP, PROOT_VERSION };

struct proot_options {
	enum proot_asked asked;
	const char *rootfs; /* NULL: the host's own tree */
	struct proot_binding *bindings;
	size_t binding_count;
	const char *cwd; /* NULL: the caller's */
	bool has_ids;    /* -0, -i, -S */
	uid_t uid;
	gid_t gid;
	const char *qemu; /* NULL: none */
	const char *hostname;
	struct kernel_names kernel;
	struct port_pair *ports;
	size_t port_count;
	bool is_any_port, is_kill_on_exit;
	int verbosity;
};

/*
 * Read argv[1..argc) up to the first word that is no option, whose number is *ret_command (argc: there is none).
 * *ret hangs on ctx.  Fails with one sentence and status 1, as PRoot.
 */
int proot_options_parse(const void *ctx, int argc, char **argv, struct proot_options **ret, int *ret_command,
			struct error *err);
void proot_options_print_help(FILE *out);

#endif
