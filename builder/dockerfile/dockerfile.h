/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Dockerfile language as BuildKit's frontend reads it: text to stages of typed instructions.  Nothing is
 * expanded here but what has no variables; expand.h does it when an instruction's turn comes.
 * Source: docs.docker.com/reference/dockerfile; moby/buildkit frontend/dockerfile.
 */
#ifndef FAKEBUILD_BUILDER_DOCKERFILE_H
#define FAKEBUILD_BUILDER_DOCKERFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tracer/base/error.h"
#include "tracer/base/mem.h"

enum instruction_kind {
	INSTRUCTION_ADD, INSTRUCTION_ARG, INSTRUCTION_CMD, INSTRUCTION_COPY, INSTRUCTION_ENTRYPOINT,
	INSTRUCTION_ENV, INSTRUCTION_EXPOSE, INSTRUCTION_FROM, INSTRUCTION_HEALTHCHECK, INSTRUCTION_LABEL,
	INSTRUCTION_MAINTAINER, INSTRUCTION_ONBUILD, INSTRUCTION_RUN, INSTRUCTION_SHELL,
	INSTRUCTION_STOPSIGNAL, INSTRUCTION_USER, INSTRUCTION_VOLUME, INSTRUCTION_WORKDIR,
	INSTRUCTION_COUNT
};

/* Of RUN in the order of their names; of COPY and ADD those that are sources: files of that name. */
struct heredoc {
	char *name;    /* the delimiter, quotes taken away */
	char *content; /* tabs stripped when "<<-" said so; ends with a newline unless empty */
	bool expands;  /* the delimiter had no quotes */
	unsigned fd;   /* "3<<EOF" is 3, else 0 */
};

/* ENV, LABEL, ARG.  Of "ARG x" value is NULL. */
struct pair {
	char *key, *value;
	bool is_legacy; /* "ENV key value", without "=" */
};

enum mount_type { MOUNT_BIND, MOUNT_CACHE, MOUNT_TMPFS, MOUNT_SECRET, MOUNT_SSH };
enum mount_sharing { SHARING_SHARED, SHARING_PRIVATE, SHARING_LOCKED };

/* RUN --mount; texts may hold variables until instruction_expand, numbers are checked by it. */
struct run_mount {
	char *text; /* what followed "--mount=" */
	enum mount_type type;
	char *source, *target, *from, *id, *env; /* NULL: not given */
	bool is_read_only; /* of bind by default, of others when asked */
	bool is_required;
	enum mount_sharing sharing;
	int64_t size_bytes; /* of tmpfs; 0: no limit */
	int64_t mode, uid, gid; /* -1: not given */
};

struct copy_flags { /* COPY and ADD; NULL: not given */
	char *from, *chown, *chmod, *checksum;
	struct strlist *exclude; /* never NULL */
	bool is_link, has_parents, keeps_git_dir;
	int unpack; /* ADD --unpack: 1, --unpack=false: 0, not given: -1 */
};

struct healthcheck {
	bool is_none;
	int64_t interval, timeout, start_period, start_interval; /* nanoseconds, 0: not given */
	int64_t retries;
};

struct instruction {
	enum instruction_kind kind;
	const char *name;         /* upper case; static */
	char *keyword;            /* the name as written */
	unsigned line, last_line; /* from 1; 0 of instruction_parse */
	struct strlist *comments; /* of the lines above, without "#"; never NULL */
	/* As written with continuations joined and comments left out: BuildKit's `Original`. */
	char *original;
	/* Of RUN, CMD, ENTRYPOINT, HEALTHCHECK CMD: the JSON form; then `words` are its strings. */
	bool is_exec_form;
	/* Of RUN: the whole text is the name of the one heredoc, whose content is what is to run. */
	bool is_script;
	/*
	 * RUN, CMD, ENTRYPOINT, HEALTHCHECK: exec form words, or one text for the shell ("" is not there: RUN
	 * with only heredocs has the text that names them).  COPY, ADD: sources without heredocs, then the
	 * destination last.  EXPOSE (sorted), VOLUME, SHELL: the words.  USER, WORKDIR, STOPSIGNAL,
	 * MAINTAINER: one.  ONBUILD: the trigger's text with its heredocs.  HEALTHCHECK NONE: none.
	 */
	struct strlist *words;
	struct heredoc *heredocs;
	unsigned heredoc_count;
	struct pair *pairs;
	unsigned pair_count;
	struct copy_flags copy;
	struct run_mount *mounts; /* in order */
	unsigned mount_count;
	char *network, *security; /* of RUN; NULL: not given */
	struct strlist *devices;  /* RUN --device=, as written; never NULL */
	struct healthcheck health;
	struct instruction *trigger; /* of ONBUILD; NULL: the text is no instruction, and fails when it fires */
};

struct stage {
	char *name; /* lower case; NULL: none */
	char *base, *platform; /* as written, with variables; platform NULL: none */
	unsigned index, line, last_line;
	char *original; /* the FROM instruction */
	char *keyword;  /* "FROM" as written */
	struct strlist *comments; /* as of an instruction */
	struct instruction **instructions; /* without the FROM */
	unsigned count;
};

struct dockerfile_warning {
	const char *rule; /* BuildKit's name: "StageNameCasing" */
	char *text;
	unsigned line;
	const struct strlist *comments; /* of the instruction: they may say not to check it; NULL: none */
};

struct dockerfile {
	char *name;  /* as messages show it: "Dockerfile" */
	char **lines; /* between newlines, for excerpts: the last is empty when the text ends with one */
	unsigned line_count;
	char escape; /* '\\' or '`' */
	char *syntax, *check; /* directives up to their first blank, NULL: none */
	struct instruction **global_args; /* ARG before the first FROM */
	unsigned global_arg_count;
	struct stage *stages;
	unsigned stage_count;
	struct dockerfile_warning *warnings; /* that the reader itself found (NoEmptyContinuation, ...) */
	unsigned warning_count;
};

/*
 * Read a Dockerfile.  Fails with "Dockerfile:3: RNU: unknown instruction (did you mean RUN?)": name, line,
 * instruction, what is wrong.  ret_line may be NULL; on failure it is the line, 0 when none is at fault.
 */
int dockerfile_parse(const void *ctx, const char *name, const char *text, size_t size, struct dockerfile **ret,
		     unsigned *ret_line, struct error *err);
/*
 * One instruction, with the bodies of its heredocs below it: an ONBUILD trigger of a base image, a --change.
 * Fails with "RUN: what is wrong"; FROM and more than one instruction are refused.
 */
int instruction_parse(const void *ctx, const char *text, char escape, struct instruction **ret, struct error *err);
/*
 * The lines around [line, last_line], the faulty ones marked ">>>", as docker build prints them; on ctx.  Empty
 * when there is no such line.
 */
char *dockerfile_excerpt(const void *ctx, const struct dockerfile *file, unsigned line, unsigned last_line);
/* The same of a text that could not be parsed. */
char *dockerfile_excerpt_text(const void *ctx, const char *name, const char *text, size_t size, unsigned line);

#endif
