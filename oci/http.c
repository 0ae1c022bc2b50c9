/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the use of libcurl (7.29 and newer).  Redirects are followed here, since before 7.58 the library
 * would hand an Authorization header to whatever host it was sent to (CVE-2018-1000007).
 */
#include "oci/http.h"

#include <curl/curl.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "oci/url.h"
#include "tracer/base/io.h"
#include "tracer/base/text.h"

enum {
	REDIRECTS_MAX = 10,
	HEADERS_MAX = 500,
	HEADER_MAX_BYTES = 64 * 1024,
	CONNECT_TIMEOUT_SEC = 30,
	STALL_SEC = 60,
	/* A server that hashes an upload of many gigabytes says nothing meanwhile. */
	STALL_UPLOAD_SEC = 600,
	STATUS_OK = 200,
	STATUS_PARTIAL = 206,
};

struct http {
	CURL *curl;
};

/* One transfer. */
struct exchange {
	const struct http_request *request;
	struct http_reply *reply;
	struct error *err;
	long status; /* of the header block that is being read */
	bool is_begun;
	int body_fd;
	int64_t body_at;
	bool has_failed_here; /* err has been set */
};

static void start_curl(void)
{
	curl_global_init(CURL_GLOBAL_DEFAULT);
}

static int close_http(struct http *h)
{
	curl_easy_cleanup(h->curl);
	return 0;
}

struct http *http_new(const void *ctx)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, start_curl);
	struct http *h = mem_new(ctx, struct http);
	h->curl = mem_must(curl_easy_init());
	talloc_set_destructor(h, close_http);
	return h;
}

const char *http_header_value(const char *line, const char *name)
{
	size_t size = strlen(name);
	if (strncasecmp(line, name, size) != 0 || line[size] != ':')
		return NULL;
	line += size + 1;
	return line + strspn(line, " \t");
}

const char *http_header(const struct http_reply *reply, const char *name)
{
	for (size_t i = 0; i < reply->headers->count; i++) {
		const char *value = http_header_value(reply->headers->items[i], name);
		if (value)
			return value;
	}
	return NULL;
}

const char *http_status_text(long status)
{
	static const struct {
		long status;
		const char *text;
	} rows[] = {
		{ 400, "Bad Request" },		{ 401, "Unauthorized" },
		{ 403, "Forbidden" },		{ 404, "Not Found" },
		{ 405, "Method Not Allowed" },	{ 413, "Content Too Large" },
		{ 429, "Too Many Requests" },	{ 500, "Internal Server Error" },
		{ 501, "Not Implemented" },	{ 502, "Bad Gateway" },
		{ 503, "Service Unavailable" }, { 504, "Gateway Timeout" },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (rows[i].status == status)
			return rows[i].text;
	return "";
}

/* ---- what may be spoken to, and how ---- */

static bool is_loopback(const char *name, size_t size)
{
	if (size == 9 && strncasecmp(name, "localhost", size) == 0)
		return true;
	if (size == 5 && strncmp(name, "[::1]", size) == 0)
		return true;
	/* An address and not a name that begins like one, as 127.0.0.1.example.org. */
	unsigned dots = 0, digits = 0;
	for (size_t i = 0; i < size; i++) {
		if (name[i] == '.' && digits)
			dots++, digits = 0;
		else if (name[i] >= '0' && name[i] <= '9' && digits < 3)
			digits++;
		else
			return false;
	}
	return size > 4 && strncmp(name, "127.", 4) == 0 && dots == 3 && digits;
}

static size_t name_size(const char *host)
{
	return *host == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":");
}

bool http_host_is_insecure(const char *host)
{
	size_t size = name_size(host);
	if (is_loopback(host, size))
		return true;
	const char *list = getenv("FAKEBUILD_INSECURE_REGISTRIES");
	while (list && *list) {
		list += strspn(list, ", ");
		size_t entry = strcspn(list, ", ");
		if (entry && (entry == strlen(host) || entry == size) &&
		    strncasecmp(list, host, entry) == 0)
			return true;
		list += entry;
	}
	return false;
}

/* The first file in `directory` whose name ends so. */
static char *find_file(const void *ctx, const char *directory, const char *suffix)
{
	DIR *d = opendir(directory);
	char *found = NULL;
	for (struct dirent *entry; d && (entry = readdir(d));) {
		if (!text_ends(entry->d_name, suffix) || (found && strcmp(entry->d_name, found) > 0))
			continue;
		talloc_free(found);
		found = mem_strdup(ctx, entry->d_name);
	}
	if (d)
		closedir(d);
	return found ? mem_printf(ctx, "%s/%s", directory, found) : NULL;
}

/* Of Docker and containers: certs.d/HOST:PORT/{*.crt,*.cert,*.key}. */
static void use_certificates(CURL *curl, const char *host)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	const char *home = getenv("HOME"), *file = getenv("SSL_CERT_FILE"),
		   *directory = getenv("SSL_CERT_DIR");
	struct strlist *folders = strlist_new(scratch);
	if (file && *file)
		curl_easy_setopt(curl, CURLOPT_CAINFO, file);
	if (directory && *directory)
		curl_easy_setopt(curl, CURLOPT_CAPATH, directory);
	if (home && *home)
		strlist_addf(folders, "%s/.config/containers/certs.d/%s", home, host);
	strlist_addf(folders, "/etc/containers/certs.d/%s", host);
	strlist_addf(folders, "/etc/docker/certs.d/%s", host);
	for (size_t i = 0; i < folders->count; i++) {
		char *ca = find_file(scratch, folders->items[i], ".crt");
		char *certificate = find_file(scratch, folders->items[i], ".cert");
		char *key = find_file(scratch, folders->items[i], ".key");
		if (ca)
			curl_easy_setopt(curl, CURLOPT_CAINFO, ca);
		if (certificate && key) {
			curl_easy_setopt(curl, CURLOPT_SSLCERT, certificate);
			curl_easy_setopt(curl, CURLOPT_SSLKEY, key);
		}
		if (ca || (certificate && key))
			return;
	}
}

/* ---- callbacks; each returns less than it was given to stop the transfer ---- */

static bool is_cancelled(const struct exchange *x)
{
	return x->request->is_cancelled && __atomic_load_n(x->request->is_cancelled, __ATOMIC_RELAXED);
}

static size_t on_header(char *bytes, size_t unit, size_t count, void *arg)
{
	struct exchange *x = arg;
	size_t size = unit * count, kept = size;
	while (kept && (bytes[kept - 1] == '\r' || bytes[kept - 1] == '\n'))
		kept--;
	if (kept > 5 && strncmp(bytes, "HTTP/", 5) == 0) {
		/* 100 Continue and a proxy's CONNECT have blocks of their own: the last one counts. */
		CLEANUP_TALLOC char *line = mem_strndup(NULL, bytes, kept);
		const char *blank = strchr(line, ' ');
		x->status = blank ? strtol(blank, NULL, 10) : 0;
		talloc_free(x->reply->headers);
		x->reply->headers = strlist_new(x->reply);
		return size;
	}
	if (!kept || memchr(bytes, '\0', kept))
		return size;
	if (x->reply->headers->count >= HEADERS_MAX || kept > HEADER_MAX_BYTES)
		return 0;
	strlist_addf(x->reply->headers, "%.*s", (int)kept, bytes);
	return size;
}

static size_t keep(struct exchange *x, const char *bytes, size_t size)
{
	struct http_reply *reply = x->reply;
	if (size > x->request->max_bytes - reply->body_bytes) {
		error_set(x->err, 0, "the answer of '%s' is longer than %zu bytes", reply->url,
			  x->request->max_bytes);
		x->has_failed_here = true;
		return 0;
	}
	reply->body = mem_grow(reply, reply->body, char, reply->body_bytes + size + 1);
	memcpy(reply->body + reply->body_bytes, bytes, size);
	reply->body_bytes += size;
	reply->body[reply->body_bytes] = '\0';
	return size;
}

static size_t on_content(char *bytes, size_t unit, size_t count, void *arg)
{
	struct exchange *x = arg;
	const struct http_request *request = x->request;
	size_t size = unit * count;
	bool is_wanted = x->status == STATUS_OK || x->status == STATUS_PARTIAL;
	if (is_cancelled(x))
		return 0;
	if (!request->sink || !is_wanted)
		return keep(x, bytes, size);
	x->reply->status = x->status;
	if ((!x->is_begun && request->begin && request->begin(request->arg, x->reply, x->err) < 0) ||
	    request->sink(request->arg, bytes, size, x->err) < 0) {
		x->has_failed_here = true;
		return 0;
	}
	x->is_begun = true;
	return size;
}

static size_t on_body_wanted(char *buffer, size_t unit, size_t count, void *arg)
{
	struct exchange *x = arg;
	size_t size = unit * count;
	int64_t rest = x->request->body_bytes - x->body_at;
	if (is_cancelled(x))
		return CURL_READFUNC_ABORT;
	if (rest < (int64_t)size)
		size = rest;
	if (x->body_fd >= 0) {
		ssize_t n = pread(x->body_fd, buffer, size, x->body_at);
		if (n < 0 || (n == 0 && size)) {
			error_set(x->err, n < 0 ? errno : 0, "cannot read '%s'", x->request->body_path);
			x->has_failed_here = true;
			return CURL_READFUNC_ABORT;
		}
		size = n;
	} else {
		memcpy(buffer, x->request->body + x->body_at, size);
	}
	x->body_at += size;
	if (x->request->sent)
		x->request->sent(x->request->arg, x->body_at);
	return size;
}

/* A connection that had been kept may be gone when it is used again: the library then asks to rewind. */
static int on_seek(void *arg, curl_off_t offset, int origin)
{
	struct exchange *x = arg;
	if (origin != SEEK_SET)
		return CURL_SEEKFUNC_CANTSEEK;
	x->body_at = offset;
	return CURL_SEEKFUNC_OK;
}

#if LIBCURL_VERSION_NUM >= 0x072000
static int on_progress(void *arg, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
#else
static int on_progress(void *arg, double a, double b, double c, double d)
#endif
{
	(void)a, (void)b, (void)c, (void)d;
	return is_cancelled(arg);
}

/* ---- one transfer ---- */

static struct curl_slist *make_headers(const struct http_request *request, const char *authorization)
{
	struct curl_slist *list = NULL;
	for (size_t i = 0; request->headers && i < request->headers->count; i++)
		list = mem_must(curl_slist_append(list, request->headers->items[i]));
	if (authorization) {
		CLEANUP_TALLOC char *line = mem_printf(NULL, "Authorization: %s", authorization);
		list = mem_must(curl_slist_append(list, line));
	}
	/* Do not wait a second for a "100 Continue" that many servers do not send. */
	return mem_must(curl_slist_append(list, "Expect:"));
}

static void set_method(CURL *curl, struct exchange *x)
{
	const struct http_request *request = x->request;
	if (strcmp(request->method, "HEAD") == 0) {
		curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
	} else if (request->body || request->body_path) {
		curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
		curl_easy_setopt(curl, CURLOPT_INFILESIZE_LARGE, (curl_off_t)request->body_bytes);
		curl_easy_setopt(curl, CURLOPT_READFUNCTION, on_body_wanted);
		curl_easy_setopt(curl, CURLOPT_READDATA, x);
		curl_easy_setopt(curl, CURLOPT_SEEKFUNCTION, on_seek);
		curl_easy_setopt(curl, CURLOPT_SEEKDATA, x);
		curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request->method);
	} else if (strcmp(request->method, "GET") != 0) {
		/* An empty body of its own, so that Content-Length: 0 is sent. */
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, "");
		curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, 0L);
		curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request->method);
	}
}

static void set_connection(CURL *curl, const char *url, const char *host)
{
#if LIBCURL_VERSION_NUM >= 0x075500
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
#else
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_USERAGENT, "fakebuild/" FAKEBUILD_VERSION);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_TIMEOUT_SEC);
	curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
	curl_easy_setopt(curl, CURLOPT_TCP_KEEPALIVE, 1L);
	if (is_loopback(host, name_size(host)))
		curl_easy_setopt(curl, CURLOPT_PROXY, "");
	if (http_host_is_insecure(host)) {
		curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
		curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
	}
	use_certificates(curl, host);
}

static void set_callbacks(CURL *curl, struct exchange *x)
{
	curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(curl, CURLOPT_HEADERDATA, x);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_content);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, x);
	curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
#if LIBCURL_VERSION_NUM >= 0x072000
	curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
	curl_easy_setopt(curl, CURLOPT_XFERINFODATA, x);
#else
	curl_easy_setopt(curl, CURLOPT_PROGRESSFUNCTION, on_progress);
	curl_easy_setopt(curl, CURLOPT_PROGRESSDATA, x);
#endif
}

static enum http_failure why(CURLcode code)
{
	switch (code) {
	case CURLE_COULDNT_RESOLVE_PROXY:
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_CONNECT:
		return HTTP_UNREACHABLE;
	case CURLE_SSL_CONNECT_ERROR:
#if LIBCURL_VERSION_NUM < 0x073e00
	case CURLE_SSL_CACERT:
#endif
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CIPHER:
	case CURLE_SSL_CACERT_BADFILE:
		return HTTP_NO_TLS;
	case CURLE_UNSUPPORTED_PROTOCOL:
	case CURLE_URL_MALFORMAT:
	case CURLE_OUT_OF_MEMORY:
	case CURLE_ABORTED_BY_CALLBACK:
		return HTTP_HERE;
	default:
		return HTTP_BROKEN;
	}
}

static int tell(struct exchange *x, CURL *curl, CURLcode code, const char *host, const char *text,
		struct error *err)
{
	long number = 0;
	x->reply->failure = x->has_failed_here || is_cancelled(x) ? HTTP_HERE : why(code);
	if (x->has_failed_here)
		return -1;
	if (is_cancelled(x))
		return error_set(err, 0, "the transfer from '%s' was given up", host);
	curl_easy_getinfo(curl, CURLINFO_OS_ERRNO, &number);
	if (code == CURLE_COULDNT_CONNECT && number)
		return error_set(err, (int)number, "cannot reach registry '%s'", host);
	if (code == CURLE_COULDNT_RESOLVE_HOST)
		return error_set(err, 0, "cannot reach registry '%s': no such host", host);
	const char *cause = *text ? text : curl_easy_strerror(code);
	if (x->reply->failure == HTTP_UNREACHABLE || x->reply->failure == HTTP_NO_TLS)
		return error_set(err, 0, "cannot reach registry '%s': %s", host, cause);
	return error_set(err, 0, "connection to registry '%s' broke: %s", host, cause);
}

static int transfer(struct http *h, struct exchange *x, const char *authorization, struct error *err)
{
	const struct http_request *request = x->request;
	const char *url = x->reply->url;
	char text[CURL_ERROR_SIZE] = "";
	CLEANUP_TALLOC char *host = url_host(NULL, url);
	CLEANUP_CLOSE int body_fd = -1;
	bool has_body = request->body || request->body_path;
	x->reply->failure = HTTP_HERE;
	if (!host)
		return error_set(err, 0, "'%s' is no URL of a registry", url);
	/* CVE-2019-10214: the rule holds for each URL, token realms and redirects' targets included. */
	if (!url_is_https(url) && !http_host_is_insecure(host))
		return error_set(err, 0,
				 "refusing to speak plain http to '%s': name it in "
				 "FAKEBUILD_INSECURE_REGISTRIES to allow that",
				 host);
	if (request->body_path) {
		body_fd = open(request->body_path, O_RDONLY | O_CLOEXEC);
		if (body_fd < 0)
			return error_set(err, errno, "cannot open '%s'", request->body_path);
	}
	x->body_fd = body_fd;
	/* Options of the last transfer go, connections stay. */
	curl_easy_reset(h->curl);
	set_connection(h->curl, url, host);
	set_method(h->curl, x);
	set_callbacks(h->curl, x);
	struct curl_slist *headers = make_headers(request, authorization);
	curl_easy_setopt(h->curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(h->curl, CURLOPT_LOW_SPEED_TIME,
			 has_body ? (long)STALL_UPLOAD_SEC : (long)STALL_SEC);
	curl_easy_setopt(h->curl, CURLOPT_ERRORBUFFER, text);
	CURLcode code = curl_easy_perform(h->curl);
	curl_slist_free_all(headers);
	if (code == CURLE_OK)
		curl_easy_getinfo(h->curl, CURLINFO_RESPONSE_CODE, &x->reply->status);
	int r = code == CURLE_OK ? 0 : tell(x, h->curl, code, host, text, err);
	/* The buffer for texts is ours and goes. */
	curl_easy_setopt(h->curl, CURLOPT_ERRORBUFFER, NULL);
	if (r == 0)
		x->reply->failure = HTTP_COMPLETE;
	return r;
}

/* Where to go next, on the reply; NULL: nowhere. */
static char *redirect_target(const struct http_request *request, struct http_reply *reply)
{
	bool is_reading = strcmp(request->method, "GET") == 0 || strcmp(request->method, "HEAD") == 0;
	const char *location = http_header(reply, "Location");
	bool is_redirect = reply->status == 307 || reply->status == 308 ||
			   (is_reading && reply->status >= 301 && reply->status <= 303);
	return is_redirect && location ? url_resolve(reply, reply->url, location) : NULL;
}

static int exchange_here(struct http *h, const struct http_request *request, struct http_reply *reply,
			 const char *authorization, struct error *err)
{
	struct exchange x = { .request = request, .reply = reply, .err = err };
	talloc_free(reply->headers);
	reply->headers = strlist_new(reply);
	talloc_free(reply->body);
	reply->body = mem_strdup(reply, "");
	reply->body_bytes = 0;
	reply->status = 0;
	if (transfer(h, &x, authorization, err) < 0)
		return -1;
	if (request->begin && !x.is_begun &&
	    (reply->status == STATUS_OK || reply->status == STATUS_PARTIAL) &&
	    request->begin(request->arg, reply, err) < 0) {
		reply->failure = HTTP_HERE;
		return -1;
	}
	return 0;
}

int http_exchange(const void *ctx, struct http *h, const struct http_request *request,
		  struct http_reply **ret, struct error *err)
{
	struct http_reply *reply = mem_new(ctx, struct http_reply);
	const char *authorization = request->authorization;
	*ret = reply;
	reply->url = mem_strdup(reply, request->url);
	for (unsigned i = 0;; i++) {
		if (exchange_here(h, request, reply, authorization, err) < 0)
			return -1;
		char *next = redirect_target(request, reply);
		if (!next)
			return 0;
		CLEANUP_TALLOC char *host = url_host(NULL, reply->url);
		if (i == REDIRECTS_MAX || (!url_is_https(next) && !http_host_is_insecure(host))) {
			reply->failure = HTTP_HERE;
			return error_set(err, 0, "registry '%s' redirects %s", host,
					 i == REDIRECTS_MAX ? "without end" : "to plain http");
		}
		/* Once dropped it does not come back, should a later redirect lead home. */
		if (!url_same_origin(reply->url, next))
			authorization = NULL;
		talloc_free(reply->url);
		reply->url = next;
	}
}
