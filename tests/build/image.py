# SPDX-License-Identifier: Apache-2.0
"""An OCI archive as a record: configuration, history and each entry of each layer, without what changes from one
build to the next, so that two builders' images can be compared."""
import gzip
import hashlib
import io
import json
import shutil
import tarfile

# Times before this are of a source, and kept; those after it are of the build.
NOW, NOW_TEXT = 1700000000, "2023-11-14"
OF_BASE = "2020-09-13T12:26:40Z"

KINDS = {
    tarfile.REGTYPE: "file", tarfile.AREGTYPE: "file", tarfile.GNUTYPE_SPARSE: "file", tarfile.DIRTYPE: "dir",
    tarfile.SYMTYPE: "symlink", tarfile.LNKTYPE: "link", tarfile.CHRTYPE: "char", tarfile.BLKTYPE: "block",
    tarfile.FIFOTYPE: "fifo",
}
CONFIG_FIELDS = "architecture variant os author config".split()
# What Docker's exporter keeps from schema 1 and no builder means.
NOT_COMPARED = ("Hostname", "Domainname", "Image", "AttachStdin", "AttachStdout", "AttachStderr", "Tty", "OpenStdin", "StdinOnce")


class Archive:
    """A tar of an OCI layout."""

    def __init__(self, path):
        self.tar = tarfile.open(path)
        self.names = {member.name.removeprefix("./"): member for member in self.tar}

    def read(self, name):
        return self.tar.extractfile(self.names[name]).read()

    def blob(self, descriptor):
        content = self.read("blobs/" + descriptor["digest"].replace(":", "/"))
        if "sha256:" + hashlib.sha256(content).hexdigest() != descriptor["digest"]:
            raise ValueError(f"blob {descriptor['digest']} has another digest")
        return content

    def manifest(self):
        descriptor = json.loads(self.read("index.json"))["manifests"][0]
        document = json.loads(self.blob(descriptor))
        while "manifests" in document:
            document = json.loads(self.blob(document["manifests"][0]))
        return document


def digest_of_busybox():
    path = shutil.which("busybox")
    if path is None:
        return ""
    with open(path, "rb") as f:
        return hashlib.sha256(f.read()).hexdigest()


BUSYBOX = digest_of_busybox()


def show_content(content):
    """Short text as it is, the rest as its digest; the one program of the base images, which each machine has its
    own of, by name."""
    try:
        text = content.decode("ascii")
        if len(text) <= 1000 and all(c.isprintable() or c in "\n\t" for c in text):
            return {"text": text}
    except UnicodeDecodeError:
        pass
    digest = hashlib.sha256(content).hexdigest()
    return {"program": "busybox"} if digest == BUSYBOX else {"size": len(content), "sha256": digest}


def entry_of(tar, member):
    kind = KINDS[member.type]
    name = member.name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    entry = {"path": name.removeprefix("./").rstrip("/"), "kind": kind}
    if kind == "link":
        entry["target"] = member.linkname
        return entry
    entry["mode"] = f"{member.mode & 0o7777:04o}"
    if (member.uid, member.gid) != (0, 0):
        entry["owner"] = f"{member.uid}:{member.gid}"
    if kind == "symlink":
        entry["target"] = member.linkname
    if kind in ("char", "block"):
        entry["device"] = f"{member.devmajor}:{member.devminor}"
    if kind == "file":
        entry.update(show_content(tar.extractfile(member).read()))
    for key, value in sorted(member.pax_headers.items()):
        if key.startswith("SCHILY.xattr."):
            entry[key[len("SCHILY."):]] = value.encode("utf-8", "surrogateescape").hex()
    if member.mtime < NOW:
        entry["mtime"] = int(member.mtime)
    if member.uname or member.gname:
        entry["names"] = f"{member.uname}:{member.gname}"
    return entry


def entries_of(content):
    if content[:2] == b"\x1f\x8b":
        content = gzip.decompress(content)
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        entries = [entry_of(tar, member) for member in tar]
    return sorted(entries, key=lambda e: e["path"]), "sha256:" + hashlib.sha256(content).hexdigest()


def one_name_per_link(entries):
    """Which of several hard-linked names of a layer holds the bytes is the writer's choice: let it be the first."""
    by_path = {e["path"]: e for e in entries}
    groups = {}
    for entry in entries:
        if entry["kind"] == "link" and entry["target"] in by_path:
            groups.setdefault(entry["target"], []).append(entry)
    for target, links in groups.items():
        holder, first = by_path[target], min(links, key=lambda e: e["path"])
        if first["path"] < target:
            path, others = first["path"], [e for e in links if e is not first]
            holder["path"], first["path"] = path, target
            for other in [*others, first]:
                other["target"] = path
    return sorted(entries, key=lambda e: e["path"])


def is_set_time(text):
    """Neither now nor, as BuildKit says of images without layers of their own, the base image's."""
    return text is not None and text < NOW_TEXT and text != OF_BASE


def record_of(path, base_layers=None):
    """base_layers: how many layers and steps of history are the base image's and so not in the record; None: find
    it by the base images' creation time."""
    archive = Archive(path)
    manifest = archive.manifest()
    config = json.loads(archive.blob(manifest["config"]))
    history = config.get("history", [])
    of_base = [h for h in history if h.get("created_by") == "layer" and h.get("created") == OF_BASE]
    below = len(of_base) if base_layers is None else base_layers
    record = {key: config[key] for key in CONFIG_FIELDS if config.get(key)}
    record["config"] = {k: v for k, v in sorted(record.get("config", {}).items()) if v not in (None, "", [], {}, False)
                        and k not in NOT_COMPARED}
    record["below"] = below
    # As SOURCE_DATE_EPOCH says.
    if is_set_time(config.get("created")):
        record["created"] = config["created"]
    record["history"] = []
    for step in history[len(of_base):]:
        record["history"].append({k: v for k, v in step.items() if k != "created" or is_set_time(v)})
    diff_ids, blobs = config["rootfs"]["diff_ids"] or [], manifest["layers"] or []
    filled = [h for h in history if not h.get("empty_layer")]
    if len(diff_ids) != len(blobs) or len(filled) != len(diff_ids):
        raise ValueError(f"{len(manifest['layers'])} layers, {len(diff_ids)} diff IDs, {len(filled)} steps with a layer")
    record["layers"] = []
    for descriptor, diff_id in list(zip(blobs, diff_ids))[below:]:
        entries, digest = entries_of(archive.blob(descriptor))
        if digest != diff_id:
            raise ValueError(f"layer {descriptor['digest']} is not what its diff ID {diff_id} says")
        record["layers"].append(one_name_per_link(entries))
    return record


def write_record(record, path):
    """As JSON, one line for each entry, so that it can be read and a change seen."""
    lines = ["{"]
    for key, value in record.items():
        end = "" if key == list(record)[-1] else ","
        if key in ("history", "layers"):
            lines.append(f' "{key}": [')
            for i, item in enumerate(value):
                comma = "," if i + 1 < len(value) else ""
                if key == "history":
                    lines.append("  " + json.dumps(item, ensure_ascii=False) + comma)
                    continue
                lines.append("  [")
                lines += ["   " + json.dumps(e, ensure_ascii=False) + ("," if e is not item[-1] else "") for e in item]
                lines.append("  ]" + comma)
            lines.append(" ]" + end)
        else:
            lines.append(f' "{key}": {json.dumps(value, ensure_ascii=False)}{end}')
    lines.append("}")
    with open(path, "w", encoding="utf-8") as f:
        f.write("\n".join(lines) + "\n")


def compare(expected, actual):
    """Every difference between two records, each as (where, field, expected, actual)."""
    found = []
    for key in [*CONFIG_FIELDS, "created", "below"]:
        a, b = expected.get(key), actual.get(key)
        if key != "config":
            if a != b:
                found.append(("config", key, a, b))
            continue
        for member in sorted(set(a) | set(b)):
            if a.get(member) != b.get(member):
                found.append(("config", member, a.get(member), b.get(member)))
    for i in range(max(len(expected["history"]), len(actual["history"]))):
        a, b = ([*r["history"], *[{}] * 100][i] for r in (expected, actual))
        for member in sorted(set(a) | set(b)):
            if a.get(member) != b.get(member):
                found.append((f"history {i}", member, a.get(member), b.get(member)))
    if len(expected["layers"]) != len(actual["layers"]):
        found.append(("image", "layers", len(expected["layers"]), len(actual["layers"])))
    for i, (a, b) in enumerate(zip(expected["layers"], actual["layers"])):
        found += compare_layers(f"layer {i}", a, b)
    return found


def compare_layers(where, expected, actual):
    found = []
    paths = [e["path"] for e in actual]
    for path in sorted({p for p in paths if paths.count(p) > 1}):
        found.append((f"{where} {path}", "entries", 1, paths.count(path)))
    a, b = {e["path"]: e for e in expected}, {e["path"]: e for e in actual}
    for path in sorted(set(a) | set(b)):
        place = f"{where} {(a.get(path) or b[path])['kind']} {path}"
        if path not in a or path not in b:
            found.append((place, "entry", a.get(path), b.get(path)))
            continue
        for field in sorted(set(a[path]) | set(b[path])):
            if a[path].get(field) != b[path].get(field):
                found.append((place, field, a[path].get(field), b[path].get(field)))
    return found
