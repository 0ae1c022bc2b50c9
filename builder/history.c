/* SPDX-License-Identifier: Apache-2.0 */
/* The command history: the steps that made an image, from its configuration. */
#include <string.h>

#include "builder/command.h"
#include "builder/listing.h"
#include "oci/json.h"
#include "tracer/base/text.h"

struct history_options {
	int format; /* enum listing_format */
	bool is_quiet, is_whole;
};

#define HISTORY_MEMBER(member) offsetof(struct history_options, member)
static const struct option_row history_rows[] = {
	{ "format", 0, LISTING_FORMATS, "json: an object a line", OPTION_CHOICE,
	  HISTORY_MEMBER(format) },
	{ "no-trunc", 0, NULL, "Show whole ids and commands", OPTION_FLAG,
	  HISTORY_MEMBER(is_whole) },
	{ "quiet", 'q', NULL, "Show only ids", OPTION_FLAG, HISTORY_MEMBER(is_quiet) },
	{ NULL, 0, NULL, NULL, OPTION_FLAG, 0 },
};

static const struct column history_columns[] = {
	{ "IMAGE", "ID" },  { "CREATED", "CreatedSince" }, { "CREATED BY", "CreatedBy" },
	{ "SIZE", "Size" }, { "COMMENT", "Comment" },      { NULL, "CreatedAt" },
	{ NULL, NULL },
};

/* "/bin/sh -c apt-get ins…", Docker's 45 characters; a step of several lines stays in one. */
static char *shown_command(const void *ctx, const char *command, bool is_whole)
{
	enum { SHOWN = 45 };
	char *text = mem_strdup(ctx, command);
	for (char *p = text; *p; p++)
		if (*p == '\n' || *p == '\t')
			*p = ' ';
	if (is_whole || strlen(text) <= SHOWN)
		return text;
	return mem_printf(ctx, "%.*s…", SHOWN - 1, text);
}

static int run_history(struct invocation *inv, int *ret_status, struct error *err)
{
	const struct history_options *o = inv->options;
	(void)ret_status;
	struct image *image;
	struct json *config;
	char size[16];
	if (invocation_image(inv, inv->args[0], &image, err) < 0 ||
	    json_parse(inv, image->config_json, "image configuration", &config, err) < 0)
		return -1;
	struct json *history = json_get(config, "history");
	struct listing *l = listing_new(inv, history_columns);
	unsigned layer = image->layer_count;
	for (unsigned i = json_length(history); i-- > 0;) {
		struct json *step = json_at(history, i);
		const char *created = json_get_string(step, "created");
		const char *command = json_get_string(step, "created_by");
		const char *comment = json_get_string(step, "comment");
		bool is_empty = json_get_bool(step, "empty_layer", false);
		/* A configuration may tell of more layers than it has. */
		int64_t bytes = !is_empty && layer > 0 ? image->layers[--layer].size_bytes : 0;
		bool is_newest = i + 1 == json_length(history);
		listing_cell(l, "%s",
			     is_newest ? listing_id(inv, image->config.digest, o->is_whole) :
					 "<missing>");
		listing_cell(l, "%s", listing_ago(inv, created));
		listing_cell(l, "%s",
			     shown_command(inv, command ? command : "", o->is_whole || o->format));
		listing_cell(l, "%s", text_size(bytes, size, sizeof(size)));
		listing_cell(l, "%s", comment ? comment : "");
		listing_cell(l, "%s", created ? created : "");
	}
	if (o->is_quiet)
		listing_print_column(l, stdout, 0);
	else
		listing_print(l, stdout, o->format);
	return 0;
}

extern const struct command command_history;

const struct command command_history = {
	.name = "history",
	.usage = "[OPTIONS] IMAGE",
	.summary = "List the steps that made an image",
	.group = GROUP_IMAGES,
	.words = WORDS_IMAGES,
	.options = history_rows,
	.options_bytes = sizeof(struct history_options),
	.min_args = 1,
	.max_args = 1,
	.run = run_history,
};
