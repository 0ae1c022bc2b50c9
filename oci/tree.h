/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file `tree` of an unpacked layer: what the tar said, entry by entry, with the inode that stands for
 * it in fs/.  Merging layers reads this one file instead of walking directories.
 */
#ifndef FAKEBUILD_OCI_TREE_H
#define FAKEBUILD_OCI_TREE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "tracer/base/error.h"

enum tree_kind {
	TREE_DIRECTORY = 'd',
	TREE_IMPLIED = 'i',    /* a directory that only the names of its entries tell of */
	TREE_FILE = 'f',       /* also devices: an empty file with an entry in the table */
	TREE_SYMLINK = 'l',
	TREE_FIFO = 'p',
	TREE_LOWER_LINK = 'h', /* a hard link whose target is in a layer below */
	TREE_WHITEOUT = 'w',
	TREE_OPAQUE = 'o',
};

struct tree_record {
	uint8_t kind;
	uint8_t has_entry; /* the layer's metadata table knows the inode */
	uint16_t mode; /* real permission bits of the inode in fs/ */
	uint32_t path_size, target_size; /* with their NUL; target: of links */
	uint32_t mtime_nsec;
	uint64_t ino;
	int64_t size_bytes, mtime_sec;
	const char *path, *target; /* behind the record in the file; set by tree_next */
};

int tree_write(FILE *file, const struct tree_record *record);
/* Step over the records of a file in memory; false at its end.  Damage is the end, and told by *ret_damaged. */
bool tree_next(const char *bytes, size_t size, size_t *at, struct tree_record *ret, bool *ret_damaged);

#endif
