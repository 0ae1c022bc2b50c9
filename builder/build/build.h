/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A build: what was asked for, what is known before any stage runs, and what its stages give.  The program's own
 * process schedules (solver.c); each stage is worked on in a process of its own (stage.c), so that stages run side
 * by side and a crash of one is a failed step.
 */
#ifndef FAKEBUILD_BUILDER_BUILD_H
#define FAKEBUILD_BUILDER_BUILD_H

#include "builder/build/context.h"
#include "builder/build/events.h"
#include "builder/build/state.h"
#include "builder/dockerfile/patterns.h"
#include "oci/buildcache.h"
#include "oci/chain.h"

/* --build-context NAME=...: beats stages and images of that name. */
struct named_context {
	char *name;
	struct context *context;
	struct patterns *ignored; /* its own ignore file; NULL: none */
};

/* --secret and --ssh, read when a RUN asks. */
struct secret {
	char *id, *path, *variable; /* one of path and variable */
};
struct ssh_agent {
	char *id, *socket; /* socket or key file, absolute */
};

struct build {
	struct store *store;
	struct dockerfile *file;
	struct context *context;
	struct patterns *ignored; /* of the main context; NULL: none */
	struct named_context *contexts;
	unsigned context_count;
	struct strlist *build_args; /* "KEY=VALUE" */
	struct strlist *labels, *add_hosts;
	struct secret *secrets;
	unsigned secret_count;
	struct ssh_agent *agents;
	unsigned agent_count;
	struct platform host, *platforms; /* what is built for; at least one */
	unsigned platform_count;
	unsigned target; /* index of the stage */
	const char *target_name; /* as --target gave it; NULL: none */
	int pull;        /* enum pull_policy of base images */
	bool has_no_cache, has_no_fast_path, has_shell_on_error;
	struct strlist *no_cache_stages; /* --no-cache-filter; lower case */
	const char *network; /* what RUN has without --network: "default", "host", "none" */
	const char *hostname;
	int64_t epoch_sec; /* SOURCE_DATE_EPOCH; -1: none */
	char *id, *started; /* of this build: 32 hex digits, RFC 3339 */
	unsigned jobs;     /* stages that work at a time */
	struct buildcache **caches; /* of elsewhere: --cache-from */
	unsigned cache_count;
	unsigned *vertex_count; /* shared by all processes of the build */
};

/* What a stage, an image or an image context gives others. */
struct stage_result {
	struct state *state;
	struct chain *chain;
};

/* ---- between the processes: link.c ---- */
struct link;
/* From a stage's process: wait for another stage's result, of the same target platform. */
int link_need(const void *ctx, struct link *l, unsigned stage, struct stage_result **ret, struct error *err);
void link_event(struct link *l, const struct event *e);
/* May this process have the terminal now?  Returns when it may; until it ends. */
int link_take_terminal(struct link *l, struct error *err);

/*
 * Work on a stage, to its end.  Runs in its own process.  A failure names file, line and instruction; *ret_line
 * and *ret_last_line are that of the instruction, 0: none; *ret_exit_status that of a RUN's command, 0: none.
 */
int stage_run(const void *ctx, const struct build *b, unsigned stage, const struct platform *target, struct link *l,
	      struct stage_result **ret, unsigned *ret_line, unsigned *ret_last_line, int *ret_exit_status,
	      struct error *err);

/* ---- the whole: solver.c ---- */
struct solve_result {
	struct stage_result **results; /* one a platform */
	unsigned failed_line, failed_last_line; /* of the instruction that failed; 0: none */
	int failed_status; /* of a RUN's command; 0: something else failed */
	struct strlist *materials; /* of all stages, as state.h has them */
	struct strlist *steps; /* of all stages that were worked on, as state.h has them */
};
/*
 * Run what the target needs, for each platform.  `show` is told every event, and `tick` called in between at least
 * as often as interval_msec says (-1: never).
 */
struct solve_watcher {
	void (*show)(void *arg, const struct event *e);
	void (*tick)(void *arg);
	void (*leave_terminal)(void *arg);
	int interval_msec;
	void *arg;
};
int solve(const void *ctx, struct build *b, const struct solve_watcher *watcher, struct solve_result *ret,
	  struct error *err);

/* The stage of this name or number before `before`; -1: none. */
int build_find_stage(const struct build *b, const char *name, unsigned before);
const struct named_context *build_find_context(const struct build *b, const char *name);
/* The value of a name in a list of "KEY=VALUE", `arg`; NULL: none.  The `get` of an expansion. */
const char *build_list_value(void *arg, const char *name, size_t length);
/* Global ARGs and platform ARGs as "KEY=VALUE" for the words of FROM, on ctx. */
int build_global_args(const void *ctx, const struct build *b, const struct platform *target, struct strlist **ret,
		      struct error *err);

#endif
