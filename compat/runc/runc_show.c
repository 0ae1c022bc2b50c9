/* SPDX-License-Identifier: Apache-2.0 */
/* What is there: state, list, ps. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "compat/runc/command.h"
#include "compat/runc/log.h"
#include "compat/runc/process.h"
#include "tracer/base/io.h"

enum { FORMAT_TABLE, FORMAT_JSON };
struct show_options {
	int format;
	bool is_quiet;
};
#define OPTION(member) offsetof(struct show_options, member)
#define FORMAT_ROW { "format", 'f', "table|json", "Form of what is printed", OPTION_CHOICE, OPTION(format) }
#define ROWS_END { NULL, 0, NULL, NULL, OPTION_FLAG, 0 }

static const struct option_row list_rows[] = {
	FORMAT_ROW,
	{ "quiet", 'q', NULL, "Ids only", OPTION_FLAG, OPTION(is_quiet) },
	ROWS_END,
};
static const struct option_row ps_rows[] = { FORMAT_ROW, ROWS_END };

static int run_state(struct runc_call *call, int *ret_status, struct error *err)
{
	CLEANUP_TALLOC struct runc_container *c = NULL;
	(void)ret_status;
	if (state_read(NULL, call->root, call->words[0], &c, err) < 0)
		return -1;
	puts(json_dump_indented(c, state_document(c, c, state_status(c))));
	return 0;
}

/* A line of the table: each column is as wide as its longest cell, but the last. */
enum { COLUMNS = 6, MIN_WIDTH = 12, PADDING = 3 };
struct row {
	const char *cells[COLUMNS];
};

static void print_table(const struct row *table, size_t count)
{
	size_t widths[COLUMNS];
	for (int column = 0; column < COLUMNS; column++) {
		widths[column] = MIN_WIDTH - PADDING;
		for (size_t i = 0; i < count; i++)
			if (strlen(table[i].cells[column]) > widths[column])
				widths[column] = strlen(table[i].cells[column]);
	}
	for (size_t i = 0; i < count; i++)
		for (int column = 0; column < COLUMNS; column++)
			printf("%-*s%s", column < COLUMNS - 1 ? (int)widths[column] + PADDING : 0, table[i].cells[column],
			       column < COLUMNS - 1 ? "" : "\n");
}

static int run_list(struct runc_call *call, int *ret_status, struct error *err)
{
	const struct show_options *o = call->options;
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	struct strlist *ids;
	(void)ret_status;
	if (state_ids(scratch, call->root, &ids, err) < 0)
		return -1;
	struct row *table = mem_array(scratch, struct row, ids->count + 1);
	struct json *documents = json_new_array(scratch);
	size_t count = 0;
	table[count++] = (struct row){ { "ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER" } };
	for (size_t i = 0; i < ids->count; i++) {
		struct runc_container *c;
		struct error one = ERROR_INIT;
		/* One that is being made or removed is none. */
		if (state_read(scratch, call->root, ids->items[i], &c, &one) < 0) {
			if (one.number != ENOENT)
				runc_log(LOG_WARNING_LEVEL, "%s", one.text);
			continue;
		}
		enum container_status status = state_status(c);
		table[count++] = (struct row){ { c->id, mem_printf(scratch, "%d", status == STATUS_STOPPED ? 0 : c->pid),
						 state_status_name(status), c->bundle, c->created, c->owner } };
		json_append(documents, state_document(c, c, status));
	}
	if (o->is_quiet)
		for (size_t i = 1; i < count; i++)
			puts(table[i].cells[0]);
	else if (o->format == FORMAT_JSON)
		puts(json_dump(scratch, documents));
	else
		print_table(table, count);
	return 0;
}

/* The output of ps(1) with these words. */
static int read_ps(const void *ctx, char **words, int word_count, char **ret, struct error *err)
{
	enum { MAX_BYTES = 16 << 20 };
	int ends[2];
	char **argv = mem_array(ctx, char *, word_count + 3);
	argv[0] = mem_strdup(ctx, "ps");
	argv[1] = mem_strdup(ctx, "-ef");
	for (int i = 0; i < word_count; i++)
		argv[1 + i] = words[i];
	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_set(err, errno, "cannot make a pipe");
	pid_t child = fork();
	if (child == 0) {
		dup2(ends[1], STDOUT_FILENO);
		execvp("ps", argv);
		fprintf(stderr, "ps: %s\n", strerror(errno));
		_exit(127);
	}
	close(ends[1]);
	CLEANUP_TALLOC char *name = mem_printf(NULL, "/dev/fd/%d", ends[0]);
	int r = child < 0 ? error_set(err, errno, "cannot fork") :
			    io_read_file(ctx, AT_FDCWD, name, MAX_BYTES, ret, NULL, err);
	close(ends[0]);
	int status = 0;
	if (child > 0 && waitpid(child, &status, 0) == child && status != 0 && r == 0)
		r = error_set(err, 0, "ps failed with status %d", WIFEXITED(status) ? WEXITSTATUS(status) : 128);
	return r;
}

/* The number of a blank-separated field of a line; -1 when there is none with this text. */
static int find_field(char *line, const char *text)
{
	char *rest = line;
	int index = 0;
	for (char *field = strtok_r(line, " \t", &rest); field; field = strtok_r(NULL, " \t", &rest), index++)
		if (strcmp(field, text) == 0)
			return index;
	return -1;
}

static long number_at(char *line, int index)
{
	char *rest = line, *field = strtok_r(line, " \t", &rest);
	while (field && index-- > 0)
		field = strtok_r(NULL, " \t", &rest);
	return field ? strtol(field, NULL, 10) : -1;
}

static int print_processes(void *scratch, char *text, const pid_t *pids, size_t count, struct error *err)
{
	char *rest = text, *line = strtok_r(text, "\n", &rest);
	int index = line ? find_field(mem_strdup(scratch, line), "PID") : -1;
	if (index < 0)
		return error_set(err, 0, "couldn't find PID field in ps output");
	puts(line);
	while ((line = strtok_r(NULL, "\n", &rest))) {
		long pid = number_at(mem_strdup(scratch, line), index);
		for (size_t i = 0; i < count; i++)
			if (pids[i] == pid)
				puts(line);
	}
	return 0;
}

static int run_ps(struct runc_call *call, int *ret_status, struct error *err)
{
	const struct show_options *o = call->options;
	CLEANUP_TALLOC struct runc_container *c = NULL;
	pid_t *pids = NULL;
	size_t count = 0;
	char *text;
	(void)ret_status;
	if (state_read(NULL, call->root, call->words[0], &c, err) < 0)
		return -1;
	if (state_status(c) != STATUS_STOPPED && process_list(c, c, &pids, &count, err) < 0)
		return -1;
	if (o->format == FORMAT_JSON) {
		printf("[");
		for (size_t i = 0; i < count; i++)
			printf("%s%d", i ? "," : "", (int)pids[i]);
		puts("]");
		return 0;
	}
	if (read_ps(c, call->words + 1, call->word_count - 1, &text, err) < 0)
		return -1;
	return print_processes(c, text, pids, count, err);
}

const struct runc_command runc_state_command = {
	.name = "state",
	.usage = "CONTAINER",
	.summary = "Show what a container is at the moment",
	.min_words = 1,
	.max_words = 1,
	.run = run_state,
};
const struct runc_command runc_list_command = {
	.name = "list",
	.usage = "",
	.summary = "List the containers",
	.options = list_rows,
	.options_bytes = sizeof(struct show_options),
	.max_words = 0,
	.run = run_list,
};
const struct runc_command runc_ps_command = {
	.name = "ps",
	.usage = "CONTAINER [PS-OPTION...]",
	.summary = "List the processes of a container",
	.options = ps_rows,
	.options_bytes = sizeof(struct show_options),
	.style = OPTIONS_FIRST,
	.min_words = 1,
	.max_words = RUNC_ANY_WORDS,
	.run = run_ps,
};
