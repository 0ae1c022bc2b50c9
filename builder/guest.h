/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest put together: from an image's configuration and the options of run, exec or root to what
 * the tracer is given (environment, user, working directory, bindings, argv), and its run.
 */
#ifndef FAKEBUILD_BUILDER_GUEST_H
#define FAKEBUILD_BUILDER_GUEST_H

#include "tracer/base/options.h"
#include "oci/store.h"
#include "tracer/base/meta.h"

enum guest_network { NETWORK_HOST, NETWORK_NONE };
enum guest_pids { PIDS_HOST, PIDS_PRIVATE };

/* The options that say what a guest is like; first member of the options of run, exec and root. */
struct guest_options {
	struct strlist *env, *env_files;
	struct strlist *volumes, *mounts, *tmpfs, *add_hosts;
	const char *workdir, *user, *hostname;
	const char *entrypoint; /* NULL: the image's; "": none */
	int network;            /* enum guest_network */
	int pids;               /* enum guest_pids */
	bool is_read_only;
	bool is_tty, is_interactive;
	bool has_init; /* an init of the host's is process 1 */
	bool has_no_fast_path, is_counting;
	const char *trace;
};

#define GUEST_MEMBER(member) offsetof(struct guest_options, member)

/* Rows that several commands have. */
#define GUEST_ROWS_PROCESS                                                                         \
	{                                                                                          \
		"env",         'e',                                                                \
		"KEY[=VALUE]", "Set an environment variable",                                      \
		OPTION_LIST,   GUEST_MEMBER(env)                                                   \
	},                                                                                         \
		{ "env-file",  0,                                                                  \
		  "FILE",      "Set the environment variables in FILE",                            \
		  OPTION_LIST, GUEST_MEMBER(env_files) },                                          \
		{ "workdir",   'w',                                                                \
		  "DIR",       "Working directory, made when missing",                             \
		  OPTION_TEXT, GUEST_MEMBER(workdir) },                                            \
	{                                                                                          \
		"user", 'u', "USER[:GROUP]", "User (name or number) to run as", OPTION_TEXT,       \
			GUEST_MEMBER(user)                                                         \
	}
#define GUEST_ROWS_TERMINAL                                                                        \
	{ "interactive", 'i',                                                                      \
	  NULL,          "Pass standard input on even when it is a terminal",                      \
	  OPTION_FLAG,   GUEST_MEMBER(is_interactive) },                                           \
	{                                                                                          \
		"tty", 't', NULL, "Give the command a terminal of its own", OPTION_FLAG,           \
			GUEST_MEMBER(is_tty)                                                       \
	}
#define GUEST_ROWS_SPEED                                                                           \
	{                                                                                          \
		"no-fast-path", 0, NULL, "Answer no call inside the command's processes",          \
			OPTION_FLAG, GUEST_MEMBER(has_no_fast_path)                                \
	},                                                                                         \
		{ "stats",     0,                                                                  \
		  NULL,        "Tell at the end what the command was stopped for, and how long",   \
		  OPTION_FLAG, GUEST_MEMBER(is_counting) },                                        \
	{                                                                                          \
		"trace", 0, "FILE", "Write a timeline of all stops, for Chrome's tracing or Perfetto", \
			OPTION_TEXT, GUEST_MEMBER(trace)                                           \
	}
#define GUEST_ROWS_MOUNTS                                                                          \
	{ "volume",          'v',                                                                  \
	  "HOST:GUEST[:ro]", "Bind a host path, or a named volume",                                \
	  OPTION_LIST,       GUEST_MEMBER(volumes) },                                              \
		{ "mount",         0,                                                              \
		  "type=TYPE,...", "Bind, as Docker's --mount: bind, volume or tmpfs",             \
		  OPTION_LIST,     GUEST_MEMBER(mounts) },                                         \
	{                                                                                          \
		"tmpfs", 0, "DIR", "An empty folder at DIR for this run", OPTION_LIST,             \
			GUEST_MEMBER(tmpfs)                                                        \
	}
#define GUEST_ROWS_NETWORK                                                                         \
	{ "network",     0,                                                                        \
	  "host|none",   "none: no network but Unix sockets",                                      \
	  OPTION_CHOICE, GUEST_MEMBER(network) },                                                  \
		{ "hostname",  'h',                                                                \
		  "NAME",      "Host name that the command sees",                                  \
		  OPTION_TEXT, GUEST_MEMBER(hostname) },                                           \
	{                                                                                          \
		"add-host", 0, "NAME:IP", "Add a line to /etc/hosts", OPTION_LIST,                 \
			GUEST_MEMBER(add_hosts)                                                    \
	}

/* Where a guest lives. */
enum guest_place {
	GUEST_OF_IMAGE,  /* a container's root */
	GUEST_OF_FOLDER, /* run --rootfs */
	GUEST_OF_HOST,   /* the host's own tree: its environment, its /dev, its working directory */
};

struct volume;
struct guest_request {
	enum guest_place place;
	const struct guest_options *options;
	const struct image_config *image; /* NULL: none */
	struct store *store;
	const char *root;       /* absolute host path */
	const char *meta_path;  /* NULL: a table for this run only */
	unsigned meta_flags;    /* enum meta_flags, for a new table */
	const char *pid_path;   /* struct tracer_config's */
	unsigned tracer_flags;  /* enum tracer_flags, besides those of the options */
	const char *session_path; /* a socket at which more processes join the run; NULL: none do */
	const char *scratch;    /* see tracer_config; NULL: the run's own folder */
	const char *stubs_path; /* where stubs are recorded; NULL: none are made */
	char *const *words;     /* the command of the person; NULL-terminated, may be empty */
	const struct volume *binds; /* more to be bound than the options say; bind_count of them */
	size_t bind_count;
	/* As BuildKit's RUN finds it: no variable but those of image, options and HOME; its /etc/hosts; no more of /etc. */
	bool is_build;
};

struct guest;
/*
 * Put it together.  Fails with a sentence when a user, folder, volume or command is missing, with
 * Docker's status.  Whoever opens a guest closes it.
 */
int guest_open(const void *ctx, const struct guest_request *request, struct guest **ret,
	       struct error *err);
/* argv joined by blanks, for ps and history. */
const char *guest_command(const struct guest *g);
/* Run it to its end, as tracer_run does. */
int guest_run(struct guest *g, int *ret_status, struct error *err);
/* Run it as one more process of the run that has this session_path, as tracer_run_in does. */
int guest_run_in(struct guest *g, const char *session_path, int *ret_status, struct error *err);
/* Take the stubs away and remove the private folder; before any diff. */
void guest_close(struct guest *g);

#endif
