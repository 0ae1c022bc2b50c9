/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Libraries that are loaded when they are first needed: libarchive alone brings a dozen others, and most runs neither read
 * an archive nor talk to a registry.  The one file that uses a library lists the functions that it calls, and calls them
 * as lib.NAME:
 *
 *     #define FUNCTIONS(F) F(ZSTD_compress) F(ZSTD_isError)
 *     static struct { FUNCTIONS(LIBRARY_POINTER) } lib;
 *     static const char *const symbols[] = { FUNCTIONS(LIBRARY_SYMBOL) NULL };
 *     static struct library library = { "libzstd", { "libzstd.so.1" }, symbols, &lib };
 *
 * Types come from the library's own header.  Functions of FUNCTIONS that a header makes macros are what these say.
 */
#ifndef FAKEBUILD_OCI_LIBRARY_H
#define FAKEBUILD_OCI_LIBRARY_H

#include <stdbool.h>

#include "tracer/base/error.h"

#define LIBRARY_POINTER(name) __typeof__(&name) name;
#define LIBRARY_SYMBOL(name) LIBRARY_STRING(name),
#define LIBRARY_STRING(name) #name

enum { LIBRARY_NAMES_MAX = 3 };

struct library {
	const char *name;                     /* for people */
	const char *files[LIBRARY_NAMES_MAX]; /* sonames whose interface is the header's; the first that is there is taken */
	const char *const *symbols;           /* ends with NULL */
	void *pointers;                       /* as many pointers to functions, in that order */
	void (*begin)(void);                  /* called once it is loaded; NULL: nothing is to be called */
	bool is_loaded;
};

/*
 * Load it unless it is; any thread may ask.  Fails when none of its files can be loaded, or it lacks a function: the
 * sentence names which.  It is tried anew with each call until it succeeds.
 */
int library_load(struct library *l, struct error *err);
/* The same where nothing can fail: a library that is missing ends the program, with that sentence. */
void library_must(struct library *l);

#endif
