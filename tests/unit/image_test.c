/* SPDX-License-Identifier: Apache-2.0 */
/* Digests, JSON documents, manifests and configurations, from the world and made. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "oci/derive.h"
#include "oci/digest.h"
#include "oci/image.h"
#include "oci/json.h"
#include "tracer/base/mem.h"

#define HEX "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define DIGEST "sha256:" HEX
#define CONFIG "\"config\":{\"mediaType\":\"" MEDIA_OCI_CONFIG "\",\"digest\":\"" DIGEST "\",\"size\":2}"

static void digest_is_of_the_bytes(void **state)
{
	char text[DIGEST_ROOM];
	(void)state;
	digest_of("", 0, text);
	assert_string_equal(text, DIGEST);
}

static void only_plain_sha256_is_a_digest(void **state)
{
	static const char *const bad[] = {
		"", "sha256:", HEX, "sha512:" HEX, "sha256:" HEX "0", "sha256:../../../../etc/passwd",
		"sha256:E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855", DIGEST "\n", " " DIGEST,
	};
	(void)state;
	assert_true(digest_is_valid(DIGEST));
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_false(digest_is_valid(bad[i]));
}

static void malformed_json_is_refused(void **state)
{
	static const char *const bad[] = { "", "{", "{\"a\":1,\"a\":2}", "{} x", "{\"a\":\"\xff\"}" };
	CLEANUP_TALLOC char *deep = mem_array(NULL, char, 200001);
	struct json *root;
	struct error err = ERROR_INIT;
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(json_parse(NULL, bad[i], "it", &root, &err), -1);
	memset(deep, '[', 200000);
	assert_int_equal(json_parse(NULL, deep, "it", &root, &err), -1);
}

static void manifest_and_index_at_once_is_refused(void **state)
{
	bool is_index;
	struct error err = ERROR_INIT;
	(void)state;
	assert_int_equal(manifest_is_index("{\"manifests\":[],\"layers\":[]}", NULL, &is_index, &err), -1);
	assert_int_equal(manifest_is_index("{\"layers\":[]}", MEDIA_OCI_INDEX, &is_index, &err), -1);
	assert_int_equal(manifest_is_index("{\"manifests\":[],\"mediaType\":\"" MEDIA_OCI_MANIFEST "\"}", NULL,
					   &is_index, &err), -1);
	assert_int_equal(manifest_is_index("{\"manifests\":[]}", MEDIA_DOCKER_LIST, &is_index, &err), 0);
	assert_true(is_index);
}

static struct image *parse(const void *ctx, const char *json)
{
	char digest[] = DIGEST;
	struct descriptor manifest = { .digest = digest };
	struct image *image = NULL;
	struct error err = ERROR_INIT;
	return image_parse_manifest(ctx, json, &manifest, &image, &err) < 0 ? NULL : image;
}

static void hostile_manifests_are_refused(void **state)
{
	CLEANUP_TALLOC void *ctx = talloc_new(NULL);
	(void)state;
	assert_non_null(parse(ctx, "{\"schemaVersion\":2," CONFIG ",\"layers\":[]}"));
	assert_null(parse(ctx, "{\"layers\":[]}"));
	assert_null(parse(ctx, "{" CONFIG ",\"layers\":[{\"mediaType\":\"" MEDIA_OCI_LAYER
			       "\",\"digest\":\"sha256:../../x\",\"size\":1}]}"));
	assert_null(parse(ctx, "{" CONFIG ",\"layers\":[{\"mediaType\":\"" MEDIA_OCI_LAYER "\",\"digest\":\"" DIGEST
			       "\",\"size\":-1}]}"));
	assert_null(parse(ctx, "{" CONFIG ",\"layers\":[{\"mediaType\":\"text/plain\",\"digest\":\"" DIGEST
			       "\",\"size\":1}]}"));
	assert_null(parse(ctx, "{" CONFIG ",\"layers\":[7]}"));
	assert_null(parse(ctx, "[]"));
}

static void config_must_name_as_many_layers_as_the_manifest(void **state)
{
	CLEANUP_TALLOC void *ctx = talloc_new(NULL);
	struct error err = ERROR_INIT;
	(void)state;
	struct image *image = parse(ctx, "{" CONFIG ",\"layers\":[]}");
	assert_int_equal(image_parse_config(image, "{\"rootfs\":{\"diff_ids\":[\"" DIGEST "\"]}}", &err), -1);
	assert_int_equal(image_parse_config(image, "{\"rootfs\":{\"diff_ids\":[]}}", &err), 0);
}

static void platform_falls_back_to_older_variants_of_arm(void **state)
{
	CLEANUP_TALLOC void *ctx = talloc_new(NULL);
	struct manifest_index *index;
	const struct descriptor *chosen;
	struct error err = ERROR_INIT;
	(void)state;
#define ENTRY(size, os, arch, rest) "{\"mediaType\":\"" MEDIA_OCI_MANIFEST "\",\"digest\":\"" DIGEST "\",\"size\":" size \
	",\"platform\":{\"os\":\"" os "\",\"architecture\":\"" arch "\"" rest "}}"
	assert_int_equal(manifest_index_parse(ctx, "{\"manifests\":[" ENTRY("1", "unknown", "unknown", "") ","
		ENTRY("2", "linux", "amd64", "") "," ENTRY("5", "linux", "arm", ",\"variant\":\"v5\"") ","
		ENTRY("6", "linux", "arm", ",\"variant\":\"v6\"") "]}", &index, &err), 0);
	assert_int_equal(manifest_index_choose(index, "linux/arm/v7", &chosen, &err), 0);
	assert_int_equal(chosen->size_bytes, 6);
	assert_int_equal(manifest_index_choose(index, "linux/arm/v5", &chosen, &err), 0);
	assert_int_equal(chosen->size_bytes, 5);
	assert_int_equal(manifest_index_choose(index, "x86_64", &chosen, &err), 0);
	assert_int_equal(chosen->size_bytes, 2);
	assert_int_equal(manifest_index_choose(index, "linux/s390x", &chosen, &err), -1);
	assert_non_null(strstr(err.text, "linux/arm/v6"));
}

static void derived_config_keeps_unknown_fields_and_adds_history(void **state)
{
	CLEANUP_TALLOC void *ctx = talloc_new(NULL);
	struct error err = ERROR_INIT;
	struct json *root;
	char *config, digest[] = DIGEST, type[] = MEDIA_OCI_LAYER_GZIP;
	struct descriptor layer = { .media_type = type, .digest = digest, .size_bytes = 1 };
	(void)state;
	struct image *image = parse(ctx, "{" CONFIG ",\"layers\":[]}");
	assert_int_equal(image_parse_config(image, "{\"os\":\"linux\",\"x-future\":{\"y\":[1]},\"config\":{\"Env\":"
		"[\"PATH=/bin\",\"A=1\"],\"Healthcheck\":{\"Test\":[\"NONE\"]}},\"rootfs\":{\"diff_ids\":[]},"
		"\"history\":[{\"created_by\":\"old\"}]}", &err), 0);
	struct strlist *lines = strlist_new(ctx);
	strlist_add(lines, "CMD [\"a\",\"b c\"]");
	strlist_add(lines, "ENTRYPOINT run it");
	strlist_add(lines, "ENV A=2");
	strlist_add(lines, "EXPOSE 80 53/udp");
	strlist_add(lines, "LABEL who=\"me too\"");
	strlist_add(lines, "USER 1000:1000");
	strlist_add(lines, "VOLUME /data");
	strlist_add(lines, "WORKDIR /w");
	strlist_add(lines, "STOPSIGNAL SIGINT");
	strlist_add(lines, "ONBUILD RUN x");
	struct image_changes changes = { .created_by = "new", .change = lines };
	setenv("SOURCE_DATE_EPOCH", "86400", 1);
	assert_int_equal(image_derive(ctx, image, &layer, DIGEST, &changes, &config, &err), 0);
	unsetenv("SOURCE_DATE_EPOCH");
	assert_int_equal(json_parse(ctx, config, "config", &root, &err), 0);
	struct json *run = json_get(root, "config");
	assert_string_equal(json_get_string(root, "created"), "1970-01-02T00:00:00Z");
	assert_int_equal(json_length(json_get(json_get(root, "x-future"), "y")), 1);
	assert_non_null(json_get(run, "Healthcheck"));
	assert_string_equal(json_text(json_at(json_get(run, "Cmd"), 1)), "b c");
	assert_string_equal(json_text(json_at(json_get(run, "Entrypoint"), 2)), "run it");
	assert_int_equal(json_length(json_get(run, "Env")), 2);
	assert_string_equal(json_text(json_at(json_get(run, "Env"), 1)), "A=2");
	assert_non_null(json_get(json_get(run, "ExposedPorts"), "80/tcp"));
	assert_non_null(json_get(json_get(run, "ExposedPorts"), "53/udp"));
	assert_string_equal(json_get_string(json_get(run, "Labels"), "who"), "me too");
	assert_string_equal(json_get_string(run, "User"), "1000:1000");
	assert_non_null(json_get(json_get(run, "Volumes"), "/data"));
	assert_string_equal(json_get_string(run, "WorkingDir"), "/w");
	assert_string_equal(json_get_string(run, "StopSignal"), "SIGINT");
	assert_string_equal(json_text(json_at(json_get(run, "OnBuild"), 0)), "RUN x");
	assert_int_equal(json_length(json_get(root, "history")), 2);
	assert_string_equal(json_get_string(json_at(json_get(root, "history"), 1), "created_by"), "new");
	assert_int_equal(json_length(json_get(json_get(root, "rootfs"), "diff_ids")), 1);
}

static void several_pairs_on_one_change_line_are_several(void **state)
{
	CLEANUP_TALLOC void *ctx = talloc_new(NULL);
	struct error err = ERROR_INIT;
	struct json *root;
	char *config;
	(void)state;
	struct strlist *lines = strlist_new(ctx);
	strlist_add(lines, "ENV A=1 B=\"two words\" C=x\\ y");
	strlist_add(lines, "ENV OLD the rest");
	struct image_changes changes = { .change = lines };
	struct strlist *bad = strlist_new(ctx);
	strlist_add(bad, "ENV A=1 B");
	struct image_changes refused = { .change = bad };
	assert_int_equal(image_derive(ctx, NULL, NULL, NULL, &refused, &config, &err), -1);
	assert_int_equal(image_derive(ctx, NULL, NULL, NULL, &changes, &config, &err), 0);
	assert_int_equal(json_parse(ctx, config, "config", &root, &err), 0);
	struct json *env = json_get(json_get(root, "config"), "Env");
	assert_int_equal(json_length(env), 4);
	assert_string_equal(json_text(json_at(env, 0)), "A=1");
	assert_string_equal(json_text(json_at(env, 1)), "B=two words");
	assert_string_equal(json_text(json_at(env, 2)), "C=x y");
	assert_string_equal(json_text(json_at(env, 3)), "OLD=the rest");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(digest_is_of_the_bytes),
		cmocka_unit_test(only_plain_sha256_is_a_digest),
		cmocka_unit_test(malformed_json_is_refused),
		cmocka_unit_test(manifest_and_index_at_once_is_refused),
		cmocka_unit_test(hostile_manifests_are_refused),
		cmocka_unit_test(config_must_name_as_many_layers_as_the_manifest),
		cmocka_unit_test(platform_falls_back_to_older_variants_of_arm),
		cmocka_unit_test(derived_config_keeps_unknown_fields_and_adds_history),
		cmocka_unit_test(several_pairs_on_one_change_line_are_several),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
