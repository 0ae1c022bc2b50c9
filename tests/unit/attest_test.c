/* SPDX-License-Identifier: Apache-2.0 */
/* What is attested of an image: provenance in BuildKit's shapes, packages by their managers' records. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "oci/attest.h"
#include "oci/json.h"
#include "oci/layerdir.h"
#include "tracer/base/io.h"
#include "tracer/base/mem.h"

struct place {
	char dir[64];
	struct store *store;
	struct chain *chain;
	struct layerdir *layer;
	struct error error;
};

static int setup(void **state)
{
	struct place *p = mem_new(NULL, struct place);
	snprintf(p->dir, sizeof(p->dir), "/tmp/fakebuild-test-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	assert_int_equal(store_open(p, p->dir, &p->store, &p->error), 0);
	p->chain = mem_new(p, struct chain);
	assert_int_equal(layerdir_begin(p, p->store, &p->layer, &p->error), 0);
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct place *p = *state;
	TALLOC_FREE(p->layer);
	TALLOC_FREE(p->store);
	io_remove_tree(AT_FDCWD, p->dir);
	talloc_free(p);
	return 0;
}

static void put(struct place *p, const char *path, const char *text)
{
	struct layer_attributes a = { .mode = S_IFREG | 0644, .mtime_sec = 3000 };
	FILE *file = tmpfile();
	assert_non_null(file);
	fputs(text, file);
	fflush(file);
	if (layerdir_file(p->layer, path, &a, fileno(file), &p->error) < 0)
		fail_msg("%s", p->error.text);
	fclose(file);
}

static struct json *parse(struct place *p, const char *text)
{
	struct json *root;
	if (json_parse(p, text, "the predicate", &root, &p->error) < 0)
		fail_msg("%s", p->error.text);
	return root;
}

static struct json *sbom_of(struct place *p)
{
	struct attestation a;
	char *id;
	assert_int_equal(layerdir_finish(p, p->layer, &id, &p->error), 0);
	chain_push(p->chain, id);
	if (sbom_make(p, p->store, p->chain, "app:1", "2026-01-02T03:04:05Z", &a, &p->error) < 0)
		fail_msg("%s", p->error.text);
	assert_string_equal(a.predicate_type, "https://spdx.dev/Document");
	return parse(p, a.predicate_json);
}

/* ---- provenance ---- */

static const struct provenance_material alpine = {
	"pkg:docker/alpine@latest?platform=linux%2Famd64", "sha256:8914eb54f968791faf6a8638949e480fef81e697984fba772b3976835194c6d4"
};

static char *provenance_of(struct place *p, const char *wishes_text)
{
	static struct attest_wishes wishes;
	struct strlist *args = strlist_new(p), *locals = strlist_new(p), *secrets = strlist_new(p);
	struct attestation a;
	wishes = (struct attest_wishes){ .has_sbom = false };
	if (attest_parse(p, wishes_text, &wishes, &p->error) < 0)
		fail_msg("%s", p->error.text);
	strlist_add(args, "target=release");
	strlist_add(args, "build-arg:TOKEN=secret");
	strlist_add(locals, "context");
	strlist_add(locals, "dockerfile");
	strlist_add(secrets, "key");
	struct provenance v = {
		.wishes = &wishes, .invocation_id = "id", .started = "2026-01-02T03:04:05Z",
		.finished = "2026-01-02T03:04:06Z", .entry_point = "Dockerfile", .args = args, .locals = locals,
		.secrets = secrets, .builder_platform = "linux/amd64", .materials = &alpine, .material_count = 1,
	};
	provenance_make(p, &v, &a);
	return mem_printf(p, "%s\n%s", a.predicate_type, a.predicate_json);
}

static void small_provenance_is_buildkits(void **state)
{
	struct place *p = *state;
	/* The example of BuildKit's docs/attestations/slsa-provenance.md, its members in this order. */
	assert_string_equal(provenance_of(p, "type=provenance,mode=min"),
		"https://slsa.dev/provenance/v1\n"
		"{\"buildDefinition\":{\"buildType\":"
		"\"https://github.com/moby/buildkit/blob/master/docs/attestations/slsa-definitions.md\","
		"\"externalParameters\":{\"configSource\":{\"path\":\"Dockerfile\"},\"request\":{\"frontend\":\"dockerfile.v0\","
		"\"args\":{\"target\":\"release\"},\"locals\":[{\"name\":\"context\"},{\"name\":\"dockerfile\"}]}},"
		"\"internalParameters\":{\"builderPlatform\":\"linux/amd64\"},\"resolvedDependencies\":["
		"{\"uri\":\"pkg:docker/alpine@latest?platform=linux%2Famd64\",\"digest\":"
		"{\"sha256\":\"8914eb54f968791faf6a8638949e480fef81e697984fba772b3976835194c6d4\"}}]},"
		"\"runDetails\":{\"builder\":{\"id\":\"\"},\"metadata\":{\"invocationId\":\"id\","
		"\"startedOn\":\"2026-01-02T03:04:05Z\",\"finishedOn\":\"2026-01-02T03:04:06Z\",\"buildkit_metadata\":{},"
		"\"buildkit_completeness\":{\"request\":false,\"resolvedDependencies\":false},"
		"\"buildkit_reproducible\":false}}}");
}

static void the_older_version_has_its_own_shape(void **state)
{
	struct place *p = *state;
	const char *text = provenance_of(p, "type=provenance,mode=min,version=v0.2,builder-id=https://ci/1,reproducible=true");
	const char *predicate = strchr(text, '\n') + 1;
	assert_memory_equal(text, "https://slsa.dev/provenance/v0.2\n", 33);
	struct json *root = parse(p, predicate), *invocation = json_get(root, "invocation");
	assert_string_equal(json_get_string(root, "buildType"), "https://mobyproject.org/buildkit@v1");
	assert_string_equal(json_get_string(json_get(root, "builder"), "id"), "https://ci/1");
	assert_string_equal(json_get_string(json_get(invocation, "configSource"), "entryPoint"), "Dockerfile");
	assert_string_equal(json_get_string(json_get(invocation, "environment"), "platform"), "linux/amd64");
	assert_true(json_get_bool(json_get(root, "metadata"), "reproducible", false));
	assert_null(strstr(predicate, "TOKEN"));
}

static void large_provenance_tells_of_arguments_but_no_secret(void **state)
{
	struct place *p = *state;
	const char *text = provenance_of(p, "type=provenance");
	assert_non_null(strstr(text, "\"build-arg:TOKEN\":\"secret\""));
	assert_non_null(strstr(text, "\"secrets\":[{\"id\":\"key\"}]"));
	assert_non_null(strstr(text, "\"request\":true"));
}

static void wishes_are_read_and_wrong_ones_named(void **state)
{
	struct place *p = *state;
	struct attest_wishes w = { .has_sbom = false };
	assert_int_equal(attest_parse(p, "type=sbom", &w, &p->error), 0);
	assert_true(w.has_sbom && !w.has_provenance);
	assert_int_equal(attest_parse(p, "type=sbom,disabled=true", &w, &p->error), 0);
	assert_false(w.has_sbom);
	assert_int_equal(attest_parse(p, "type=scan", &w, &p->error), -1);
	assert_string_equal(p->error.text, "--attest 'type=scan': 'scan' is no type of attestation: want provenance or sbom");
	assert_int_equal(attest_parse(p, "type=provenance,mode=all", &w, &p->error), -1);
	assert_string_equal(p->error.text, "--attest 'type=provenance,mode=all': mode=all: want min or max");
	assert_false(w.has_provenance);
}

/* ---- what is in it ---- */

static struct json *package_named(struct json *root, const char *name)
{
	struct json *list = json_get(root, "packages");
	for (unsigned i = 0; i < json_length(list); i++)
		if (strcmp(json_get_string(json_at(list, i), "name"), name) == 0)
			return json_at(list, i);
	return NULL;
}

static const char *purl_of(struct json *package)
{
	return json_get_string(json_at(json_get(package, "externalRefs"), 0), "referenceLocator");
}

static void packages_are_those_that_dpkg_has_installed(void **state)
{
	struct place *p = *state;
	put(p, "etc/os-release", "NAME=Debian\nID=debian\nVERSION_ID=\"12\"\n");
	put(p, "var/lib/dpkg/status",
	    "Package: libc6\nStatus: install ok installed\nArchitecture: amd64\nSource: glibc\nVersion: 2:2.36-9+deb12u1\n"
	    "Description: words\n Package: not-one\n\n"
	    "Package: gone\nStatus: deinstall ok config-files\nVersion: 1\n\n"
	    "Package: last\nStatus: install ok installed\nVersion: 3~rc1\nMaintainer: A B <a@b>\n");
	put(p, "var/lib/dpkg/status.d/tzdata", "Package: tzdata\nVersion: 2024a\nArchitecture: all\n");
	put(p, "var/lib/dpkg/status.d/tzdata.md5sums", "Package: sums\n\n");
	struct json *root = sbom_of(p);
	assert_int_equal(json_length(json_get(root, "packages")), 4);
	assert_string_equal(purl_of(package_named(root, "libc6")),
			    "pkg:deb/debian/libc6@2%3A2.36-9%2Bdeb12u1?arch=amd64&distro=debian-12");
	assert_string_equal(purl_of(package_named(root, "last")), "pkg:deb/debian/last@3~rc1?distro=debian-12");
	assert_string_equal(json_get_string(package_named(root, "last"), "supplier"), "Person: A B <a@b>");
	assert_string_equal(json_get_string(package_named(root, "libc6"), "sourceInfo"), "built package from: glibc");
	assert_non_null(package_named(root, "tzdata"));
	assert_null(json_get(root, "files"));
	assert_string_equal(json_get_string(root, "spdxVersion"), "SPDX-2.3");
}

static void packages_are_apks(void **state)
{
	struct place *p = *state;
	put(p, "lib/apk/db/installed", "C:Q1x\nP:musl\nV:1.2.4-r2\nA:x86_64\nL:MIT\no:musl\nF:lib\nR:ld.so\n\n"
				       "P:busybox\nV:1.36\nA:x86_64\n\n");
	struct json *root = sbom_of(p);
	assert_int_equal(json_length(json_get(root, "packages")), 3);
	assert_string_equal(purl_of(package_named(root, "musl")), "pkg:apk/alpine/musl@1.2.4-r2?arch=x86_64");
	assert_string_equal(json_get_string(package_named(root, "musl"), "licenseDeclared"), "MIT");
}

static void without_a_package_manager_files_are_listed(void **state)
{
	struct place *p = *state;
	put(p, "bin/app", "program");
	put(p, "bin/a", "");
	struct json *root = sbom_of(p), *files = json_get(root, "files");
	assert_int_equal(json_length(files), 2);
	assert_string_equal(json_get_string(json_at(files, 1), "fileName"), "/bin/app");
	assert_string_equal(json_get_string(json_at(json_get(json_at(files, 0), "checksums"), 0), "checksumValue"),
			    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(small_provenance_is_buildkits, setup, teardown),
		cmocka_unit_test_setup_teardown(the_older_version_has_its_own_shape, setup, teardown),
		cmocka_unit_test_setup_teardown(large_provenance_tells_of_arguments_but_no_secret, setup, teardown),
		cmocka_unit_test_setup_teardown(wishes_are_read_and_wrong_ones_named, setup, teardown),
		cmocka_unit_test_setup_teardown(packages_are_those_that_dpkg_has_installed, setup, teardown),
		cmocka_unit_test_setup_teardown(packages_are_apks, setup, teardown),
		cmocka_unit_test_setup_teardown(without_a_package_manager_files_are_listed, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
