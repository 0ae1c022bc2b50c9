#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""entries.py BASE.tar NATIVE-ROOT NATIVE-START SAVED.tar|OUR-ROOT OUR-START

Compare what real root made of BASE.tar in NATIVE-ROOT with the last layer of SAVED.tar (docker save's form), entry
by entry: type, mode, owner, device number, attributes, link target, links, size, content; mtime where it was set,
that is where it lies before the start of the commands. Or with all that is in the folder OUR-ROOT. List every difference, and every entry of the layer that is
unchanged: but for directories of others and for files, which may have been opened for writing, there are none (an
overlay has copied those up, too). Exit status 1 when there are any but those allowed below.
"""
import hashlib
import json
import os
import re
import stat
import sys
import tarfile

# Not part of a layer: file systems of the run, and files of the host shown in it.
OUTSIDE = re.compile(r"(dev|proc|sys)/|etc/(resolv\.conf|hostname|hosts)$|commands\.sh$")

# Attributes of the machine, not of the file: overlays and security modules use them, and no builder writes them.
MACHINES = re.compile(r"trusted\.|security\.(?!capability$)")

# What the commands make anew each time, and which field of it.
ALLOWED = [
    # (path, fields, reason)
    (r"var/log/(apt/(history|term)\.log|dpkg\.log|alternatives\.log)", {"content", "size"}, "tell the time of day"),
    (r"var/cache/ldconfig/aux-cache", {"content", "size"}, "holds inode numbers and times"),
    (r"var/cache/apt/(src)?pkgcache\.bin", {"content", "size"}, "holds times of files"),
    (r"var/lib/dbus/machine-id|etc/machine-id", {"content"}, "random"),
    (r"opt/t/archive\.tar", {"content", "size"}, "holds times of files"),
]


class Entry:
    """What is compared of one name."""

    def __init__(self, kind, mode, uid, gid, rdev, xattrs, target, size, mtime, content):
        self.kind, self.mode, self.uid, self.gid, self.rdev = kind, mode, uid, gid, rdev
        self.xattrs, self.target, self.size, self.mtime, self.content = xattrs, target, size, mtime, content
        self.links = ()

    def fields(self):
        return dict(self.__dict__)


def from_root(root):
    found, inodes = {}, {}
    top = os.fsencode(root)
    for folder, folders, files in os.walk(top):
        for name in folders + files:
            path = os.path.join(folder, name)
            st = os.lstat(path)
            kind = stat.S_IFMT(st.st_mode)
            if kind == stat.S_IFSOCK:
                continue
            xattrs = {a: os.getxattr(path, a, follow_symlinks=False) for a in os.listxattr(path, follow_symlinks=False)}
            xattrs = {a: v for a, v in xattrs.items() if not MACHINES.match(a)}
            content = None
            if kind == stat.S_IFREG:
                with open(path, "rb") as f:
                    content = hashlib.sha256(f.read()).hexdigest()
            key = os.fsdecode(path[len(top) + 1:])
            found[key] = Entry(
                kind, stat.S_IMODE(st.st_mode), st.st_uid, st.st_gid,
                (os.major(st.st_rdev), os.minor(st.st_rdev)) if kind in (stat.S_IFCHR, stat.S_IFBLK) else None,
                xattrs, os.fsdecode(os.readlink(path)) if kind == stat.S_IFLNK else None,
                st.st_size if kind == stat.S_IFREG else 0, int(st.st_mtime // 1), content)
            if kind != stat.S_IFDIR and st.st_nlink > 1:
                inodes.setdefault((st.st_dev, st.st_ino), []).append(key)
    for names in inodes.values():
        for name in names:
            found[name].links = tuple(sorted(names))
    return found


KINDS = {
    tarfile.REGTYPE: stat.S_IFREG, tarfile.AREGTYPE: stat.S_IFREG, tarfile.DIRTYPE: stat.S_IFDIR,
    tarfile.SYMTYPE: stat.S_IFLNK, tarfile.CHRTYPE: stat.S_IFCHR, tarfile.BLKTYPE: stat.S_IFBLK,
    tarfile.FIFOTYPE: stat.S_IFIFO, tarfile.GNUTYPE_SPARSE: stat.S_IFREG,
}


def clean(name):
    name = os.path.normpath(name.lstrip("/"))
    return "" if name == "." else name


def bytes_of(text):
    return text.encode("utf-8", "surrogateescape")


def apply_layer(tar, below):
    """The tree that the layer makes of the one below, and the names of the layer's own entries."""
    tree, own = dict(below), []
    groups = {}  # hard links: name -> set of names
    for member in tar:
        name = clean(member.name)
        if not name:
            continue
        parent, last = os.path.split(name)
        if last == ".wh..wh..opq":
            for other in [n for n in tree if n.startswith(parent + "/") and n not in own]:
                del tree[other]
            continue
        if last.startswith(".wh."):
            gone = os.path.join(parent, last[4:])
            for other in [n for n in tree if n == gone or n.startswith(gone + "/")]:
                del tree[other]
            own.append(name)
            continue
        own.append(name)
        if member.islnk():
            target = clean(member.linkname)
            tree[name] = tree[target]
            group = groups.setdefault(target, {target})
            group.add(name)
            groups[name] = group
            continue
        kind = KINDS[member.type]
        if name in tree and tree[name].kind == stat.S_IFDIR and kind != stat.S_IFDIR:
            for other in [n for n in tree if n.startswith(name + "/")]:
                del tree[other]
        xattrs = {}
        for key, value in member.pax_headers.items():
            if key.startswith("SCHILY.xattr."):
                xattrs[key[len("SCHILY.xattr."):]] = bytes_of(value)
        content = None
        if kind == stat.S_IFREG:
            content = hashlib.sha256(tar.extractfile(member).read()).hexdigest()
        mtime = float(member.pax_headers.get("mtime", member.mtime))
        tree[name] = Entry(
            kind, member.mode & 0o7777, member.uid, member.gid,
            (member.devmajor, member.devminor) if kind in (stat.S_IFCHR, stat.S_IFBLK) else None, xattrs,
            member.linkname if kind == stat.S_IFLNK else None, member.size if kind == stat.S_IFREG else 0,
            int(mtime // 1), content)
        groups.pop(name, None)
    for group in {id(g): g for g in groups.values()}.values():
        alive = tuple(sorted(n for n in group if n in tree and groups.get(n) is group))
        entry = tree[alive[0]] if alive else None
        for name in alive:
            tree[name] = entry
        if entry:
            entry.links = alive if len(alive) > 1 else ()
    return tree, own


def allowed(path, field):
    return any(re.fullmatch(pattern, path) and field in fields for pattern, fields, _ in ALLOWED)


def show(value):
    return f"{value:o}" if isinstance(value, int) else repr(value)


def compare(native, native_start, ours, our_start):
    differences = []
    for path in sorted(set(native) | set(ours)):
        if OUTSIDE.match(path):
            continue
        if path not in ours or path not in native:
            differences.append(f"{path!r}: only {'real root' if path in native else 'fakebuild'} has it")
            continue
        a, b = native[path].fields(), ours[path].fields()
        now = a.pop("mtime"), b.pop("mtime")
        # Set alike, or made in the run.
        if now[0] != now[1] and not (now[0] >= native_start and now[1] >= our_start and now[0] < native_start + 86400):
            differences.append(f"{path!r}: mtime: real root {now[0]}, fakebuild {now[1]}")
        for field in a:
            if a[field] != b[field] and not allowed(path, field):
                radix = show if field == "mode" or field == "kind" else repr
                differences.append(f"{path!r}: {field}: real root {radix(a[field])}, fakebuild {radix(b[field])}")
    return differences


def superfluous(base, ours, own):
    """Entries of the layer that say what is below already; parents of others are what writers add."""
    needed = set()
    for name in own:
        is_whiteout = os.path.basename(name).startswith(".wh.")
        if not is_whiteout and name in base and ours[name].kind != stat.S_IFREG and \
                base[name].fields() == ours[name].fields():
            continue
        while name:
            needed.add(name)
            name = os.path.dirname(name)
    return [f"{n!r}: in the layer, but unchanged" for n in own if n not in needed]


def main():
    base_tar, native_root, native_start, saved, our_start = sys.argv[1:]
    with tarfile.open(base_tar) as tar:
        base, _ = apply_layer(tar, {})
    native = from_root(native_root)
    if os.path.isdir(saved):
        ours = from_root(saved)
        differences = compare(native, int(native_start), ours, int(our_start))
        for line in differences:
            print(line)
        print(f"# {len(native)} entries, {len(differences)} differences")
        return 1 if differences else 0
    with tarfile.open(saved) as outer:
        manifest = json.load(outer.extractfile("manifest.json"))[0]
        with tarfile.open(fileobj=outer.extractfile(manifest["Layers"][-1])) as tar:
            ours, own = apply_layer(tar, base)
    differences = compare(native, int(native_start), ours, int(our_start)) + superfluous(base, ours, own)
    for line in differences:
        print(line)
    print(f"# {len(native)} entries, {len(own)} in the layer, {len(differences)} differences")
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
