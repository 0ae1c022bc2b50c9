/* SPDX-License-Identifier: Apache-2.0 */
/* A bundle's config.json, of any bytes: a sentence, or a spec whose ids, paths and lists are what the header says. */
#include <limits.h>
#include <string.h>

#include "compat/runc/spec.h"
#include "tests/fuzz/fuzz.h"

static void check_process(const struct spec_process *p)
{
	must(p->cwd[0] == '/' && p->args->count > 0 && p->user.uid <= INT_MAX && p->user.gid <= INT_MAX);
	for (size_t i = 0; i < p->user.additional_gid_count; i++)
		must(p->user.additional_gids[i] <= INT_MAX);
	for (size_t i = 0; i < p->env->count; i++)
		must(strchr(p->env->items[i], '=') != NULL);
	for (size_t i = 0; i < p->rlimit_count; i++)
		must(p->rlimits[i].soft <= p->rlimits[i].hard && p->rlimits[i].resource >= 0);
}

static void check_spec(const struct spec *spec)
{
	must(spec->root[0] == '/' && !strstr(spec->root, "/../") && spec->oci_version[0] == '1');
	if (spec->process)
		check_process(spec->process);
	for (size_t i = 0; i < spec->mount_count; i++) {
		must(spec->mounts[i].destination[0] == '/' && spec->mounts[i].data);
		must(!(spec->mounts[i].recursive_flags & spec->mounts[i].recursive_cleared));
	}
	for (size_t i = 0; i < spec->device_count; i++)
		must(spec->devices[i].path[0] == '/' && spec->devices[i].uid <= INT_MAX);
	for (int kind = 0; kind < HOOK_KINDS; kind++)
		for (size_t i = 0; i < spec->hooks[kind].count; i++)
			must(spec->hooks[kind].items[i].path[0] == '/' && spec->hooks[kind].items[i].timeout_seconds >= 0);
	for (size_t i = 0; i < spec->namespace_count; i++)
		must(spec->namespaces[i].clone_flag != 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	CLEANUP_TALLOC void *scratch = mem_new(NULL, char);
	const char *text = mem_strndup(scratch, (const char *)bytes, size);
	struct json *document;
	struct spec *spec;
	struct error err = ERROR_INIT;
	if (json_parse_unsigned(scratch, text, "config.json", &document, &err) < 0 ||
	    spec_of_document(scratch, "/bundle", "config.json", document, &spec, &err) < 0) {
		must(strncmp(err.text, "config.json", strlen("config.json")) == 0);
		return 0;
	}
	check_spec(spec);
	/* What is kept in state.json is read again as the same. */
	CLEANUP_TALLOC char *again = json_dump(NULL, spec->document);
	must(json_parse_unsigned(scratch, again, "state.json", &document, &err) == 0);
	must(spec_of_document(scratch, "/bundle", "state.json", document, &spec, &err) == 0);
	check_spec(spec);
	return 0;
}
