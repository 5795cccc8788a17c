#!/usr/bin/env python3
"""Opens every vector of a directory and compares with what its vectors.json expects.

    check_vectors.py internal/seal/testdata
"""

import hashlib
import json
import os
import sys

import opensealed as s


def outcome(directory, v, keys):
    cert = keys(s.load_certificate_key, v.get("certificateKey"))
    access = keys(s.load_access_key, v.get("accessKey"))
    grant = bytes.fromhex(v.get("grant", ""))

    def get_key(h):
        return s.file_key_by_grant(h, grant, access) if grant else s.file_key(h, cert, access)

    with open(os.path.join(directory, v["file"]), "rb") as f:
        obj = f.read()
    try:
        opened = s.open_object(obj, get_key)
    except (s.Damaged, s.Locked) as e:
        return {"expect": type(e).__name__.lower()}
    return {
        "expect": "ok",
        "size": len(opened.content),
        "sha256": hashlib.sha256(opened.content).hexdigest(),
        "name": opened.name,
        "receivedAt": opened.received_at,
    }


def main(directory):
    loaded = {}

    def keys(load, name):
        if name and name not in loaded:
            loaded[name] = load(os.path.join(directory, name))
        return loaded.get(name)

    with open(os.path.join(directory, "vectors.json"), encoding="utf-8") as f:
        vectors = json.load(f)
    bad = 0
    for v in vectors:
        got = outcome(directory, v, keys)
        for field, value in got.items():
            want = v.get(field, 0 if field == "size" else "")
            if value != want:
                print(f"{v['file']}: {field} is {value!r}, want {want!r}", file=sys.stderr)
                bad += 1
    print(f"{len(vectors)} vectors, {bad} differences")
    return 1 if bad or not vectors else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
