/* SPDX-License-Identifier: Apache-2.0 */
/* Owns what an SPDX document tells of a root: packages by the records of dpkg and apk, else files. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "oci/attest.h"
#include "oci/json.h"
#include "oci/workspace.h"
#include "tracer/base/io.h"
#include "tracer/base/text.h"

enum { RECORD_MAX_BYTES = 256 << 20, PATH_ROOM = 65536, CHUNK = 1 << 18 };
#define NOT_SAID "NOASSERTION"

struct package {
	const char *name, *version, *architecture, *source, *supplier, *license;
	bool is_absent; /* its files are gone */
};

/* How a package manager writes a field of a package, and what it is. */
struct field_row {
	const char *prefix;
	size_t offset;
};
#define FIELD(member) offsetof(struct package, member)
static const struct field_row dpkg_fields[] = {
	{ "Package: ", FIELD(name) }, { "Version: ", FIELD(version) }, { "Architecture: ", FIELD(architecture) },
	{ "Source: ", FIELD(source) }, { "Maintainer: ", FIELD(supplier) }, { NULL, 0 },
};
static const struct field_row apk_fields[] = {
	{ "P:", FIELD(name) }, { "V:", FIELD(version) }, { "A:", FIELD(architecture) }, { "o:", FIELD(source) },
	{ "m:", FIELD(supplier) }, { "L:", FIELD(license) }, { NULL, 0 },
};

static const struct manager {
	const char *purl_type;
	const struct field_row *fields;
	const char *paths[2];    /* of its records */
	const char *folder;      /* of records, a file a package; NULL: none */
	const char *default_distro;
} managers[] = {
	{ "deb", dpkg_fields, { "/var/lib/dpkg/status", NULL }, "/var/lib/dpkg/status.d", "debian" },
	{ "apk", apk_fields, { "/lib/apk/db/installed", "/usr/lib/apk/db/installed" }, NULL, "alpine" },
};

struct document {
	void *scratch;
	struct workspace *root;
	struct json *packages, *files, *relationships;
	const char *distro, *distro_version;
	unsigned package_count, file_count;
};

/* ---- reading the root ---- */

static char *read_node(void *scratch, struct workspace *w, const struct node *n)
{
	CLEANUP_CLOSE int fd = workspace_open_file(w, n, NULL);
	if (fd < 0 || n->size_bytes > RECORD_MAX_BYTES)
		return NULL;
	char *text = mem_array(scratch, char, n->size_bytes + 1);
	ssize_t size = io_read_all(fd, text, n->size_bytes);
	text[size < 0 ? 0 : size] = '\0';
	return text;
}

static char *read_path(void *scratch, struct workspace *w, const char *path)
{
	const struct node *n = workspace_find(w, path, true, NULL);
	return n && n->kind == TREE_FILE ? read_node(scratch, w, n) : NULL;
}

/* The value of KEY=VALUE or KEY="VALUE" in os-release; NULL: none. */
static char *read_release(void *scratch, const char *text, const char *key)
{
	size_t length = strlen(key);
	for (const char *line = text; line; line = strchr(line, '\n'), line = line ? line + 1 : NULL) {
		if (strncmp(line, key, length) != 0 || line[length] != '=')
			continue;
		const char *value = line + length + 1;
		bool is_quoted = *value == '"' || *value == '\'';
		return mem_strndup(scratch, value + is_quoted, strcspn(value + is_quoted, is_quoted ? "\"'\n" : "\n"));
	}
	return NULL;
}

static void read_distro(struct document *d)
{
	const char *text = read_path(d->scratch, d->root, "/etc/os-release");
	text = text ? text : read_path(d->scratch, d->root, "/usr/lib/os-release");
	d->distro = text ? read_release(d->scratch, text, "ID") : NULL;
	d->distro_version = text ? read_release(d->scratch, text, "VERSION_ID") : NULL;
}

/* ---- packages ---- */

static char *escape(const void *ctx, const char *text)
{
	char *out = mem_strdup(ctx, "");
	for (; *text; text++)
		out = mem_append(out, (*text >= '0' && *text <= '9') || (*text >= 'a' && *text <= 'z') ||
					      (*text >= 'A' && *text <= 'Z') || strchr("-._~", *text) ?
					      "%c" : "%%%02X", (unsigned char)*text);
	return out;
}

/* Letters, digits, '.' and '-' only. */
static char *spdx_id(const void *ctx, const char *kind, const struct package *p)
{
	char *id = mem_printf(ctx, "SPDXRef-Package-%s-%s-%s-%s", kind, p->name, p->version ? p->version : "",
			      p->architecture ? p->architecture : "");
	for (char *at = id; *at; at++)
		if (!((*at >= '0' && *at <= '9') || (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') || *at == '.'))
			*at = '-';
	return id;
}

static void relate(struct document *d, const char *from, const char *how, const char *to)
{
	CLEANUP_TALLOC struct json *r = json_new_object(NULL);
	json_set_string(r, "spdxElementId", from);
	json_set_string(r, "relationshipType", how);
	json_set_string(r, "relatedSpdxElement", to);
	json_append(d->relationships, r);
}

static void add_package(struct document *d, const struct manager *m, const struct package *p)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	struct json *node = json_new_object(scratch), *references = json_new_array(scratch),
		    *reference = json_new_object(scratch);
	const char *id = spdx_id(scratch, m->purl_type, p), *distro = d->distro ? d->distro : m->default_distro;
	char *purl = mem_printf(scratch, "pkg:%s/%s/%s", m->purl_type, distro, escape(scratch, p->name));
	if (p->version)
		purl = mem_append(purl, "@%s", escape(scratch, p->version));
	if (p->architecture)
		purl = mem_append(purl, "?arch=%s", p->architecture);
	if (d->distro_version)
		purl = mem_append(purl, "%cdistro=%s-%s", p->architecture ? '&' : '?', distro, d->distro_version);
	json_set_string(node, "name", p->name);
	json_set_string(node, "SPDXID", id);
	if (p->version)
		json_set_string(node, "versionInfo", p->version);
	json_set_string(node, "supplier", p->supplier ? mem_printf(scratch, "Person: %s", p->supplier) : NOT_SAID);
	json_set_string(node, "downloadLocation", NOT_SAID);
	json_set_bool(node, "filesAnalyzed", false);
	if (p->source)
		json_set_string(node, "sourceInfo", mem_printf(scratch, "built package from: %s", p->source));
	json_set_string(node, "licenseConcluded", NOT_SAID);
	json_set_string(node, "licenseDeclared", p->license ? p->license : NOT_SAID);
	json_set_string(node, "copyrightText", NOT_SAID);
	json_set_string(reference, "referenceCategory", "PACKAGE-MANAGER");
	json_set_string(reference, "referenceType", "purl");
	json_set_string(reference, "referenceLocator", purl);
	json_append(references, reference);
	json_set(node, "externalRefs", references);
	json_append(d->packages, node);
	relate(d, "SPDXRef-Image", "CONTAINS", id);
	d->package_count++;
}

static void read_field(void *scratch, const struct manager *m, const char *line, struct package *p)
{
	for (const struct field_row *row = m->fields; row->prefix; row++)
		if (text_starts(line, row->prefix))
			*(const char **)((char *)p + row->offset) = mem_strdup(scratch, line + strlen(row->prefix));
	/* dpkg's "want flag state": one that was removed leaves its record, or its configuration. */
	if (text_starts(line, "Status: ") && !text_ends(line, " installed"))
		p->is_absent = true;
}

/* Paragraphs of lines, an empty line between two. */
static void read_records(struct document *d, const struct manager *m, char *text)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	struct package p = { .name = NULL };
	for (char *line = text; line;) {
		char *end = strchr(line, '\n');
		if (end)
			*end = '\0';
		if (*line)
			read_field(scratch, m, line, &p);
		if ((!*line || !end) && p.name && !p.is_absent)
			add_package(d, m, &p);
		if (!*line)
			p = (struct package){ .name = NULL };
		line = end ? end + 1 : NULL;
	}
}

static int by_node_name(const void *a, const void *b)
{
	return strcmp((*(const struct node *const *)a)->name, (*(const struct node *const *)b)->name);
}

/* The nodes of a directory in order of their names. */
static const struct node **children_of(void *scratch, const struct node *n, unsigned *ret_count)
{
	unsigned count = 0;
	for (const struct node *child = n->children; child; child = child->next)
		count++;
	const struct node **list = mem_array(scratch, const struct node *, count);
	count = 0;
	for (const struct node *child = n->children; child; child = child->next)
		list[count++] = child;
	if (count)
		qsort(list, count, sizeof(*list), by_node_name);
	*ret_count = count;
	return list;
}

static void read_manager(struct document *d, const struct manager *m)
{
	for (unsigned i = 0; i < 2 && m->paths[i]; i++) {
		char *text = read_path(d->scratch, d->root, m->paths[i]);
		if (!text)
			continue;
		read_records(d, m, text);
		break;
	}
	const struct node *folder = m->folder ? workspace_find(d->root, m->folder, true, NULL) : NULL;
	if (!folder || folder->kind == TREE_FILE)
		return;
	unsigned count;
	const struct node **list = children_of(d->scratch, folder, &count);
	for (unsigned i = 0; i < count; i++) {
		char *text = list[i]->kind == TREE_FILE && !text_ends(list[i]->name, ".md5sums") ?
				     read_node(d->scratch, d->root, list[i]) : NULL;
		if (text)
			read_records(d, m, text);
	}
}

/* ---- files ---- */

static int hash_file(struct document *d, const struct node *n, char ret[DIGEST_ROOM], struct error *err)
{
	CLEANUP_TALLOC struct digest_state *hash = digest_begin(NULL);
	CLEANUP_TALLOC char *buffer = mem_array(NULL, char, CHUNK);
	CLEANUP_CLOSE int fd = workspace_open_file(d->root, n, err);
	if (fd < 0)
		return -1;
	for (ssize_t size; (size = io_read_all(fd, buffer, CHUNK)) != 0;) {
		if (size < 0)
			return error_set(err, (int)-size, "cannot read '%s'", n->name);
		digest_update(hash, buffer, size);
	}
	digest_end(hash, ret);
	return 0;
}

static int add_file(struct document *d, const struct node *n, const char *path, struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	char digest[DIGEST_ROOM], *id = mem_printf(scratch, "SPDXRef-File-%u", ++d->file_count);
	struct json *node = json_new_object(scratch), *sums = json_new_array(scratch), *sum = json_new_object(scratch);
	if (hash_file(d, n, digest, err) < 0)
		return -1;
	json_set_string(node, "fileName", path);
	json_set_string(node, "SPDXID", id);
	json_set_string(sum, "algorithm", "SHA256");
	json_set_string(sum, "checksumValue", digest_hex(digest));
	json_append(sums, sum);
	json_set(node, "checksums", sums);
	json_set_string(node, "licenseConcluded", NOT_SAID);
	json_set_string(node, "copyrightText", NOT_SAID);
	json_append(d->files, node);
	relate(d, "SPDXRef-Image", "CONTAINS", id);
	return 0;
}

static int add_files(struct document *d, const struct node *folder, struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	unsigned count;
	const struct node **list = children_of(scratch, folder, &count);
	char *path = mem_array(scratch, char, PATH_ROOM);
	for (unsigned i = 0; i < count; i++) {
		if (list[i]->children && add_files(d, list[i], err) < 0)
			return -1;
		struct layer_attributes a;
		if (list[i]->kind != TREE_FILE || !nodes_path(list[i], path, PATH_ROOM) ||
		    workspace_attributes(scratch, d->root, list[i], &a, err) < 0 || !S_ISREG(a.mode))
			continue;
		if (add_file(d, list[i], mem_printf(scratch, "/%s", path), err) < 0)
			return -1;
	}
	return 0;
}

/* ---- the document ---- */

static struct json *image_package(const void *ctx, const char *name)
{
	struct json *node = json_new_object(ctx);
	json_set_string(node, "name", name);
	json_set_string(node, "SPDXID", "SPDXRef-Image");
	json_set_string(node, "downloadLocation", NOT_SAID);
	json_set_bool(node, "filesAnalyzed", false);
	json_set_string(node, "licenseConcluded", NOT_SAID);
	json_set_string(node, "licenseDeclared", NOT_SAID);
	json_set_string(node, "copyrightText", NOT_SAID);
	json_set_string(node, "primaryPackagePurpose", "CONTAINER");
	return node;
}

static char *complete(const void *ctx, struct document *d, const char *name, const char *created)
{
	struct json *root = json_new_object(d->scratch), *info = json_new_object(d->scratch);
	struct strlist *creators = strlist_new(d->scratch);
	char digest[DIGEST_ROOM];
	/* Unique by what it tells, and the same of the same. */
	const char *content = json_dump(d->scratch, d->relationships);
	digest_of(content, strlen(content), digest);
	strlist_add(creators, "Tool: fakebuild-" FAKEBUILD_VERSION);
	json_set_string(root, "spdxVersion", "SPDX-2.3");
	json_set_string(root, "dataLicense", "CC0-1.0");
	json_set_string(root, "SPDXID", "SPDXRef-DOCUMENT");
	json_set_string(root, "name", name);
	json_set_string(root, "documentNamespace",
			mem_printf(d->scratch, "https://spdx.org/spdxdocs/%s-%.32s", escape(d->scratch, name), digest_hex(digest)));
	json_set_strings(info, "creators", creators);
	json_set_string(info, "created", created);
	json_set(root, "creationInfo", info);
	json_set(root, "packages", d->packages);
	if (d->file_count)
		json_set(root, "files", d->files);
	json_set(root, "relationships", d->relationships);
	return json_dump(ctx, root);
}

int sbom_make(const void *ctx, struct store *s, const struct chain *chain, const char *name, const char *created,
	      struct attestation *ret, struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	struct document d = { .scratch = scratch, .packages = json_new_array(scratch), .files = json_new_array(scratch),
			      .relationships = json_new_array(scratch) };
	if (workspace_open(scratch, s, chain, &d.root, err) < 0)
		return -1;
	struct nodes *tree = workspace_tree(d.root, err);
	if (!tree)
		return -1;
	json_append(d.packages, image_package(scratch, name));
	relate(&d, "SPDXRef-DOCUMENT", "DESCRIBES", "SPDXRef-Image");
	read_distro(&d);
	for (size_t i = 0; i < sizeof(managers) / sizeof(*managers); i++)
		read_manager(&d, &managers[i]);
	if (!d.package_count && add_files(&d, nodes_root(tree), err) < 0)
		return error_wrap(err, "cannot tell what is in the image");
	*ret = (struct attestation){ "https://spdx.dev/Document", complete(ctx, &d, name, created) };
	return 0;
}
