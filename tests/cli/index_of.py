#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Give an image of a store a second architecture, and both a name: index_of.py STORE IMAGE-NAME NEW-NAME"""
import hashlib
import json
import sys

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
store, name, new_name = sys.argv[1:]


def put(value, media_type):
    data = json.dumps(value).encode()
    digest = hashlib.sha256(data).hexdigest()
    with open(f"{store}/blobs/sha256/{digest}", "wb") as file:
        file.write(data)
    return {"mediaType": media_type, "digest": "sha256:" + digest, "size": len(data)}


def get(descriptor):
    with open(f"{store}/blobs/sha256/{descriptor['digest'][7:]}", encoding="utf-8") as file:
        return json.load(file)


with open(f"{store}/index.json", encoding="utf-8") as file:
    top = json.load(file)
first = next(m for m in top["manifests"] if m["annotations"]["org.opencontainers.image.ref.name"] == name)
manifest = get(first)
config = get(manifest["config"])
own = config["architecture"]
config["architecture"] = "s390x"
manifest["config"] = put(config, manifest["config"]["mediaType"])
second = put(manifest, MANIFEST)
entries = [dict(second, platform={"os": "linux", "architecture": "s390x"}),
           {"mediaType": MANIFEST, "digest": first["digest"], "size": first["size"],
            "platform": {"os": "linux", "architecture": own}}]
index = put({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}, INDEX)
index["annotations"] = {"org.opencontainers.image.ref.name": new_name}
top["manifests"].append(index)
with open(f"{store}/index.json", "w", encoding="utf-8") as file:
    json.dump(top, file)
