/* SPDX-License-Identifier: Apache-2.0 */
/* Owns what podman and its kin are told under `fakebuild root`; the environment's other rules are in guest.c. */
#include "builder/containers_conf.h"

#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "builder/environment.h"
#include "tracer/base/io.h"
#include "tracer/base/text.h"

enum { CONF_MAX = 1 << 20 };
static const char distribution_conf[] = "/usr/share/containers/containers.conf";

/* Line by line: is this key of TOML set anywhere? */
static bool says(const char *text, const char *key)
{
	for (const char *at = text; at; at = strchr(at, '\n'), at += at != NULL) {
		at += strspn(at, " \t");
		if (text_starts(at, key) && strchr(" \t=", at[strlen(key)]))
			return true;
	}
	return false;
}

struct own_files {
	bool is_there, says_network;
};

static void look_at_file(const char *path, struct own_files *own)
{
	char *text;
	if (io_read_file(NULL, AT_FDCWD, path, CONF_MAX, &text, NULL, NULL) < 0)
		return;
	own->is_there = true;
	own->says_network |= says(text, "netns");
	talloc_free(text);
}

/* containers.conf(5): what administrator and user may have written. */
static struct own_files own_files(const struct strlist *env)
{
	struct own_files own = { false, false };
	const char *config = environment_get(env, "XDG_CONFIG_HOME"), *home = environment_get(env, "HOME");
	CLEANUP_TALLOC char *folder = config && *config ? mem_printf(NULL, "%s/containers", config) :
							  mem_printf(NULL, "%s/.config/containers", home ? home : "");
	const char *const folders[] = { "/etc/containers", folder };
	for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++) {
		CLEANUP_TALLOC char *file = mem_printf(NULL, "%s/containers.conf", folders[i]);
		CLEANUP_TALLOC char *more = mem_printf(NULL, "%s/containers.conf.d/*.conf", folders[i]);
		glob_t found = { .gl_pathc = 0 };
		look_at_file(file, &own);
		if (glob(more, 0, NULL, &found) == 0)
			for (size_t j = 0; j < found.gl_pathc; j++)
				look_at_file(found.gl_pathv[j], &own);
		globfree(&found);
	}
	return own;
}

/* The distribution's file, which ours takes the place of, with our line in its table. */
static char *conf_text(const void *ctx)
{
	static const char table[] = "[containers]\n", line[] = "netns = \"host\"\n";
	char *text;
	if (io_read_file(NULL, AT_FDCWD, distribution_conf, CONF_MAX, &text, NULL, NULL) < 0)
		text = mem_strdup(NULL, "");
	const char *at = text_starts(text, table) ? text : strstr(text, "\n[containers]\n");
	size_t head = !at ? 0 : (size_t)(at - text) + (at != text) + strlen(table);
	char *conf = says(text, "netns") ? mem_strdup(ctx, text) :
		     at ? mem_printf(ctx, "%.*s%s%s", (int)head, text, line, text + head) :
			  mem_printf(ctx, "%s%s%s", table, line, text);
	talloc_free(text);
	return conf;
}

int containers_conf_environment(struct strlist *env, const char *run_dir, struct error *err)
{
	char uid[16];
	if (getuid() == 0)
		return 0;
	/*
	 * Who finds himself root takes the host's own folders, unless these two say, as `podman unshare` has them, that he is
	 * a user who has become root already.
	 */
	snprintf(uid, sizeof(uid), "%u", (unsigned)getuid());
	environment_default(env, "_CONTAINERS_ROOTLESS_UID", uid);
	environment_default(env, "_CONTAINERS_USERNS_CONFIGURED", "done");
	/* Isolation by a runtime is none that chroot(2) does not give here. */
	environment_default(env, "BUILDAH_ISOLATION", "chroot");
	struct own_files own = own_files(env);
	if (environment_get(env, "CONTAINERS_CONF") || environment_get(env, "CONTAINERS_CONF_OVERRIDE") || own.says_network)
		return 0;
	CLEANUP_TALLOC char *path = mem_printf(NULL, "%s/containers.conf", run_dir);
	CLEANUP_TALLOC char *text = own.is_there ? mem_strdup(NULL, "[containers]\nnetns = \"host\"\n") : conf_text(NULL);
	/* The first is read in place of all others, by every version; the second, behind them, only by new ones. */
	environment_default(env, own.is_there ? "CONTAINERS_CONF_OVERRIDE" : "CONTAINERS_CONF", path);
	return io_write_passing(AT_FDCWD, path, text, strlen(text), 0644, err);
}
