/* SPDX-License-Identifier: Apache-2.0 */
/* References as distribution/reference reads them; the cases are of its normalize_test.go and more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "oci/reference.h"
#include "tracer/base/mem.h"

#define HEX "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define DIGEST "sha256:" HEX

static const struct {
	const char *text, *registry, *repository, *tag, *digest, *familiar;
} good[] = {
	{ "debian", "docker.io", "library/debian", "latest", NULL, "debian:latest" },
	{ "debian:12", "docker.io", "library/debian", "12", NULL, "debian:12" },
	{ "docker.io/debian:12", "docker.io", "library/debian", "12", NULL, "debian:12" },
	{ "index.docker.io/debian", "docker.io", "library/debian", "latest", NULL, "debian:latest" },
	{ "docker.io/library/debian", "docker.io", "library/debian", "latest", NULL, "debian:latest" },
	{ "docker/whale", "docker.io", "docker/whale", "latest", NULL, "docker/whale:latest" },
	{ "docker.io/library/a/b", "docker.io", "library/a/b", "latest", NULL, "library/a/b:latest" },
	{ "localhost/x", "localhost", "x", "latest", NULL, "localhost/x:latest" },
	{ "localhost:5000/x:1", "localhost:5000", "x", "1", NULL, "localhost:5000/x:1" },
	{ "localhost:5000", "docker.io", "library/localhost", "5000", NULL, "localhost:5000" },
	{ "127.0.0.1:5000/a/b/c", "127.0.0.1:5000", "a/b/c", "latest", NULL,
	  "127.0.0.1:5000/a/b/c:latest" },
	{ "[::1]:5000/a", "[::1]:5000", "a", "latest", NULL, "[::1]:5000/a:latest" },
	{ "Foo/bar", "Foo", "bar", "latest", NULL, "Foo/bar:latest" },
	{ "foo/bar", "docker.io", "foo/bar", "latest", NULL, "foo/bar:latest" },
	{ "xn--n3h.com/a-b--c__d.e", "xn--n3h.com", "a-b--c__d.e", "latest", NULL,
	  "xn--n3h.com/a-b--c__d.e:latest" },
	{ "debian@" DIGEST, "docker.io", "library/debian", NULL, DIGEST, "debian@" DIGEST },
	{ "debian:12@" DIGEST, "docker.io", "library/debian", "12", DIGEST, "debian:12@" DIGEST },
	{ "quay.io/a/b:_x.Y-9", "quay.io", "a/b", "_x.Y-9", NULL, "quay.io/a/b:_x.Y-9" },
	{ "e3b0c44298fc", "docker.io", "library/e3b0c44298fc", "latest", NULL, "e3b0c44298fc:latest" },
};

static void references_are_normalised(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		CLEANUP_TALLOC struct reference *r = NULL;
		struct error err = ERROR_INIT;
		if (reference_parse(NULL, good[i].text, &r, &err) < 0)
			fail_msg("%s: %s", good[i].text, err.text);
		assert_string_equal(r->registry, good[i].registry);
		assert_string_equal(r->repository, good[i].repository);
		assert_string_equal(r->familiar, good[i].familiar);
		assert_int_equal(!r->tag, !good[i].tag);
		assert_int_equal(!r->digest, !good[i].digest);
		if (r->tag)
			assert_string_equal(r->tag, good[i].tag);
		if (r->digest)
			assert_string_equal(r->digest, good[i].digest);
		/* A normalised name is its own normal form. */
		CLEANUP_TALLOC struct reference *again = NULL;
		assert_int_equal(reference_parse(NULL, r->name, &again, &err), 0);
		assert_string_equal(again->name, r->name);
	}
}

static const char *const bad[] = {
	"", ":", "@", "/", "a/", "/a", "a//b", "a:", "a@", "a:b:c", "A", "docker.io/A", "foo/Bar",
	"-a", "a-", "a..b", "a___b", ".a", "a/_b", "a b", "a\n", "a:-x", "a:.x", "a:x/", HEX,
	"debian@" HEX, "debian@sha256:123", "debian@sha512:" HEX, "debian@" DIGEST "0",
	"debian@sha256:E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855",
	"-x.com/a", "x-.com/a", "x..com/a", "x.com:/a", "x.com:1a/a", "x.com:123456/a", "[::1/a",
	"http://x.com/a", "x.com/../../etc/passwd", "x.com/a%2f", "user@x.com/a", "\xc3\xbc",
};

static void malformed_references_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct reference *r = NULL;
		struct error err = ERROR_INIT;
		if (reference_parse(NULL, bad[i], &r, &err) == 0)
			fail_msg("accepted: %s", bad[i]);
		assert_null(r);
		assert_non_null(strstr(err.text, "invalid reference"));
	}
}

static void lengths_have_limits(void **state)
{
	(void)state;
	struct reference *r;
	struct error err = ERROR_INIT;
	CLEANUP_TALLOC char *text = mem_printf(NULL, "x.com/%0*d", 249, 0);
	assert_int_equal(strlen(text), 255);
	assert_int_equal(reference_parse(text, text, &r, &err), 0);
	CLEANUP_TALLOC char *longer = mem_printf(NULL, "x.com/%0*d", 250, 0);
	assert_int_equal(reference_parse(longer, longer, &r, &err), -1);
	CLEANUP_TALLOC char *tag = mem_printf(NULL, "a:%0*d", 128, 0);
	assert_int_equal(reference_parse(tag, tag, &r, &err), 0);
	CLEANUP_TALLOC char *longer_tag = mem_printf(NULL, "a:%0*d", 129, 0);
	assert_int_equal(reference_parse(longer_tag, longer_tag, &r, &err), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(references_are_normalised),
		cmocka_unit_test(malformed_references_are_refused),
		cmocka_unit_test(lengths_have_limits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
