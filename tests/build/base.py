#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""base.py ARCHIVE.tar: the images that the cases begin FROM, the same bytes each time (of one busybox).

The archive is an OCI layout and what `docker save` writes at once. All images share two layers:
  localhost/base:1      nearly no configuration
  localhost/rich:1      each member of a configuration set, to be inherited
  localhost/trigger:1   ONBUILD instructions
  localhost/bare:1      no PATH
  localhost/sourced:1   other files, for COPY --from=IMAGE
"""
import hashlib
import io
import json
import shutil
import sys
import tarfile

MTIME = 1600000000
PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

APPLETS = """sh ash awk base64 basename cat chgrp chmod chown chroot cmp cp cut date dd df diff dirname du echo env expr
false find fold free getopt grep groups gunzip gzip head hostname id install ip kill ln logname ls md5sum mkdir mkfifo
mknod mktemp mount mv nproc od pidof printf ps pwd readlink realpath rm rmdir sed seq setpriv sha256sum sleep sort stat
stty su sync tail tar tee test touch tr true truncate tty umount uname uniq unlink vi wc wget which whoami xargs
yes""".split()

PASSWD = """root:x:0:0:root:/root:/bin/sh
daemon:x:1:1:daemon:/usr/sbin:/bin/false
me:x:1000:1001:Me:/home/me:/bin/sh
app:x:2000:2000:App:/srv/app:/bin/sh
nobody:x:65534:65534:nobody:/nonexistent:/bin/false
"""
GROUP = """root:x:0:
daemon:x:1:
tty:x:5:
shadow:x:42:
extra:x:50:me,you
mine:x:1001:
app:x:2000:
other:x:60:you,app
nogroup:x:65534:
"""
SHADOW = "root:*:19000:0:99999:7:::\nme:!:19000:0:99999:7:::\n"
# cap_net_bind_service=ep, version 2
CAPABILITY = "\x01\x00\x00\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"


class Layer:
    def __init__(self):
        self.bytes = io.BytesIO()
        self.tar = tarfile.open(fileobj=self.bytes, mode="w", format=tarfile.PAX_FORMAT)

    def add(self, name, kind=tarfile.REGTYPE, mode=0o644, owner=(0, 0), content=b"", target="", device=(0, 0), xattrs=None):
        info = tarfile.TarInfo(name)
        info.type, info.mode, info.mtime = kind, mode, MTIME
        info.uid, info.gid = owner
        info.linkname = target
        info.devmajor, info.devminor = device
        for key, value in (xattrs or {}).items():
            info.pax_headers["SCHILY.xattr." + key] = value
        if isinstance(content, str):
            content = content.encode()
        info.size = len(content)
        self.tar.addfile(info, io.BytesIO(content))

    def folder(self, name, mode=0o755, owner=(0, 0)):
        self.add(name, tarfile.DIRTYPE, mode, owner)

    def link(self, name, target):
        self.add(name, tarfile.SYMTYPE, 0o777, target=target)

    def done(self):
        self.tar.close()
        return self.bytes.getvalue()


def system_layer():
    layer = Layer()
    for name in ("bin dev etc etc/conf.d home lib opt proc run sbin srv srv/app sys usr usr/bin usr/lib usr/local "
                 "usr/local/bin usr/sbin var var/cache var/lib var/log").split():
        layer.folder(name)
    layer.folder("root", 0o700)
    layer.folder("tmp", 0o1777)
    layer.folder("var/tmp", 0o1777)
    layer.folder("home/me", 0o750, (1000, 1001))
    layer.folder("home/team", 0o2775, (0, 60))
    with open(shutil.which("busybox"), "rb") as f:
        layer.add("bin/busybox", mode=0o755, content=f.read())
    for applet in APPLETS:
        layer.link("bin/" + applet, "busybox")
    layer.add("etc/passwd", content=PASSWD)
    layer.add("etc/group", content=GROUP)
    layer.add("etc/shadow", mode=0o640, owner=(0, 42), content=SHADOW)
    layer.add("etc/os-release", content="ID=base\n")
    layer.add("etc/conf.d/10-first", content="first\n")
    layer.add("etc/conf.d/20-second", content="second\n")
    layer.link("etc/current", "conf.d")
    layer.link("var/run", "/run")
    layer.link("usr/tmp", "../var/tmp")
    data_folder(layer)
    return layer.done()


def data_folder(layer):
    layer.folder("data")
    for name in "a b c gone".split():
        layer.add("data/" + name, content=name + "\n")
    layer.folder("data/dir")
    layer.folder("data/dir/deep", 0o711)
    layer.folder("data/dir/deep/er")
    for name in "x y deep/er/z deep/er/w".split():
        layer.add("data/dir/" + name, content=name + "\n")
    layer.folder("data/folder-gone")
    layer.add("data/folder-gone/f", content="f\n")
    layer.folder("data/opaque")
    layer.add("data/opaque/below", content="below\n")
    layer.add("data/hard1", content="linked\n")
    layer.add("data/hard2", tarfile.LNKTYPE, target="data/hard1")
    layer.add("data/hard3", tarfile.LNKTYPE, target="data/hard1")
    layer.add("data/setuid", mode=0o4755, content="setuid\n")
    layer.add("data/setgid", mode=0o2755, owner=(0, 42), content="setgid\n")
    layer.add("data/owned", mode=0o600, owner=(1000, 1001), content="owned\n")
    layer.add("data/unreadable", mode=0, content="unreadable\n")
    layer.add("data/capable", mode=0o755, content="capable\n", xattrs={"security.capability": CAPABILITY})
    layer.link("data/to-a", "a")
    layer.link("data/to-dir", "dir")
    layer.link("data/to-etc", "/etc")
    layer.link("data/dangling", "nowhere/at/all")
    layer.add("data/fifo", tarfile.FIFOTYPE, 0o622)
    layer.add("data/null", tarfile.CHRTYPE, 0o666, device=(1, 3))
    layer.add("data/disk", tarfile.BLKTYPE, 0o660, device=(8, 1), owner=(0, 6))
    layer.add("data/" + "long-" * 40 + "name", content="long\n")
    layer.add("data/\u00e4\u00f6\u00fc \u65e5\u672c", content="not ASCII\n")


def second_layer():
    layer = Layer()
    layer.folder("data")
    layer.add("data/.wh.gone")
    layer.add("data/.wh.folder-gone")
    layer.folder("data/opaque")
    layer.add("data/opaque/.wh..wh..opq")
    layer.add("data/opaque/above", content="above\n")
    layer.add("data/b", content="second b\n", mode=0o600)
    return layer.done()


def sourced_layer():
    layer = Layer()
    layer.folder("share", 0o755, (7, 8))
    layer.folder("share/sub", 0o1777, (9, 10))
    layer.add("share/tool", mode=0o6755, owner=(11, 12), content="tool\n")
    layer.add("share/sub/one", owner=(13, 14), content="one\n")
    layer.add("share/sub/two", tarfile.LNKTYPE, owner=(13, 14), target="share/sub/one")
    layer.link("share/link", "sub/one")
    layer.add("share/capable", mode=0o755, content="capable\n", xattrs={"security.capability": CAPABILITY})
    return layer.done()


IMAGES = {
    "base": (("system", "second"), {"Env": [PATH, "BASE=yes"], "Cmd": ["sh"], "Labels": {"base": "1"}}),
    "rich": (("system", "second"), {
        "User": "me:extra", "WorkingDir": "/home/me", "Env": [PATH, "A=one", "B=two", "EMPTY="],
        "Entrypoint": ["/bin/entry", "--flag"], "Cmd": ["default", "words"],
        "ExposedPorts": {"80/tcp": {}, "53/udp": {}}, "Volumes": {"/var/lib/rich": {}},
        "Labels": {"kept": "yes", "replaced": "no"}, "StopSignal": "SIGQUIT", "Shell": ["/bin/sh", "-ec"],
        "Healthcheck": {"Test": ["CMD", "check"], "Interval": 7000000000, "Timeout": 2000000000, "Retries": 4},
    }),
    "trigger": (("system", "second"), {
        "Env": [PATH], "Cmd": ["sh"], "WorkingDir": "/srv", "OnBuild": [
            "ARG wanted=default", "ENV FIRED=$wanted", "COPY file /srv/", "RUN cat /srv/file >/srv/seen; pwd >>/srv/seen",
            "LABEL fired=yes"],
    }),
    "bare": (("system",), {"WorkingDir": "/srv//conf/../app/"}),
    "sourced": (("sourced",), {"Env": [PATH], "WorkingDir": "/elsewhere", "User": "nobody"}),
}


class Layout:
    """The blobs of a layout, and its index."""

    def __init__(self):
        self.blobs, self.manifests, self.docker = {}, [], []

    def blob(self, content, media_type):
        digest = hashlib.sha256(content).hexdigest()
        self.blobs[digest] = content
        return {"mediaType": media_type, "digest": "sha256:" + digest, "size": len(content)}

    def image(self, name, layers, config):
        config_json = {
            "architecture": "amd64", "os": "linux", "created": "2020-09-13T12:26:40Z", "config": config,
            "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(bytes_).hexdigest() for bytes_ in layers]},
            "history": [{"created": "2020-09-13T12:26:40Z", "created_by": "layer"} for _ in layers],
        }
        config_blob = self.blob(json.dumps(config_json, sort_keys=True).encode(), "application/vnd.oci.image.config.v1+json")
        layer_blobs = [self.blob(bytes_, "application/vnd.oci.image.layer.v1.tar") for bytes_ in layers]
        manifest = self.blob(json.dumps({
            "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": config_blob, "layers": layer_blobs}, sort_keys=True).encode(),
            "application/vnd.oci.image.manifest.v1+json")
        manifest["annotations"] = {"io.containerd.image.name": name, "org.opencontainers.image.ref.name": name.split(":")[1]}
        manifest["platform"] = {"architecture": "amd64", "os": "linux"}
        self.manifests.append(manifest)
        path = "blobs/sha256/"
        self.docker.append({
            "Config": path + config_blob["digest"][7:], "RepoTags": [name],
            "Layers": [path + blob["digest"][7:] for blob in layer_blobs]})

    def write(self, path):
        with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as tar:
            def add(name, content):
                info = tarfile.TarInfo(name)
                info.size, info.mtime = len(content), MTIME
                tar.addfile(info, io.BytesIO(content))
            for digest in sorted(self.blobs):
                add("blobs/sha256/" + digest, self.blobs[digest])
            add("oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
            add("index.json", json.dumps({"schemaVersion": 2, "manifests": self.manifests}).encode())
            add("manifest.json", json.dumps(self.docker).encode())


def main():
    made = {"system": system_layer(), "second": second_layer(), "sourced": sourced_layer()}
    layout = Layout()
    for name, (layers, config) in IMAGES.items():
        layout.image(f"localhost/{name}:1", [made[layer] for layer in layers], config)
    layout.write(sys.argv[1])


if __name__ == "__main__":
    main()
