/* SPDX-License-Identifier: Apache-2.0 */
/* An ignore file of any bytes, its last line a path: what is excluded below a folder is told of beforehand. */
#include <stdlib.h>
#include <string.h>

#include "builder/dockerfile/patterns.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	CLEANUP_TALLOC char *text = mem_strndup(NULL, (const char *)bytes, size);
	char *newline = strrchr(text, '\n');
	CLEANUP_TALLOC struct strlist *lines = patterns_read(NULL, text, newline ? newline - text : 0);
	struct patterns *p;
	struct error err = ERROR_INIT;
	char *path = newline ? newline + 1 : text;
	for (size_t i = 0; i < lines->count; i++)
		(void)pattern_match_name(lines->items[i], path);
	if (patterns_new(lines, lines, &p, &err) < 0) {
		if (!err.text[0])
			abort();
		return 0;
	}
	bool is_excluded = patterns_match(p, path);
	char *slash = strrchr(path, '/');
	if (!slash || slash == path || !slash[1] || is_excluded)
		return 0;
	/* What is included below an excluded folder is there by an exception that may match there. */
	*slash = '\0';
	if (patterns_match(p, path) && !patterns_may_include_below(p, path))
		abort();
	return 0;
}
