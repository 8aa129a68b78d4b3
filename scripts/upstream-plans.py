"""Counts how many of upstream's elements are planned: see scripts/upstream-plans.

In: a report to write, pip's share directory, packages, and programs with their labels. Out: the report; exit code 1 where the last program
refuses what upstream takes. Never: a build.
"""
import collections
import logging
import os
import pathlib
import subprocess
import sys
import tempfile

import diskimage_builder
from diskimage_builder import element_dependencies

# The first that fits an element is its partner; most fit the first.
SYSTEMS = ["debian-minimal", "ubuntu-minimal", "centos-minimal", "fedora-minimal", "opensuse-minimal", "gentoo",
           "debian", "ubuntu", "centos", "fedora", "opensuse", "rhel", "centos vm block-device-mbr"]

Tree = collections.namedtuple("Tree", "package path")
Verdict = collections.namedtuple("Verdict", "word why")


def trees(share, packages):
    """The directories of elements, and the packages that they are of."""
    dib = pathlib.Path(diskimage_builder.__file__).parent / "elements"
    places = [dib, share / "ironic-python-agent-builder/dib", share / "tripleo-image-elements", share / "tripleo-puppet-elements"]
    found = [Tree(package, path) for package, path in zip(packages, places)]
    cases = sorted({case.parent for case in dib.glob("*/test-elements/*")})
    return found, cases


def names_of(tree):
    return sorted(entry.name for entry in tree.iterdir() if entry.is_dir() and entry.name != "__pycache__")


def upstream(request, elements):
    """Why dib refuses a request; nothing if it does not."""
    try:
        chosen = element_dependencies._expand_element_dependencies(request, elements)
    except Exception as error:
        return str(error) or type(error).__name__
    # What lib/common-functions refuses as "a duplicated hook" when it copies elements together.
    owners = {}
    for element in chosen:
        for directory in sorted(pathlib.Path(element.path).iterdir()):
            if not directory.is_dir() or directory.name in ("tests", "__pycache__"):
                continue
            for hook in directory.iterdir():
                name = f"{directory.name}/{hook.name}"
                if hook.is_file() and owners.setdefault(name, element.name) != element.name:
                    return f"duplicated hook {name} of {owners[name]} and {element.name}"
    return None


def plan(program, request, path, directory):
    """Why a program refuses a request; nothing if it does not."""
    image = pathlib.Path(directory) / "i.yaml"
    image.write_text("disk_images:\n  - imagename: i\n    arch: x86_64\n    skip_base: true\n"
                     f"    elements: [{', '.join(request)}]\n")
    command = [program, "plan", str(image), "--elements-path", path]
    environment = {**os.environ, "DIBBER_CACHE": f"{directory}/cache", "NO_COLOR": "1"}
    ended = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=directory)
    if ended.returncode == 0:
        return None
    lines = [line.strip(" |") for line in ended.stderr.splitlines()]
    lines = [line for line in lines if line and not line.startswith(("warning", "note"))]
    errors = [line for line in lines if line.startswith("error")] or lines
    said = (errors or ["nothing said"])[0].removeprefix("error: ")
    # Where the packages were installed is nobody's matter.
    for place in path.split(":"):
        said = said.replace(place, "DIB" if place == path.split(":")[0] else pathlib.Path(place).name)
    return said


def judge(program, name, elements, path, directory):
    """What becomes of an element with the systems that fit it."""
    provides = elements[name].provides
    partners = [""] if "operating-system" in provides else SYSTEMS
    ours = theirs = None
    for partner in partners:
        request = [name] + [part for part in partner.split() if part != name]
        refused = upstream(request, elements)
        if refused:
            theirs = theirs or refused
            continue
        refused = plan(program, request, path, directory)
        if not refused:
            return Verdict("planned", partner)
        ours = ours or refused
    if ours is None:
        return Verdict("refused as upstream refuses", theirs)
    return Verdict("refused wrongly", ours)


def count(program, groups, path):
    """Verdicts of each group, by element."""
    found = {}
    with tempfile.TemporaryDirectory() as directory:
        for label, group_path, names in groups:
            whole = group_path + path
            elements = element_dependencies._find_all_elements(whole)
            for name in names:
                found.setdefault(label, {})[name] = judge(program, name, elements, whole, directory)
    return found


WORDS = ["planned", "refused as upstream refuses", "refused wrongly"]


def report(programs, counts, labels):
    lines = ["# Upstream's elements, planned", "",
             "Made by `scripts/upstream-plans`: every element directory, each with the first operating-system element that upstream takes it with.",
             "Nothing is built.", ""]
    lines += ["| program | elements of | " + " | ".join(WORDS) + " |", "| --- | --- |" + " ---: |" * len(WORDS)]
    for (program, _), found in zip(programs, counts):
        for label in labels:
            of = collections.Counter(verdict.word for verdict in found[label].values())
            lines.append(f"| {program} | {label} | " + " | ".join(str(of[word]) for word in WORDS) + " |")
    for (program, _), found in zip(programs, counts):
        lines += ["", f"## {program}", ""]
        rows = [(label, name, verdict) for label in labels for name, verdict in sorted(found[label].items())
                if verdict.word != "planned"]
        if not rows:
            lines.append("Everything is planned.")
            continue
        lines += ["| element | | why |", "| --- | --- | --- |"]
        for label, name, verdict in rows:
            why = " ".join(verdict.why.split()).replace("|", "\\|")
            lines.append(f"| {name} | {verdict.word} | {why} |")
    return "\n".join(lines) + "\n"


def main():
    logging.disable(logging.CRITICAL)
    out, share, packages, *rest = sys.argv[1:]
    found, cases = trees(pathlib.Path(share), packages.split())
    path = ":".join(str(tree.path) for tree in found)
    groups = [(tree.package, "", names_of(tree.path)) for tree in found]
    groups += [("diskimage-builder's test-elements", f"{case}:", names_of(case)) for case in cases]
    labels = list(dict.fromkeys(label for label, _, _ in groups))
    programs = list(zip(rest[::2], (os.path.abspath(program) for program in rest[1::2])))
    counts = []
    for label, program in programs:
        found = {name: {} for name in labels}
        for group, group_path, names in groups:
            for one, verdicts in count(program, [(group, group_path, names)], path).items():
                key = {f"{pathlib.Path(group_path.rstrip(':')).parent.name}/{name}" if group_path else name: verdict
                       for name, verdict in verdicts.items()}
                found[one].update(key)
        counts.append(found)
    text = report(programs, counts, labels)
    pathlib.Path(out).write_text(text)
    wrong = [name for group in counts[-1].values() for name, verdict in group.items() if verdict.word == "refused wrongly"]
    print(text.split("\n## ")[0])
    sys.exit(bool(wrong))


main()
