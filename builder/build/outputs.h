/* SPDX-License-Identifier: Apache-2.0 */
/* Where a build's result goes: -o, --push, --load, tags, --iidfile, --metadata-file, caches. */
#ifndef FAKEBUILD_BUILDER_OUTPUTS_H
#define FAKEBUILD_BUILDER_OUTPUTS_H

#include "builder/build/request.h"

struct outputs;
/* Read the options; what is wrong with them is said before any work is done. */
int outputs_read(const void *ctx, const struct build_options *o, struct outputs **ret, struct error *err);
/* --cache-from: records of finished steps of elsewhere.  What cannot be had is told and left out. */
int outputs_import_caches(struct outputs *out, struct build *b, void (*tell)(void *arg, const char *line), void *arg,
			  struct error *err);
int outputs_write(struct outputs *out, struct build *b, const struct solve_result *result,
		  void (*tell)(void *arg, const char *line), void *arg, struct error *err);
/* The configuration's digest of the (first) image; NULL: none was made. */
const char *outputs_image_id(const struct outputs *out);

#endif
