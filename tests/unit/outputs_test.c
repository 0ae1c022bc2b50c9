/* SPDX-License-Identifier: Apache-2.0 */
/* Where a build goes: what the words of --output mean, and that what comes out is what every reader takes. */
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "oci/json.h"
#include "oci/layerdir.h"
#include "oci/outputs.h"
#include "tracer/base/io.h"
#include "tracer/base/mem.h"
#include "tracer/base/text.h"

#define CONFIG(architecture) "{\"architecture\":\"" architecture "\",\"os\":\"linux\",\"config\":{\"Cmd\":[\"sh\"]}}"

struct place {
	char dir[64];
	struct store *store;
	struct build_result build;
	struct built_image images[2];
	struct error error;
};

static void put(struct layerdir *d, const char *path, mode_t mode, uid_t uid, const char *text)
{
	struct layer_attributes a = { .mode = mode, .uid = uid, .gid = uid, .mtime_sec = 3000 };
	struct error err = ERROR_INIT;
	FILE *file = tmpfile();
	assert_non_null(file);
	fputs(text, file);
	fflush(file);
	if (layerdir_file(d, path, &a, fileno(file), &err) < 0)
		fail_msg("%s", err.text);
	fclose(file);
}

static char *make_snapshot(struct place *p)
{
	struct layer_attributes folder = { .mode = S_IFDIR | 01777, .mtime_sec = 2000 },
				link = { .mode = S_IFLNK | 0777 }, device = { .mode = S_IFCHR | 0666, .rdev = makedev(1, 3) };
	struct layerdir *d;
	char *id;
	assert_int_equal(layerdir_begin(p, p->store, &d, &p->error), 0);
	assert_int_equal(layerdir_directory(d, "tmp", &folder, &p->error), 0);
	put(d, "tmp/owned", S_IFREG | 04751, 1234, "mine\n");
	put(d, "file", S_IFREG | 0640, 0, "text\n");
	assert_int_equal(layerdir_link(d, "again", "file", &p->error), 0);
	assert_int_equal(layerdir_symlink(d, "link", &link, "/etc/passwd", &p->error), 0);
	assert_int_equal(layerdir_special(d, "null", &device, &p->error), 0);
	assert_int_equal(layerdir_finish(p, d, &id, &p->error), 0);
	talloc_free(d);
	return id;
}

static struct place *open_place(void)
{
	struct place *p = mem_new(NULL, struct place);
	static const char *const platforms[] = { "linux/amd64", "linux/arm64" },
				*const configs[] = { CONFIG("amd64"), CONFIG("arm64") };
	snprintf(p->dir, sizeof(p->dir), "/tmp/fakebuild-test-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	CLEANUP_TALLOC char *root = mem_printf(NULL, "%s/store", p->dir);
	assert_int_equal(store_open(p, root, &p->store, &p->error), 0);
	char *id = make_snapshot(p);
	for (unsigned i = 0; i < 2; i++) {
		p->images[i] = (struct built_image){ .platform = platforms[i], .config_json = configs[i],
						     .chain = mem_new(p, struct chain) };
		chain_push(p->images[i].chain, id);
	}
	struct strlist *names = strlist_new(p);
	strlist_add(names, "docker.io/library/app:1");
	p->build = (struct build_result){ .images = p->images, .count = 1, .names = names };
	return p;
}

static void remove_place(struct place *p)
{
	TALLOC_FREE(p->store);
	io_remove_tree(AT_FDCWD, p->dir);
	talloc_free(p);
}

static int setup(void **state)
{
	*state = open_place();
	return 0;
}

static int teardown(void **state)
{
	remove_place(*state);
	return 0;
}

static char *in(struct place *p, const char *name)
{
	return mem_printf(p, "%s/%s", p->dir, name);
}

static struct output_result write_to(struct place *p, const char *format, const char *name)
{
	CLEANUP_TALLOC char *text = mem_printf(NULL, "%s%s%s", format, name ? ",dest=" : "", name ? in(p, name) : "");
	struct output *output;
	struct output_result result;
	if (output_parse(p, text, &output, &p->error) < 0 ||
	    output_write(p, p->store, &p->build, output, NULL, &result, &p->error) < 0)
		fail_msg("%s", p->error.text);
	return result;
}

static char *sentence_of(struct place *p, const char *text)
{
	struct output *output;
	struct output_result result;
	error_clear(&p->error);
	if (output_parse(p, text, &output, &p->error) == 0)
		assert_int_equal(output_write(p, p->store, &p->build, output, NULL, &result, &p->error), -1);
	return p->error.text;
}

/* What a shell in the place prints. */
static char *shell(struct place *p, const char *text)
{
	char line[4096];
	char *output = mem_strdup(p, "");
	CLEANUP_TALLOC char *command = mem_printf(NULL, "cd '%s' && %s", p->dir, text);
	FILE *out = popen(command, "r");
	while (fgets(line, sizeof(line), out))
		output = mem_append(output, "%s", line);
	pclose(out);
	return output;
}

/* ---- the words ---- */

static void words_set_what_they_say(void **state)
{
	struct place *p = *state;
	struct output *o;
	assert_int_equal(output_parse(p, "type=image,\"name=a:1,b\",push=true,compression=zstd,compression-level=9,"
					 "force-compression=1,rewrite-timestamp=t,oci-mediatypes=false,"
					 "annotation.x=y,annotation-index.k=v=w,store=false,name-canonical=true", &o, &p->error), 0);
	assert_int_equal(o->type, OUTPUT_IMAGE);
	assert_int_equal(o->names->count, 2);
	assert_string_equal(o->names->items[1], "docker.io/library/b:latest");
	assert_true(o->pushes && o->format.is_forced && o->format.rewrites_times && o->format.is_docker && o->stays_out);
	assert_int_equal(o->format.compression, COMPRESSION_ZSTD);
	assert_int_equal(o->format.level, 9);
	assert_string_equal(o->annotations->items[0], "x=y");
	assert_string_equal(o->index_annotations->items[0], "k=v=w");
	assert_int_equal(output_parse(p, "type=registry,name=a", &o, &p->error), 0);
	assert_true(o->type == OUTPUT_IMAGE && o->pushes);
	assert_int_equal(output_parse(p, "-", &o, &p->error), 0);
	assert_int_equal(o->type, OUTPUT_TAR);
	assert_int_equal(output_parse(p, "out/folder", &o, &p->error), 0);
	assert_true(o->type == OUTPUT_LOCAL && strcmp(o->dest, "out/folder") == 0);
	assert_int_equal(output_parse(p, "type=oci,tar=false,\"dest=/a \"\"b\"\",c\"", &o, &p->error), 0);
	assert_true(o->is_folder);
	assert_string_equal(o->dest, "/a \"b\",c");
}

static void wrong_words_are_named(void **state)
{
	static const struct {
		const char *text, *sentence;
	} cases[] = {
		{ "type=oci,dset=x", "type=oci has no key 'dset'" },
		{ "type=oci,push=true", "type=oci has no key 'push'" },
		{ "type=zip", "'zip' is no type of output" },
		{ "dest=x,tar=1", "type is required" },
		{ "type=image,push=maybe", "push=maybe: want true or false" },
		{ "type=image,compression=lz4", "'lz4' is no compression" },
		{ "type=image,compression-level=10", "compression level 10: gzip has 1 to 9" },
		{ "type=local", "type=local needs dest=FOLDER" },
		{ "type=oci,tar=false", "tar=false needs dest=FOLDER" },
		{ "type=image,\"name=a", "a quote is not closed" },
		{ "type=image,name=A", "A" },
		{ "type=oci,dest", "'dest' is no KEY=VALUE" },
	};
	struct place *p = *state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		if (!strstr(sentence_of(p, cases[i].text), cases[i].sentence))
			fail_msg("%s: expected %s, actual %s", cases[i].text, cases[i].sentence, p->error.text);
}

/* ---- archives ---- */

static struct image *load(struct place *p, const char *name, const char *image_name)
{
	struct store *other;
	struct strlist *names;
	struct image *image;
	CLEANUP_TALLOC char *root = in(p, "other");
	CLEANUP_CLOSE int fd = open(in(p, name), O_RDONLY | O_CLOEXEC);
	assert_int_equal(store_open(p, root, &other, &p->error), 0);
	if (transport_load(p, other, fd, NULL, &names, &p->error) < 0)
		fail_msg("%s", p->error.text);
	assert_int_equal(store_find_image(p, other, image_name, &image, &p->error), 0);
	assert_non_null(image);
	talloc_free(other);
	return image;
}

static void an_oci_archive_loads_again(void **state)
{
	struct place *p = *state;
	struct output_result r = write_to(p, "type=oci", "x.tar");
	struct image *image = load(p, "x.tar", "docker.io/library/app:1");
	assert_string_equal(image->config.digest, r.config_digest);
	assert_string_equal(image->manifest.digest, r.top.digest);
	assert_string_equal(image->layers[0].media_type, MEDIA_OCI_LAYER_GZIP);
	assert_string_equal(shell(p, "tar -tf x.tar | grep -v sha256/"), "blobs/\nindex.json\noci-layout\n");
}

static void a_docker_archive_has_all_names_and_plain_tars(void **state)
{
	struct place *p = *state;
	struct output_result r = write_to(p, "type=docker,\"name=app:1,localhost:5000/other:2\"", "x.tar");
	const char *manifest = shell(p, "tar -xOf x.tar manifest.json");
	assert_non_null(strstr(manifest, "\"RepoTags\":[\"app:1\",\"localhost:5000/other:2\"]"));
	struct image *image = load(p, "x.tar", "localhost:5000/other:2");
	assert_string_equal(image->config.digest, r.config_digest);
	assert_string_equal(image->layers[0].digest, image->diff_ids[0]);
}

static void a_layout_takes_several_images(void **state)
{
	struct place *p = *state;
	write_to(p, "type=oci,tar=false", "layout");
	write_to(p, "type=oci,tar=false,compression=zstd,name=app:2", "layout");
	write_to(p, "type=oci,tar=false", "layout");
	assert_string_equal(shell(p, "tr ',' '\\n' <layout/index.json | grep -o 'ref.name\":\"[^\"]*'"),
			    "ref.name\":\"2\nref.name\":\"1\n");
}

static void two_makers_in_two_places_write_the_same_bytes(void **state)
{
	static const char *const formats[] = { "type=oci", "type=docker", "type=tar", "type=oci,compression=zstd" };
	struct place *p = *state, *other = open_place();
	for (unsigned i = 0; i < sizeof(formats) / sizeof(*formats); i++) {
		write_to(p, formats[i], "same.tar");
		write_to(other, formats[i], "same.tar");
		assert_string_equal(shell(p, "sha256sum <same.tar"), shell(other, "sha256sum <same.tar"));
	}
	remove_place(other);
}

static void what_fails_leaves_no_file(void **state)
{
	struct place *p = *state;
	p->images[0].config_json = "{";
	CLEANUP_TALLOC char *text = mem_printf(NULL, "type=oci,dest=%s/no.tar", p->dir);
	assert_non_null(strstr(sentence_of(p, text), "the image configuration is not valid JSON"));
	assert_string_equal(shell(p, "ls no.tar* 2>/dev/null"), "");
	p->images[0].config_json = CONFIG("amd64");
	CLEANUP_TALLOC char *folder = mem_printf(NULL, "type=oci,dest=%s", p->dir);
	assert_non_null(strstr(sentence_of(p, folder), "it is a folder"));
}

/* ---- roots ---- */

static void a_tar_has_roots_owners(void **state)
{
	struct place *p = *state;
	write_to(p, "type=tar", "x.tar");
	assert_string_equal(shell(p, "tar --utc --numeric-owner -tvf x.tar | tr -s ' '"),
			    "-rw-r----- 0/0 5 1970-01-01 00:50 again\n"
			    "hrw-r----- 0/0 0 1970-01-01 00:50 file link to again\n"
			    "lrwxrwxrwx 0/0 0 1970-01-01 00:00 link -> /etc/passwd\n"
			    "crw-rw-rw- 0/0 1,3 1970-01-01 00:00 null\n"
			    "drwxrwxrwt 0/0 0 1970-01-01 00:33 tmp/\n"
			    "-rwsr-x--x 1234/1234 5 1970-01-01 00:50 tmp/owned\n");
}

static void several_platforms_have_a_folder_each(void **state)
{
	struct place *p = *state;
	p->build.count = 2;
	p->build.has_epoch = true;
	p->build.epoch_sec = 60;
	write_to(p, "type=tar", "x.tar");
	const char *names = shell(p, "tar --utc -tvf x.tar");
	assert_non_null(strstr(names, "00:01 linux_amd64/tmp/owned\n"));
	assert_non_null(strstr(names, "00:01 linux_arm64/file link to linux_arm64/again\n"));
	assert_null(strstr(names, "00:50"));
	write_to(p, "type=local", "out");
	assert_string_equal(shell(p, "cat out/linux_arm64/file"), "text\n");
	write_to(p, "type=local,platform-split=false", "flat");
	assert_string_equal(shell(p, "cat flat/file"), "text\n");
}

static void a_folder_is_the_users_and_nothing_is_followed(void **state)
{
	struct place *p = *state;
	CLEANUP_TALLOC char *out = in(p, "out"), *victim = in(p, "victim"), *trap = in(p, "out/tmp"), *kept = in(p, "out/kept");
	assert_int_equal(mkdir(out, 0755), 0);
	assert_int_equal(mkdir(victim, 0755), 0);
	assert_int_equal(symlink(victim, trap), 0);
	assert_int_equal(mkdir(kept, 0755), 0);
	write_to(p, "type=local", "out");
	assert_string_equal(shell(p, "cd out && find . -mindepth 1 ! -name kept -printf '%M %n %TY %p %l\\n' | sort -k4"),
			    "-rw-r----- 2 1970 ./again \n"
			    "-rw-r----- 2 1970 ./file \n"
			    "lrwxrwxrwx 1 1970 ./link /etc/passwd\n"
			    "drwxrwxrwt 2 1970 ./tmp \n"
			    "-rwxr-x--x 1 1970 ./tmp/owned \n");
	assert_string_equal(shell(p, "ls victim"), "");
	assert_int_equal(access(kept, F_OK), 0);
}

static void deleting_leaves_what_was_built(void **state)
{
	struct place *p = *state;
	CLEANUP_TALLOC char *out = in(p, "out"), *other = in(p, "out/other"), *below = in(p, "out/other/file");
	assert_int_equal(io_mkdir_p(AT_FDCWD, other, 0755), 0);
	assert_int_equal(io_write_file(AT_FDCWD, below, "x", 1, 0644, &p->error), 0);
	write_to(p, "type=local,mode=delete", "out");
	assert_string_equal(shell(p, "ls out"), "again\nfile\nlink\ntmp\n");
}

/* ---- the store ---- */

static void what_stays_is_plain_unless_asked(void **state)
{
	struct place *p = *state;
	struct image *image;
	struct output_result r = write_to(p, "type=image,name-canonical=true", NULL);
	assert_int_equal(store_find_image(p, p->store, "docker.io/library/app:1", &image, &p->error), 0);
	assert_string_equal(image->manifest.digest, r.top.digest);
	assert_string_equal(image->layers[0].media_type, MEDIA_OCI_LAYER);
	CLEANUP_TALLOC char *canonical = mem_printf(NULL, "docker.io/library/app@%s", r.top.digest);
	assert_int_equal(store_find_image(p, p->store, canonical, &image, &p->error), 0);
	assert_non_null(image);
	write_to(p, "type=image,compression=zstd,oci-mediatypes=false", NULL);
	assert_int_equal(store_find_image(p, p->store, "docker.io/library/app:1", &image, &p->error), 0);
	assert_string_equal(image->layers[0].media_type, MEDIA_DOCKER_LAYER_ZSTD);
	assert_string_equal(image->manifest.media_type, MEDIA_DOCKER_MANIFEST);
	p->build.names = NULL;
	r = write_to(p, "type=image,dangling-name-prefix=stale", NULL);
	CLEANUP_TALLOC char *dangling = mem_printf(NULL, "docker.io/library/stale@%s", r.top.digest);
	assert_int_equal(store_find_image(p, p->store, dangling, &image, &p->error), 0);
	assert_non_null(image);
	assert_string_equal(sentence_of(p, "type=image,push=true"), "an image without a name cannot be pushed");
}

static struct json *read_blob(struct place *p, const char *digest)
{
	char *text;
	struct json *root;
	assert_int_equal(store_get_blob(p, p->store, digest, 1 << 20, &text, NULL, &p->error), 0);
	assert_int_equal(json_parse(p, text, digest, &root, &p->error), 0);
	return root;
}

static void platforms_and_attestations_make_an_index(void **state)
{
	struct place *p = *state;
	static const struct attestation a = { "https://slsa.dev/provenance/v1", "{\"runDetails\":{}}" };
	struct image *arm;
	p->build.count = 2;
	p->images[1].attestations = &a;
	p->images[1].attestation_count = 1;
	struct output_result r = write_to(p, "type=image,annotation-index.i=1,annotation.m=2,annotation-manifest-descriptor.d=3", NULL);
	assert_null(r.config_digest);
	assert_string_equal(r.top.media_type, MEDIA_OCI_INDEX);
	struct json *index = read_blob(p, r.top.digest), *list = json_get(index, "manifests");
	assert_int_equal(json_length(list), 3);
	assert_string_equal(json_get_string(json_get(index, "annotations"), "i"), "1");
	assert_string_equal(json_get_string(json_get(json_at(list, 0), "annotations"), "d"), "3");
	assert_int_equal(store_find_image_for(p, p->store, "docker.io/library/app:1", "linux/arm64", &arm, &p->error), 0);
	assert_non_null(strstr(arm->manifest_json, "\"annotations\":{\"m\":\"2\"}"));
	struct json *entry = json_at(list, 2), *annotations = json_get(entry, "annotations");
	assert_string_equal(json_get_string(annotations, "vnd.docker.reference.digest"), arm->manifest.digest);
	assert_string_equal(json_get_string(annotations, "vnd.docker.reference.type"), "attestation-manifest");
	assert_string_equal(json_get_string(json_get(entry, "platform"), "os"), "unknown");
	struct json *manifest = read_blob(p, json_get_string(entry, "digest")), *layer = json_at(json_get(manifest, "layers"), 0);
	assert_string_equal(json_get_string(layer, "mediaType"), "application/vnd.in-toto+json");
	struct json *statement = read_blob(p, json_get_string(layer, "digest"));
	assert_string_equal(json_get_string(statement, "predicateType"), a.predicate_type);
	struct json *subject = json_at(json_get(statement, "subject"), 0);
	assert_string_equal(json_get_string(subject, "name"), "pkg:docker/app@1?platform=linux%2Farm64");
	assert_string_equal(json_get_string(json_get(subject, "digest"), "sha256"), digest_hex(arm->manifest.digest));
	/* What is attested is what leaves. */
	assert_string_equal(arm->layers[0].media_type, MEDIA_OCI_LAYER_GZIP);
	assert_non_null(strstr(sentence_of(p, "type=docker,dest=/tmp/x"), "type=docker has room for one platform"));
}

/* ---- Docker's daemon ---- */

struct daemon {
	int fd;
	const char *answer;
	char head[4096];
	int64_t got_bytes;
};

/* Take one request, and give the answer. */
static void *serve(void *arg)
{
	struct daemon *d = arg;
	char buffer[65536];
	int64_t want = INT64_MAX, have = 0;
	CLEANUP_CLOSE int fd = accept(d->fd, NULL, NULL);
	while (d->got_bytes < want) {
		ssize_t n = read(fd, buffer, want == INT64_MAX ? (ssize_t)sizeof(d->head) - 1 - have : (ssize_t)sizeof(buffer));
		if (n <= 0)
			break;
		size_t skipped = 0;
		if (want == INT64_MAX) {
			memcpy(d->head + have, buffer, n);
			have += n;
			const char *end = strstr(d->head, "\r\n\r\n"), *length = strstr(d->head, "Content-Length: ");
			if (!end)
				continue;
			skipped = end + 4 - d->head - (have - n);
			want = length ? strtoll(length + 16, NULL, 10) : 0;
		}
		d->got_bytes += n - skipped;
	}
	dprintf(fd, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s", strlen(d->answer), d->answer);
	return NULL;
}

static void loading_needs_a_daemon_that_takes_it(void **state)
{
	struct place *p = *state;
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct daemon d = { .answer = "{\"stream\":\"Loaded image: app:1\\n\"}\r\n" };
	pthread_t thread;
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/docker.sock", p->dir);
	CLEANUP_TALLOC char *host = mem_printf(NULL, "unix://%s", address.sun_path);
	setenv("DOCKER_HOST", host, 1);
	assert_true(text_starts(sentence_of(p, "type=docker"), "there is no docker daemon to load into: '"));
	d.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(d.fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(d.fd, 1), 0);
	assert_int_equal(pthread_create(&thread, NULL, serve, &d), 0);
	write_to(p, "type=docker", NULL);
	pthread_join(thread, NULL);
	assert_true(text_starts(d.head, "POST /images/load?quiet=1 HTTP/1.1\r\n"));
	write_to(p, "type=docker", "x.tar");
	assert_int_equal(d.got_bytes, strtoll(shell(p, "stat -c %s x.tar"), NULL, 10));
	d = (struct daemon){ .fd = d.fd, .answer = "{\"errorDetail\":{\"message\":\"no room\"},\"error\":\"no room\"}\r\n" };
	assert_int_equal(pthread_create(&thread, NULL, serve, &d), 0);
	assert_string_equal(sentence_of(p, "type=docker"), "the docker daemon refuses the image: no room");
	pthread_join(thread, NULL);
	close(d.fd);
	setenv("DOCKER_HOST", "tcp://1.2.3.4:2375", 1);
	assert_string_equal(sentence_of(p, "type=docker"),
			    "cannot load into the docker daemon at 'tcp://1.2.3.4:2375': only unix:// is spoken");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(words_set_what_they_say, setup, teardown),
		cmocka_unit_test_setup_teardown(wrong_words_are_named, setup, teardown),
		cmocka_unit_test_setup_teardown(an_oci_archive_loads_again, setup, teardown),
		cmocka_unit_test_setup_teardown(a_docker_archive_has_all_names_and_plain_tars, setup, teardown),
		cmocka_unit_test_setup_teardown(a_layout_takes_several_images, setup, teardown),
		cmocka_unit_test_setup_teardown(two_makers_in_two_places_write_the_same_bytes, setup, teardown),
		cmocka_unit_test_setup_teardown(what_fails_leaves_no_file, setup, teardown),
		cmocka_unit_test_setup_teardown(a_tar_has_roots_owners, setup, teardown),
		cmocka_unit_test_setup_teardown(several_platforms_have_a_folder_each, setup, teardown),
		cmocka_unit_test_setup_teardown(a_folder_is_the_users_and_nothing_is_followed, setup, teardown),
		cmocka_unit_test_setup_teardown(deleting_leaves_what_was_built, setup, teardown),
		cmocka_unit_test_setup_teardown(what_stays_is_plain_unless_asked, setup, teardown),
		cmocka_unit_test_setup_teardown(platforms_and_attestations_make_an_index, setup, teardown),
		cmocka_unit_test_setup_teardown(loading_needs_a_daemon_that_takes_it, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
