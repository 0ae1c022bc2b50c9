/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The runtime's commands as rows.  To add one: write its options and its function in the file of its group, a row
 * in runc.c, and its part of man/fakebuild-runc.1; tests fail until the options are there.
 */
#ifndef FAKEBUILD_COMPAT_RUNC_COMMAND_H
#define FAKEBUILD_COMPAT_RUNC_COMMAND_H

#include "compat/runc/state.h"
#include "compat/runc/spec.h"
#include "tracer/base/options.h"

enum {
	RUNC_FAILED = 1,       /* what all failures exit with, usage too */
	RUNC_EXEC_FAILED = 255, /* but those of exec, whose other statuses are the process' */
	RUNC_ANY_WORDS = 1 << 20,
};

/* A command line, parsed. */
struct runc_call {
	const struct runc_command *command;
	const void *options; /* the command's own struct */
	char **words;        /* words[word_count] is NULL */
	int word_count;
	const char *root;    /* of the containers; absolute */
};

struct runc_command {
	const char *name;
	const char *usage;   /* what follows the options */
	const char *summary; /* one sentence without full stop */
	const struct option_row *options; /* NULL: none of its own */
	size_t options_bytes;
	unsigned style;      /* enum option_style */
	int min_words, max_words;
	/* Do it.  *ret_status is 0 already; on failure -1 with the sentence. */
	int (*run)(struct runc_call *call, int *ret_status, struct error *err);
	int failure_status;  /* 0: RUNC_FAILED */
};

/* runc_life.c */
extern const struct runc_command runc_create_command, runc_start_command, runc_run_command, runc_kill_command,
	runc_delete_command, runc_pause_command, runc_resume_command;
/* runc_exec.c */
extern const struct runc_command runc_exec_command;
/* runc_show.c */
extern const struct runc_command runc_state_command, runc_list_command, runc_ps_command;
/* runc_events.c */
extern const struct runc_command runc_events_command;
/* runc_about.c */
extern const struct runc_command runc_spec_command, runc_features_command, runc_update_command, runc_checkpoint_command,
	runc_restore_command;

/* All rows, ended by NULL. */
extern const struct runc_command *const runc_commands[];
/* The rows before the command. */
extern const struct option_row runc_first_rows[];

/* What `runc --version` says of us, and the newest version of the runtime-spec that is known. */
#define RUNC_VERSION "1.2.1+fakebuild-" FAKEBUILD_VERSION
#define RUNC_SPEC_VERSION "1.2.1"

/*
 * Tell of what a document asks for and does not get.  Standard error of a detached container is the container's own:
 * its log is no place for this.
 */
void runc_log_notes(const struct spec_notes *notes, bool is_detached);
/* The spec of a container, as it was at its creation. */
int runc_spec_of(const void *ctx, const struct runc_container *c, struct spec **ret, struct error *err);
/* Detached with a terminal needs a console socket, and nothing else has one. */
int runc_check_terminal(bool has_terminal, bool is_detached, const char *console_socket, struct error *err);

#endif
