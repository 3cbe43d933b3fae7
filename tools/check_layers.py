#!/usr/bin/env python3
"""Holds every #include against the layers.

A module may include its own headers and those of the modules in the DEPS of its leat_module() line in
src/CMakeLists.txt; its tests also those in TEST_DEPS. A third-party header may be included only by its
owner, and a header of the owner that does so stays inside the module. DEPS may name only modules of a
lower layer.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
OWNERS = {  # a prefix of the header -> the modules that may include it
    "boost/": {"net"},
    "openssl/": {"net", "hash"},
    "sqlite3.h": {"db"},
    "yaml.h": {"json"},
    "xgboost/": {"algorithms"},
    "archive": {"engine", "algorithms"},
    "re2/": {"api"},
    "isa-l/": {"hash"},
    "CLI/": {"cli"},
}


def modules():
    """Module -> (layer, DEPS, TEST_DEPS), in file order."""
    found, layer = {}, -1
    for line in (ROOT / "src/CMakeLists.txt").read_text().splitlines():
        if match := re.match(r"# L(\d+)", line):
            layer = int(match[1])
        if match := re.match(r"leat_module\((\w+)(.*)\)", line):
            parts = re.split(r"\b(DEPS|TEST_DEPS|LIBS|TEST_LIBS)\b", match[2])
            lists = dict(zip(parts[1::2], (p.split() for p in parts[2::2])))
            found[match[1]] = (layer, lists.get("DEPS", []), lists.get("TEST_DEPS", []))
    return found


def owner_of(header):
    for prefix, owners in OWNERS.items():
        if header.startswith(prefix):
            return owners
    return None


def main():
    table, problems = modules(), []
    private = {  # headers that show a third-party header: not for other modules
        str(path.relative_to(ROOT / "src"))
        for path in (ROOT / "src").rglob("*.h")
        if any(owner_of(header) for header in re.findall(r"#include <([^>]+)>", path.read_text()))
    }
    for name, (layer, deps, test_deps) in table.items():
        for dep in deps:
            if dep not in table or table[dep][0] >= layer:
                problems.append(f"src/CMakeLists.txt: {name} (L{layer}) may not depend on {dep}")
        for path in sorted((ROOT / "src" / name).rglob("*")):
            if path.suffix not in (".h", ".cc"):
                continue
            is_test = path.name.endswith("_test.cc") or "testing" in path.parts
            allowed = {name, *deps, *(test_deps if is_test else [])}
            for number, line in enumerate(path.read_text().splitlines(), 1):
                where = f"{path.relative_to(ROOT)}:{number}"
                if match := re.match(r'#include "(\w+)/', line):
                    header = line.split('"')[1]
                    if match[1] not in allowed:
                        problems.append(f"{where}: {name} may not include {match[1]}")
                    elif header in private and match[1] != name:
                        problems.append(f"{where}: {header} is private to {match[1]}")
                elif match := re.match(r"#include <([^>]+)>", line):
                    owners = owner_of(match[1])
                    if owners and name not in owners:
                        problems.append(f"{where}: {match[1]} belongs in {', '.join(sorted(owners))}")
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
