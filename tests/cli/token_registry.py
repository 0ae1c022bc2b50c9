#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A registry in memory with a token server beside it, that misbehaves as it is told.

token_registry.py FOLDER [none|basic|bearer]: listens on loopback, writes its port to FOLDER/port and a line
for each request to FOLDER/log: METHOD HOST PATH STATUS AUTHORIZATION-KIND.  The user is "me", the password
"secret".  FOLDER/faults, read again whenever it changes, has lines NAME or NAME=COUNT (so many times):

  busy           blobs: 503, Retry-After: 0         cut            blobs end in the middle, connection closed
  short          blobs: half of it, well-formed     wrong          blobs: other bytes
  no-range       Range is ignored                   redirect       blobs are at another host (127.0.0.1)
  never-enough   manifests: 401 insufficient_scope  elsewhere      uploads are taken by another host
  busy-manifest  manifests: 429, Retry-After: 0     liar           Docker-Content-Digest of something else
  huge           manifests: more than 4 MiB         garbage        manifests: no JSON
  access-token   the token is named access_token    short-life     tokens are good for one request
  rude           errors with escape sequences       user-realm     the realm is http://localhost:1@127.0.0.2
"""
import base64
import hashlib
import http.server
import json
import os
import re
import secrets
import socketserver
import sys
import threading
import urllib.parse

FOLDER = sys.argv[1]
AUTH = sys.argv[2] if len(sys.argv) > 2 else "bearer"
BASIC = "Basic " + base64.b64encode(b"me:secret").decode()

lock = threading.Lock()
blobs = {}
manifests = {}  # (repository, tag or digest): (media type, bytes)
uploads = {}
tokens = {}  # token: how many requests it is good for
faults, faults_stamp = {}, None


def has_fault(name):
    """Is this to be done now?  Counts down."""
    global faults, faults_stamp
    path = os.path.join(FOLDER, "faults")
    with lock:
        try:
            stamp = os.stat(path).st_mtime_ns
        except FileNotFoundError:
            stamp = None
        if stamp != faults_stamp:
            faults_stamp, faults = stamp, {}
            if stamp is not None:
                for line in open(path):
                    key, _, count = line.strip().partition("=")
                    faults[key] = int(count or 1 << 30)
        if faults.get(name, 0) <= 0:
            return False
        faults[name] -= 1
        return True


def digest_of(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def reply(self, status, body=b"", headers=()):
        kind = self.headers.get("Authorization", "none").split(" ")[0]
        with lock, open(os.path.join(FOLDER, "log"), "a") as log:
            print(self.command, self.headers.get("Host"), self.path, status, kind, file=log)
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        if not any(name == "Content-Length" for name, _ in headers):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def fail(self, status, code, headers=()):
        message = "\x1b[31mrude\r\n\x07words" if has_fault("rude") else code.lower()
        self.reply(status, json.dumps({"errors": [{"code": code, "message": message}]}).encode(), headers)

    def challenge(self, repository, extra=""):
        if AUTH == "basic":
            self.fail(401, "UNAUTHORIZED", [("WWW-Authenticate", 'Basic realm="a, b"')])
            return
        host = "localhost:1@127.0.0.2:9" if has_fault("user-realm") else self.headers["Host"]
        scope = f',scope="repository:{repository}:pull,push"' if repository else ""
        self.fail(401, "UNAUTHORIZED", [
            ("WWW-Authenticate", 'Negotiate'),
            ("WWW-Authenticate", f'Bearer realm="http://{host}/token",service="tests, all"{scope}{extra}')])

    def is_allowed(self, repository):
        sent = self.headers.get("Authorization", "")
        if AUTH == "none" or (AUTH == "basic" and sent == BASIC):
            return True
        if AUTH == "bearer" and sent.startswith("Bearer "):
            with lock:
                left = tokens.get(sent[7:], 0)
                tokens[sent[7:]] = left - 1
            if left > 0:
                return True
        self.challenge(repository)
        return False

    def token(self):
        if self.headers.get("Authorization") != BASIC:
            self.fail(401, "UNAUTHORIZED")
            return
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
        if query.get("service") != ["tests, all"]:
            self.fail(400, "WRONG_SERVICE")
            return
        token = secrets.token_hex(8) + "x" * 9000  # longer than a line of headers often is
        with lock:
            tokens[token] = 1 << 30
        if has_fault("short-life"):
            tokens[token] = 1
        name = "access_token" if has_fault("access-token") else "token"
        self.reply(200, json.dumps({name: token}).encode())

    def body(self):
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def blob(self, digest):
        data = blobs.get(digest)
        if data is None:
            self.fail(404, "BLOB_UNKNOWN")
        elif self.command == "HEAD":
            self.reply(200, b"", [("Content-Length", str(len(data)))])
        elif has_fault("busy"):
            self.fail(503, "UNAVAILABLE", [("Retry-After", "0")])
        elif has_fault("redirect"):
            port = self.server.server_address[1]
            self.reply(307, b"", [("Location", f"http://127.0.0.1:{port}/storage/{digest}")])
        else:
            self.content(data)

    def content(self, data):
        if has_fault("wrong"):
            data = data[:50] + bytes([data[50] ^ 1]) + data[51:]
        if has_fault("short"):
            data = data[:len(data) // 2]
        start = re.match(r"bytes=(\d+)-$", self.headers.get("Range", ""))
        if start and not has_fault("no-range"):
            first = int(start.group(1))
            if first >= len(data):
                self.fail(416, "RANGE")
                return
            status, headers = 206, [("Content-Range", f"bytes {first}-{len(data) - 1}/{len(data)}")]
            data = data[first:]
        else:
            status, headers = 200, []
        if has_fault("cut"):
            headers.append(("Content-Length", str(len(data))))
            data = data[:len(data) // 2]
            self.close_connection = True
        self.reply(status, data, headers)

    def manifest(self, repository, name):
        media_type, data = manifests.get((repository, name), (None, None))
        if has_fault("never-enough"):
            self.challenge(repository, ',error="insufficient_scope"')
        elif data is None:
            self.fail(404, "MANIFEST_UNKNOWN")
        elif has_fault("busy-manifest"):
            self.fail(429, "TOOMANYREQUESTS", [("Retry-After", "0")])
        else:
            digest = digest_of(b"other" if has_fault("liar") else data)
            if has_fault("huge"):
                data = b"{" + b" " * (5 << 20) + b"}"
            if has_fault("garbage"):
                data = b'{"layers": ['
                digest = digest_of(data)
            self.reply(200, data, [("Content-Type", media_type), ("Docker-Content-Digest", digest)])

    def do_GET(self):
        path = urllib.parse.urlsplit(self.path).path
        if path == "/token":
            self.token()
            return
        if path.startswith("/storage/"):
            if "Authorization" in self.headers:
                self.fail(400, "CREDENTIALS_LEAKED")
            else:
                self.content(blobs[path[9:]])
            return
        found = re.match(r"/v2/(?:(.+)/(blobs|manifests)/([^/]+))?$", path)
        if not found:
            self.fail(404, "NOT_FOUND")
        elif self.is_allowed(found.group(1)):
            if not found.group(1):
                self.reply(200, b"{}")
            elif found.group(2) == "blobs":
                self.blob(found.group(3))
            else:
                self.manifest(found.group(1), found.group(3))

    do_HEAD = do_GET

    def do_POST(self):
        self.body()
        repository = re.match(r"/v2/(.+)/blobs/uploads/$", urllib.parse.urlsplit(self.path).path)
        if not repository:
            self.fail(404, "NOT_FOUND")
        elif self.is_allowed(repository.group(1)):
            upload = secrets.token_hex(8)
            with lock:
                uploads[upload] = b""
            location = f"/v2/{repository.group(1)}/blobs/uploads/{upload}?state=a%2Fb"
            if has_fault("elsewhere"):
                location = f"http://127.0.0.1:{self.server.server_address[1]}/elsewhere/{upload}?state=a%2Fb"
            self.reply(202, b"", [("Location", location)])

    def do_PUT(self):
        data = self.body()
        parts = urllib.parse.urlsplit(self.path)
        query = urllib.parse.parse_qs(parts.query)
        put = re.match(r"/v2/(.+)/manifests/([^/]+)$", parts.path)
        if parts.path.startswith("/elsewhere/") and "Authorization" in self.headers:
            self.fail(400, "CREDENTIALS_LEAKED")
        elif put:
            if self.is_allowed(put.group(1)):
                digest = digest_of(data)
                value = (self.headers["Content-Type"], data)
                manifests[put.group(1), put.group(2)] = manifests[put.group(1), digest] = value
                self.reply(201, b"", [("Docker-Content-Digest", digest)])
        elif parts.path.startswith("/elsewhere/") or self.is_allowed(None):
            if parts.path.rsplit("/", 1)[1] not in uploads or query.get("state") != ["a/b"]:
                self.fail(404, "BLOB_UPLOAD_UNKNOWN")
            elif query.get("digest") != [digest_of(data)]:
                self.fail(400, "DIGEST_INVALID")
            else:
                blobs[digest_of(data)] = data
                self.reply(201)


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True


server = Server(("127.0.0.1", 0), Handler)
with open(os.path.join(FOLDER, "port.new"), "w") as f:
    f.write(str(server.server_address[1]))
os.rename(os.path.join(FOLDER, "port.new"), os.path.join(FOLDER, "port"))
server.serve_forever()
