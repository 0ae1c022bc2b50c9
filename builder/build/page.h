/* SPDX-License-Identifier: Apache-2.0 */
/* An HTML page in one file: its head with style and script, and text that cannot become markup. */
#ifndef FAKEBUILD_BUILDER_PAGE_H
#define FAKEBUILD_BUILDER_PAGE_H

#include <stdio.h>

/*
 * All before the first section and after the last.  A content security policy lets only the page's own script run,
 * which is named by its digest, and nothing be fetched.
 */
void page_begin(FILE *out, const char *title);
void page_end(FILE *out);
/* Text, escaped for content and for attributes in double quotes; bytes that are no UTF-8 are replaced. */
void page_text(FILE *out, const char *text);
/* The head of a table that can be sorted: is_number columns by their largest first. */
struct page_column {
	const char *label;
	int is_number, is_minor; /* minor: left out on a narrow screen */
};
void page_table(FILE *out, const char *id, const char *caption, const struct page_column *columns, unsigned count);
void page_table_end(FILE *out);

#endif
