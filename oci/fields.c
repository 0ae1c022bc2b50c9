/* SPDX-License-Identifier: Apache-2.0 */
/* Owns how options of fields are taken apart; what the fields mean, their readers know. */
#include "oci/fields.h"

#include <string.h>

/* Cut the next field off *at: up to a comma, or in quotes, where two stand for one.  NULL: none, or a broken one. */
static char *next_field(const void *ctx, const char **at)
{
	const char *from = *at;
	char *field = mem_strdup(ctx, from), *to = field;
	bool is_quoted = *from == '"';
	for (from += is_quoted; *from && (is_quoted || *from != ','); from++) {
		if (is_quoted && *from == '"' && from[1] != '"') {
			is_quoted = false;
			continue;
		}
		from += is_quoted && *from == '"';
		*to++ = *from;
	}
	*to = '\0';
	if (is_quoted) {
		talloc_free(field);
		return NULL;
	}
	*at = from + (*from == ',');
	return field;
}

int fields_split(const void *ctx, const char *text, struct strlist **ret, struct error *err)
{
	struct strlist *fields = strlist_new(ctx);
	for (const char *at = text; *at;) {
		CLEANUP_TALLOC char *field = next_field(NULL, &at);
		if (!field) {
			talloc_free(fields);
			return error_set(err, 0, "a quote is not closed");
		}
		strlist_add(fields, field);
	}
	*ret = fields;
	return 0;
}

int fields_flag(const char *key, const char *value, bool *ret, struct error *err)
{
	static const char *const yes[] = { "1", "t", "T", "true", "TRUE", "True" };
	static const char *const no[] = { "0", "f", "F", "false", "FALSE", "False" };
	for (size_t i = 0; i < sizeof(yes) / sizeof(*yes); i++) {
		bool is_yes = strcmp(value, yes[i]) == 0;
		if (is_yes || strcmp(value, no[i]) == 0) {
			*ret = is_yes;
			return 0;
		}
	}
	return error_set(err, 0, "%s=%s: want true or false", key, value);
}
