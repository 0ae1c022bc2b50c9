/* SPDX-License-Identifier: Apache-2.0 */
/* The command that unpacks an image for OCI runtimes: bundle; its way back is `commit --bundle` (containers.c). */
#include <errno.h>
#include <sys/stat.h>

#include "builder/command.h"
#include "builder/user.h"
#include "oci/bundle.h"
#include "oci/runtimespec.h"

static const struct option_row bundle_rows[] = {
	{ NULL, 0, NULL, NULL, OPTION_FLAG, 0 },
};

/* The image's USER, by the passwd of the root that was made. */
static int find_user(const void *ctx, const struct image *image, const char *root, struct runtimespec_user *ret,
		     struct error *err)
{
	struct user *user;
	struct stat st;
	if (stat(root, &st) < 0)
		return error_set(err, errno, "cannot open '%s'", root);
	struct tracer_config guest = { .root = root, .run_dir = root, .cwd = "/", .meta = meta_new(ctx, st.st_dev, 0) };
	int r = user_lookup(ctx, &guest, image->run.user, &user, err);
	tracer_lookup_end();
	if (r == 0)
		*ret = (struct runtimespec_user){ user->uid, user->gid, user->groups, user->group_count, user->home };
	return r;
}

static int run_bundle(struct invocation *inv, int *ret_status, struct error *err)
{
	(void)ret_status;
	struct image *image;
	struct bundle *bundle;
	struct runtimespec_user user;
	if (invocation_image(inv, inv->args[0], &image, err) < 0 ||
	    bundle_begin(inv, inv->store, image, inv->args[1], &bundle, err) < 0 ||
	    find_user(inv, image, bundle_root(bundle), &user, err) < 0)
		return -1;
	struct json *config = runtimespec_of_image(inv, image, &user, bundle_is_rootless(bundle));
	char *text = json_dump_indented(inv, config);
	return bundle_finish(bundle, mem_append(text, "\n"), err);
}

extern const struct command command_bundle;

const struct command command_bundle = {
	.name = "bundle",
	.usage = "[OPTIONS] IMAGE DIR",
	.summary = "Unpack an image into a bundle for OCI runtimes and umoci",
	.group = GROUP_IMAGES,
	.words = WORDS_IMAGES,
	.options = bundle_rows,
	.options_bytes = 0,
	.min_args = 2,
	.max_args = 2,
	.run = run_bundle,
};
