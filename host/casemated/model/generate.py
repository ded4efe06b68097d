# SPDX-License-Identifier: Apache-2.0
"""Makes kms.json, the shapes of the AWS KMS API, of botocore's model: types, bounds, patterns, enumerations; no documentation.

Run with the Python of target/tools/aws. With --check it only says whether the file is what it would make.
"""

import gzip
import json
import pathlib
import sys

import botocore

KEPT = ("type", "required", "min", "max", "pattern", "enum", "sensitive")


def source():
    folder = pathlib.Path(botocore.__file__).parent / "data/kms/2014-11-01"
    packed = folder / "service-2.json.gz"
    if packed.exists():
        return json.loads(gzip.decompress(packed.read_bytes()))
    return json.loads((folder / "service-2.json").read_text())


def compact(model):
    shapes = model["shapes"]
    used = set()

    def shape(name):
        if name in used:
            return
        used.add(name)
        s = shapes[name]
        for part in [*s.get("members", {}).values(), *(s[k] for k in ("member", "key", "value") if k in s)]:
            shape(part["shape"])

    operations = {}
    for name, op in model["operations"].items():
        operations[name] = {k: op[k]["shape"] for k in ("input", "output") if k in op}
        for s in operations[name].values():
            shape(s)

    def out(s):
        kept = {k: s[k] for k in KEPT if k in s}
        if "members" in s:
            kept["members"] = {k: v["shape"] for k, v in s["members"].items()}
        for k in ("member", "key", "value"):
            if k in s:
                kept[k] = s[k]["shape"]
        return kept

    return {
        "source": f"botocore {botocore.__version__}, kms {model['metadata']['apiVersion']}",
        "operations": operations,
        "shapes": {n: out(shapes[n]) for n in sorted(used)},
    }


def lines(model):
    """One shape a line, so that a new version of the API reads well as a difference."""
    text = '{\n"source": ' + json.dumps(model["source"])
    for part in ("operations", "shapes"):
        rows = ",\n".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in model[part].items())
        text += f',\n"{part}": {{\n{rows}\n}}'
    return text + "\n}\n"


def main():
    path = pathlib.Path(__file__).parent / "kms.json"
    text = lines(compact(source()))
    if "--check" in sys.argv[1:]:
        if not path.exists() or path.read_text() != text:
            sys.exit(f"{path} is not what botocore's model gives: run {__file__}")
        return
    path.write_text(text)


main()
