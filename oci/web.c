/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the binding to libcurl: one exchange at a time; who to ask and as whom is registry.c's. */
#include "oci/web.h"

#include <arpa/inet.h>
#include <ctype.h>
#define CURL_DISABLE_TYPECHECK /* its macros do not know functions behind pointers */
#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "oci/image.h"
#include "oci/library.h"
#include "tracer/base/text.h"

enum {
	REDIRECTS_MAX = 10,
	STALL_SECONDS = 60,
	/* A registry that hashes an upload of many gigabytes says nothing meanwhile. */
	STALL_UPLOAD_SECONDS = 600,
	CONNECT_SECONDS = 20,
};

struct web {
	CURL *curl;
};

/* One exchange while it goes on. */
struct exchange {
	const struct web_request *request;
	struct web_response *response;
	CURL *curl;
	struct error error; /* of the sink */
	bool has_begun, is_too_large;
	int64_t sent_bytes;
};

#define FUNCTIONS(F)                                                                                                    \
	F(curl_global_init) F(curl_easy_init) F(curl_easy_reset) F(curl_easy_cleanup) F(curl_easy_perform)              \
	F(curl_easy_setopt) F(curl_easy_getinfo) F(curl_easy_strerror) F(curl_slist_append) F(curl_slist_free_all)
static struct { FUNCTIONS(LIBRARY_POINTER) } lib;
static const char *const symbols[] = { FUNCTIONS(LIBRARY_SYMBOL) NULL };

static void begin(void)
{
	lib.curl_global_init(CURL_GLOBAL_DEFAULT);
}

static struct library library = { "libcurl", { "libcurl.so.4" }, symbols, &lib, begin, false };

static int release(struct web *h)
{
	lib.curl_easy_cleanup(h->curl);
	return 0;
}

int web_open(const void *ctx, struct web **ret, struct error *err)
{
	if (library_load(&library, err) < 0)
		return error_wrap(err, "cannot talk to a registry");
	struct web *h = mem_new(ctx, struct web);
	h->curl = lib.curl_easy_init();
	if (!h->curl) {
		talloc_free(h);
		return error_set(err, 0, "cannot start libcurl");
	}
	talloc_set_destructor(h, release);
	*ret = h;
	return 0;
}

/* The host without its port. */
static void name_of_host(const char *host, char name[256])
{
	size_t length = host[0] == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":");
	snprintf(name, 256, "%.*s", (int)length, host);
}

/* An address of 127.0.0.0/8, and not a name that begins like one ("127.0.0.1.example.org"). */
static bool is_loopback(const char *host)
{
	char name[256];
	struct in_addr address;
	name_of_host(host, name);
	if (strcmp(name, "localhost") == 0 || strcmp(name, "[::1]") == 0)
		return true;
	return inet_pton(AF_INET, name, &address) == 1 && ntohl(address.s_addr) >> 24 == 127;
}

bool web_may_be_plain(const char *host)
{
	char name[256];
	if (is_loopback(host))
		return true;
	name_of_host(host, name);
	size_t length = strlen(name);
	const char *list = getenv("FAKEBUILD_INSECURE_REGISTRIES");
	for (; list && *list; list += strcspn(list, ","), list += *list == ',') {
		size_t n = strcspn(list, ",");
		if ((n == strlen(host) && memcmp(list, host, n) == 0) || (n == length && memcmp(list, name, n) == 0))
			return true;
	}
	return false;
}

void web_trust_host(const char *host)
{
	const char *before = getenv("FAKEBUILD_INSECURE_REGISTRIES");
	CLEANUP_TALLOC char *list = mem_printf(NULL, "%s%s%s", before ? before : "", before && *before ? "," : "", host);
	setenv("FAKEBUILD_INSECURE_REGISTRIES", list, 1);
}

char *web_host_of(const void *ctx, const char *url)
{
	const char *host = text_starts(url, "https://") ? url + 8 : text_starts(url, "http://") ? url + 7 : NULL;
	size_t length = host ? strcspn(host, "/?#") : 0;
	if (!length || strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:[]") < length)
		return NULL;
	return mem_strndup(ctx, host, length);
}

bool web_is_same_origin(const char *a, const char *b)
{
	CLEANUP_TALLOC char *host_a = web_host_of(NULL, a), *host_b = web_host_of(NULL, b);
	return host_a && host_b && text_starts(a, "https:") == text_starts(b, "https:") &&
	       strcasecmp(host_a, host_b) == 0;
}

static void set_header(const void *ctx, char **place, const char *value, size_t length)
{
	while (length && isspace((unsigned char)*value))
		value++, length--;
	while (length && isspace((unsigned char)value[length - 1]))
		length--;
	/* Several challenges may come as several headers. */
	*place = *place ? mem_append(*place, ", %.*s", (int)length, value) : mem_strndup(ctx, value, length);
}

/* Retry-After may also be a date, which is as good as nothing said. */
static int read_seconds(const char *value, size_t length)
{
	char text[16];
	uint64_t seconds;
	while (length && isspace((unsigned char)*value))
		value++, length--;
	while (length && isspace((unsigned char)value[length - 1]))
		length--;
	if (length >= sizeof(text))
		return -1;
	memcpy(text, value, length);
	text[length] = '\0';
	return text_to_number(text, 86400, &seconds) ? (int)seconds : -1;
}

static size_t on_header(char *bytes, size_t size, size_t count, void *arg)
{
	struct exchange *x = arg;
	struct web_response *r = x->response;
	size_t length = size * count;
	const char *colon = memchr(bytes, ':', length);
	const struct {
		const char *name;
		char **place;
	} kept[] = {
		{ "location", &r->location }, { "content-type", &r->content_type },
		{ "www-authenticate", &r->authenticate }, { "docker-content-digest", &r->digest },
		{ "etag", &r->etag }, { "last-modified", &r->last_modified },
		{ "content-disposition", &r->disposition },
	};
	if (length > 5 && memcmp(bytes, "HTTP/", 5) == 0) {
		/* A new answer (after 100 Continue): what the last said is over. */
		for (size_t i = 0; i < sizeof(kept) / sizeof(*kept); i++)
			*kept[i].place = NULL;
		r->retry_after = -1;
		return length;
	}
	if (!colon)
		return length;
	size_t name = colon - bytes, rest = length - name - 1;
	for (size_t i = 0; i < sizeof(kept) / sizeof(*kept); i++)
		if (strlen(kept[i].name) == name && strncasecmp(bytes, kept[i].name, name) == 0)
			set_header(r->body, kept[i].place, colon + 1, rest);
	if (name == 11 && strncasecmp(bytes, "retry-after", name) == 0)
		r->retry_after = read_seconds(colon + 1, rest);
	return length;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *arg)
{
	struct exchange *x = arg;
	struct web_response *r = x->response;
	size_t length = size * count;
	long status = 0;
	lib.curl_easy_getinfo(x->curl, CURLINFO_RESPONSE_CODE, &status);
	if (x->request->sink && status >= 200 && status < 300) {
		if (!x->has_begun && x->request->begin && x->request->begin(x->request->arg, status, &x->error) < 0)
			return 0;
		x->has_begun = true;
		return x->request->sink(x->request->arg, bytes, length, &x->error) < 0 ? 0 : length;
	}
	if (r->body_bytes + length > IMAGE_JSON_MAX_BYTES) {
		x->is_too_large = true;
		return 0;
	}
	/* Headers hang on the body, so it is grown in place of its parent by hand. */
	const void *ctx = talloc_parent(r->body);
	r->body = mem_grow(ctx, r->body, char, r->body_bytes + length + 1);
	memcpy(r->body + r->body_bytes, bytes, length);
	r->body_bytes += length;
	r->body[r->body_bytes] = '\0';
	return length;
}

static size_t on_upload(char *bytes, size_t size, size_t count, void *arg)
{
	struct exchange *x = arg;
	const struct web_request *q = x->request;
	size_t want = size * count;
	if ((int64_t)want > q->body_bytes - x->sent_bytes)
		want = q->body_bytes - x->sent_bytes;
	if (!want)
		return 0;
	ssize_t n;
	if (q->body) {
		memcpy(bytes, q->body + x->sent_bytes, want);
		n = want;
	} else {
		n = pread(q->body_fd, bytes, want, x->sent_bytes);
	}
	if (n <= 0)
		return CURL_READFUNC_ABORT;
	x->sent_bytes += n;
	return n;
}

static int on_seek(void *arg, curl_off_t offset, int origin)
{
	struct exchange *x = arg;
	if (origin != SEEK_SET)
		return CURL_SEEKFUNC_CANTSEEK;
	x->sent_bytes = offset;
	return CURL_SEEKFUNC_OK;
}

/* docker's per-registry certificates: certs.d/HOST[:PORT]/{ca.crt,client.cert,client.key}. */
static void use_certificates(CURL *curl, const char *url)
{
	static const char *const root[] = { "/etc/docker/certs.d", "/etc/containers/certs.d" };
	const char *host = strstr(url, "://");
	if (!host)
		return;
	host += 3;
	for (size_t i = 0; i < 2; i++) {
		CLEANUP_TALLOC char *dir = mem_printf(NULL, "%s/%.*s", root[i], (int)strcspn(host, "/?"), host);
		CLEANUP_TALLOC char *ca = mem_printf(NULL, "%s/ca.crt", dir);
		CLEANUP_TALLOC char *cert = mem_printf(NULL, "%s/client.cert", dir);
		CLEANUP_TALLOC char *key = mem_printf(NULL, "%s/client.key", dir);
		if (access(ca, R_OK) == 0)
			lib.curl_easy_setopt(curl, CURLOPT_CAINFO, ca);
		if (access(cert, R_OK) == 0 && access(key, R_OK) == 0) {
			lib.curl_easy_setopt(curl, CURLOPT_SSLCERT, cert);
			lib.curl_easy_setopt(curl, CURLOPT_SSLKEY, key);
		}
	}
}

static int explain(CURL *curl, CURLcode code, const char *detail, struct error *err)
{
	long number = 0;
	switch (code) {
	case CURLE_COULDNT_CONNECT:
		lib.curl_easy_getinfo(curl, CURLINFO_OS_ERRNO, &number);
		error_set(err, 0, "%s", strerror(number ? (int)number : ECONNREFUSED));
		err->number = ECONNREFUSED;
		return -1;
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_RESOLVE_PROXY:
		error_set(err, 0, "%s", detail);
		err->number = ENOENT;
		return -1;
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CERTPROBLEM:
		error_set(err, 0, "%s", detail);
		err->number = EPROTO;
		return -1;
	default:
		error_set(err, 0, "%s", detail);
		err->number = EIO;
		return -1;
	}
}

static int use_socket(CURL *curl, const char *path, struct error *err)
{
#if LIBCURL_VERSION_NUM >= 0x072800
	return lib.curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, path) == CURLE_OK ?
		       0 :
		       error_set(err, 0, "this libcurl knows no unix sockets");
#else
	(void)curl;
	(void)path;
	return error_set(err, 0, "talking to a unix socket needs libcurl 7.40 or newer");
#endif
}

static int exchange_once(struct web *h, const struct web_request *q, const char *url, bool sends_secrets,
			 struct web_response *ret, struct error *err)
{
	CURL *curl = h->curl;
	struct exchange x = { .request = q, .response = ret, .curl = curl, .error = ERROR_INIT };
	char detail[CURL_ERROR_SIZE] = "";
	CLEANUP_TALLOC char *host = web_host_of(NULL, url);
	if (!host || (!text_starts(url, "https:") && !q->allows_plain && !web_may_be_plain(host))) {
		ret->is_ours = true;
		error_set(err, 0, host ? "plain http to '%s' is refused" : "'%s' is no URL of a registry",
			  host ? host : url);
		err->number = EPERM;
		return -1;
	}
	struct curl_slist *headers = lib.curl_slist_append(NULL, "Expect:");
	const struct {
		const char *name, *value;
	} own[] = {
		{ "Accept", q->accept }, { "Content-Type", q->content_type }, { "If-None-Match", q->if_none_match },
		{ "Authorization", sends_secrets ? q->authorization : NULL },
	};
	for (size_t i = 0; i < sizeof(own) / sizeof(*own); i++) {
		if (!own[i].value)
			continue;
		/* Tokens may have many kilobytes. */
		CLEANUP_TALLOC char *line = mem_printf(NULL, "%s: %s", own[i].name, own[i].value);
		headers = lib.curl_slist_append(headers, line);
	}
	lib.curl_easy_reset(curl);
	lib.curl_easy_setopt(curl, CURLOPT_URL, url);
	lib.curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	lib.curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, detail);
	lib.curl_easy_setopt(curl, CURLOPT_USERAGENT, "fakebuild/" FAKEBUILD_VERSION);
	lib.curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	lib.curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
	lib.curl_easy_setopt(curl, CURLOPT_HEADERDATA, &x);
	lib.curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
	lib.curl_easy_setopt(curl, CURLOPT_WRITEDATA, &x);
	lib.curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_SECONDS);
	lib.curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
	lib.curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME,
			 q->body_bytes > 0 ? (long)STALL_UPLOAD_SECONDS : (long)STALL_SECONDS);
	if (is_loopback(host))
		lib.curl_easy_setopt(curl, CURLOPT_PROXY, "");
	/* As Docker: who is named insecure may have any certificate. */
	if (web_may_be_plain(host)) {
		lib.curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
		lib.curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
	}
#if LIBCURL_VERSION_NUM >= 0x075500
	lib.curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
#else
	lib.curl_easy_setopt(curl, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
	use_certificates(curl, url);
	if (q->unix_socket && use_socket(curl, q->unix_socket, err) < 0) {
		lib.curl_slist_free_all(headers);
		return -1;
	}
	if (q->range)
		lib.curl_easy_setopt(curl, CURLOPT_RANGE, q->range);
	if (strcmp(q->method, "HEAD") == 0) {
		lib.curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
	} else if (q->body_bytes >= 0) {
		lib.curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
		lib.curl_easy_setopt(curl, CURLOPT_READFUNCTION, on_upload);
		lib.curl_easy_setopt(curl, CURLOPT_READDATA, &x);
		lib.curl_easy_setopt(curl, CURLOPT_SEEKFUNCTION, on_seek);
		lib.curl_easy_setopt(curl, CURLOPT_SEEKDATA, &x);
		lib.curl_easy_setopt(curl, CURLOPT_INFILESIZE_LARGE, (curl_off_t)q->body_bytes);
		lib.curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, q->method);
	} else if (strcmp(q->method, "GET") != 0) {
		lib.curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, q->method);
	}
	CURLcode code = lib.curl_easy_perform(curl);
	lib.curl_slist_free_all(headers);
	double length = -1;
	lib.curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &ret->status);
#if LIBCURL_VERSION_NUM >= 0x073700
	curl_off_t exact = -1;
	lib.curl_easy_getinfo(curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &exact);
	length = exact;
#else
	lib.curl_easy_getinfo(curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD, &length);
#endif
	ret->length = length;
	ret->is_ours = x.error.text[0] || x.is_too_large;
	if (x.error.text[0]) {
		*err = x.error;
		return -1;
	}
	if (x.is_too_large)
		return error_set(err, 0, "the answer is larger than %u bytes", IMAGE_JSON_MAX_BYTES);
	if (code != CURLE_OK)
		return explain(curl, code, detail[0] ? detail : lib.curl_easy_strerror(code), err);
	return 0;
}

int web_perform(const void *ctx, struct web *h, const struct web_request *q, struct web_response *ret,
		 struct error *err)
{
	CLEANUP_TALLOC char *url = mem_strdup(NULL, q->url);
	bool sends_secrets = true;
	for (unsigned redirects = 0;; redirects++) {
		*ret = (struct web_response){ .retry_after = -1, .length = -1 };
		ret->body = mem_strdup(ctx, "");
		if (exchange_once(h, q, url, sends_secrets, ret, err) < 0)
			return -1;
		bool is_redirect = ret->status == 301 || ret->status == 302 || ret->status == 303 ||
				   ret->status == 307 || ret->status == 308;
		if (!is_redirect || q->body_bytes >= 0 ||
		    (strcmp(q->method, "GET") != 0 && strcmp(q->method, "HEAD") != 0))
			return 0;
		char *next = NULL;
		lib.curl_easy_getinfo(h->curl, CURLINFO_REDIRECT_URL, &next);
		if (!next || redirects == REDIRECTS_MAX)
			return error_set(err, 0, next ? "too many redirects" : "a redirect without a target");
		/* Blobs may be anywhere, but never over plain HTTP when we came by TLS. */
		if (text_starts(url, "https:") && !text_starts(next, "https:"))
			return error_set(err, 0, "a redirect from https to '%s' is refused", next);
		if (!web_is_same_origin(url, next))
			sends_secrets = false;
		talloc_free(url);
		url = mem_strdup(NULL, next);
	}
}
