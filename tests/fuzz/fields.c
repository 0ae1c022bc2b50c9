/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of fields, of any bytes: fields that are quoted and joined come out again as they were. */
#include <string.h>

#include "oci/fields.h"
#include "tests/fuzz/fuzz.h"

static char *quote(const void *ctx, const char *field)
{
	char *text = mem_array(ctx, char, 2 * strlen(field) + 3), *to = text;
	*to++ = '"';
	for (; *field; field++) {
		if (*field == '"')
			*to++ = '"';
		*to++ = *field;
	}
	*to = '"';
	return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	CLEANUP_TALLOC void *scratch = mem_new(NULL, char);
	const char *text = mem_strndup(scratch, (const char *)bytes, size);
	struct strlist *fields, *again;
	struct error err = ERROR_INIT;
	bool flag;
	if (fields_flag("key", text, &flag, &err) < 0)
		must(err.text[0] != '\0');
	if (fields_split(scratch, text, &fields, &err) < 0) {
		must(strchr(text, '"') != NULL && err.text[0]);
		return 0;
	}
	char *joined = mem_strdup(scratch, "");
	for (size_t i = 0; i < fields->count; i++)
		joined = mem_append(joined, "%s%s", i ? "," : "", quote(scratch, fields->items[i]));
	must(fields_split(scratch, joined, &again, &err) == 0 && again->count == fields->count);
	for (size_t i = 0; i < fields->count; i++)
		must(strcmp(fields->items[i], again->items[i]) == 0);
	return 0;
}
