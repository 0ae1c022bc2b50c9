/* SPDX-License-Identifier: Apache-2.0 */
/* URLs of repositories of any bytes: nothing in what is accepted can be an option to git or leave
 * the repository. */
#include <stdlib.h>
#include <string.h>

#include "builder/build/git.h"
#include "tests/fuzz/fuzz.h"
#include "tracer/base/mem.h"

/* One argument of git. */
static void must_be_plain(const char *text)
{
	must(*text != '-');
	for (; *text; text++)
		must((unsigned char)*text >= ' ' && *text != 0x7f);
}

static void must_be_inside(const char *path)
{
	CLEANUP_TALLOC char *copy = mem_strdup(NULL, path);
	char *save = NULL;
	must(*path != '/');
	for (const char *part = strtok_r(copy, "/", &save); part; part = strtok_r(NULL, "/", &save))
		must(strcmp(part, "..") != 0 && strcmp(part, ".") != 0);
}

static void parse(const char *text, bool is_context)
{
	CLEANUP_TALLOC void *scratch = mem_new(NULL, char);
	struct git_url *u = NULL, *remote;
	struct error err = ERROR_INIT;
	if (git_url_parse(scratch, text, is_context, &u, &err) < 0) {
		must(err.text[0] != '\0');
		return;
	}
	if (!u)
		return;
	must_be_plain(u->remote);
	must(!strpbrk(u->remote, "?#") && u->subdir && u->keeps_git_dir >= -1 &&
	     u->keeps_git_dir <= 1);
	must_be_inside(u->subdir);
	if (u->ref)
		must_be_plain(u->ref);
	if (u->checksum)
		must_be_plain(u->checksum);
	/* What git fetches from names the same repository. */
	must(git_url_parse(scratch, u->remote, false, &remote, &err) == 0);
	if (remote)
		must(strcmp(remote->remote, u->remote) == 0 && !remote->ref && !*remote->subdir);
	else
		must(is_context);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	CLEANUP_TALLOC char *text = mem_strndup(NULL, (const char *)bytes, size);
	parse(text, false);
	parse(text, true);
	return 0;
}
