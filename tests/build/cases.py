# SPDX-License-Identifier: Apache-2.0
"""The cases of cases/: how a folder there becomes a build.

NAME/Dockerfile    given with -f; a case without one has it in its context
NAME/context/      the build context; without one, an empty folder
NAME/prepare.sh    makes what git cannot keep (links, modes, odd names, archives), in the context
NAME/args          options of the build, one a line, as `fakebuild build` takes them; paths are relative to the
                   work folder, a copy of NAME
NAME/fails         what must be in the message of a build that must fail, an extended regular expression a line

NAME/www/          what a web server on loopback shows; PORT in the Dockerfile is its port

errors/NAME        a Dockerfile alone that is wrong; tests/data/build/errors.json has BuildKit's message and the line
                   it names, or an empty message where BuildKit takes it all the same
"""
import functools
import http.server
import json
import os
import shlex
import shutil
import subprocess
import threading

HERE = os.path.dirname(os.path.realpath(__file__))
DATA = os.path.join(HERE, "..", "data", "build")
# Whatever the checkout's times are; see image.NOW.
MTIME = 1500000000
# What --secret id=...,env= finds.
ENVIRONMENT = {**os.environ, "PARITY_SECRET": "of the environment"}


class Silent(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format, *args):  # pylint: disable=redefined-builtin
        pass


class Case:
    def __init__(self, name):
        self.name, self.folder = name, os.path.join(HERE, "cases", name)
        self.server, self.port = None, ""
        self.record_path = os.path.join(DATA, name + ".json")

    def lines(self, name):
        try:
            with open(os.path.join(self.folder, name), encoding="utf-8") as f:
                return [line.rstrip("\n") for line in f if line.strip() and not line.startswith("#")]
        except FileNotFoundError:
            return []

    def options(self):
        return [word for line in self.lines("args") for word in shlex.split(line)]

    def must_fail_with(self):
        return self.lines("fails")

    def prepare(self, work):
        """Copy it to the folder `work` and make its context whole."""
        shutil.copytree(self.folder, work, symlinks=True)
        context = os.path.join(work, "context")
        os.makedirs(context, exist_ok=True)
        for folder, folders, files in os.walk(work):
            for name in folders:
                os.chmod(os.path.join(folder, name), 0o755)
            for name in files:
                path = os.path.join(folder, name)
                if not os.path.islink(path):
                    os.chmod(path, 0o755 if os.stat(path).st_mode & 0o100 else 0o644)
        if os.path.exists(os.path.join(work, "prepare.sh")):
            subprocess.run(["sh", "-euc", "umask 022; . ../prepare.sh"], cwd=context, check=True,
                           env={**os.environ, "TZ": "UTC", "LC_ALL": "C.UTF-8"})
        for folder, folders, files in os.walk(context.encode(), topdown=False):
            for name in [*files, *folders, b"."]:
                path = os.path.join(folder, name)
                if os.lstat(path).st_mtime > MTIME:
                    os.utime(path, (MTIME, MTIME), follow_symlinks=False)
        if os.path.isdir(os.path.join(work, "www")):
            self.serve(work)
        return context

    def serve(self, work):
        www = os.path.join(work, "www")
        for folder, _, files in os.walk(www):
            for name in files:
                os.utime(os.path.join(folder, name), (MTIME, MTIME))
        handler = functools.partial(Silent, directory=www)
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.port = str(self.server.server_address[1])
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        path = os.path.join(work, "Dockerfile")
        with open(path, encoding="utf-8") as f:
            text = f.read()
        with open(path, "w", encoding="utf-8") as f:
            f.write(text.replace("PORT", self.port))

    def without_port(self, record):
        """What the record has of the web server's port is PORT again."""
        return json.loads(json.dumps(record).replace(":" + self.port, ":PORT")) if self.server else record

    def stop(self):
        if self.server:
            self.server.shutdown()
            self.server.server_close()
            self.server = None

    def dockerfile(self):
        return "Dockerfile" if os.path.exists(os.path.join(self.folder, "Dockerfile")) else None


def all_cases(names=()):
    return [Case(name) for name in sorted(names or os.listdir(os.path.join(HERE, "cases")))]


def errors():
    folder = os.path.join(HERE, "errors")
    return {name: os.path.join(folder, name) for name in sorted(os.listdir(folder))} if os.path.isdir(folder) else {}
