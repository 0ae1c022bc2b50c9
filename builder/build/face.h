/* SPDX-License-Identifier: Apache-2.0 */
/* What a way of showing a build is made of; only display.c and the faces include this. */
#ifndef FAKEBUILD_BUILDER_FACE_H
#define FAKEBUILD_BUILDER_FACE_H

#include "builder/build/display.h"
#include "builder/build/steps.h"

struct face {
	/* Each may be NULL.  take comes after `step` has taken the event in. */
	void (*begin)(struct display *d);
	void (*take)(struct display *d, struct step *step, const struct event *e);
	/* A warning of no step; NULL: they are printed after the end. */
	void (*warn)(struct display *d, const struct event *e);
	void (*tick)(struct display *d);
	void (*end)(struct display *d);
	int (*interval_msec)(const struct display *d);
};

struct display {
	const struct face *face;
	FILE *out;
	const char *title;
	struct steps *steps;
	void *own; /* the face's */
};

extern const struct face face_plain, face_tty, face_rawjson;

#endif
