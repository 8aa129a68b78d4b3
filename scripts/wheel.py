#!/usr/bin/env python3
"""Makes a wheel (PEP 427) of a directory that has its .data and .dist-info: adds the metadata and the record, and zips it.

Of the standard library alone, so that a package can be made where nothing is installed. The same files make the same bytes: names are
sorted, and all times are SOURCE_DATE_EPOCH.
"""

import argparse
import base64
import hashlib
import os
import time
import zipfile
from pathlib import Path

# What a static program runs on: every glibc and every musl of these ages or newer (PEP 600, PEP 656).
PLATFORMS = ("manylinux_2_17_{arch}", "musllinux_1_1_{arch}")


def metadata(args):
    head = [
        "Metadata-Version: 2.4",
        f"Name: {args.name}",
        f"Version: {args.version}",
        f"Summary: {args.summary}",
        "License-Expression: Apache-2.0",
        "License-File: LICENSE",
        "Requires-Python: >=3.7",
        "Description-Content-Type: text/markdown",
    ]
    return "\n".join(head) + "\n\n" + Path(args.readme).read_text(encoding="utf-8")


def tags(arch):
    return [f"py3-none-{platform.format(arch=arch)}" for platform in PLATFORMS]


def wheel(arch):
    lines = ["Wheel-Version: 1.0", "Generator: dibber scripts/package", "Root-Is-Purelib: false"]
    return "\n".join(lines + [f"Tag: {tag}" for tag in tags(arch)]) + "\n"


def digest(content):
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tree", type=Path)
    parser.add_argument("out", type=Path)
    for option in ("name", "version", "summary", "readme", "arch"):
        parser.add_argument(f"--{option}", required=True)
    args = parser.parse_args()

    info = f"{args.name}-{args.version}.dist-info"
    (args.tree / info / "METADATA").write_text(metadata(args), encoding="utf-8")
    (args.tree / info / "WHEEL").write_text(wheel(args.arch), encoding="utf-8")
    # The record comes last, as installers that stream expect it.
    files = sorted(path for path in args.tree.rglob("*") if path.is_file())
    files.sort(key=lambda path: path.relative_to(args.tree).parts[0] == info)

    stamp = time.gmtime(max(int(os.environ["SOURCE_DATE_EPOCH"]), 315532800))[:6]  # a zip file begins in 1980
    platforms = ".".join(platform.format(arch=args.arch) for platform in PLATFORMS)
    path = args.out / f"{args.name}-{args.version}-py3-none-{platforms}.whl"
    record = []
    with zipfile.ZipFile(path, "w") as archive:

        def add(name, content, mode):
            entry = zipfile.ZipInfo(name, stamp)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3  # Unix, whose modes follow
            entry.external_attr = (0o100000 | mode) << 16
            archive.writestr(entry, content, compresslevel=9)

        for file in files:
            name, content = file.relative_to(args.tree).as_posix(), file.read_bytes()
            add(name, content, 0o755 if os.access(file, os.X_OK) else 0o644)
            record.append(f"{name},{digest(content)},{len(content)}")
        record.append(f"{info}/RECORD,,")
        add(f"{info}/RECORD", ("\n".join(record) + "\n").encode(), 0o644)
    print(path)


if __name__ == "__main__":
    main()
