"""What is installed in an environment, and which files two packages both write there.

pip checks versions, not files: of two packages with a file of one name the last one installed
wins, and the other one then runs with a library that it was not built for. Each package lists its
files, with checksums, in `RECORD`.

Run as a program with another environment's Python, this describes that environment as JSON.
"""

from __future__ import annotations

import csv
import json
import re
import sys
import sysconfig
import zipfile
from collections import defaultdict
from collections.abc import Iterable
from importlib import metadata, util
from pathlib import Path
from typing import Any, Dict, Tuple  # noqa: UP035

# Path -> its checksum and size as RECORD has them.
Record = Dict[str, Tuple[str, str]]  # noqa: UP006

# nvidia-cudnn-cu12; packages of CUDA 13 without such an ending write to nvidia/cu13.
OF_A_CUDA = re.compile(r"-cu(1\d)$")
FOLDER_OF_A_CUDA = re.compile(r"^nvidia/cu(1\d)/")


def check(environments: Iterable[Path]) -> int:
    """Print what is in each environment, by its folder; 1 where a file has two owners."""
    status = [
        report(str(path), records_in(*path.glob("lib/python3*/site-packages")))
        for path in environments
    ]
    if not status:
        print("no environments here: `make setup`")
    return max(status, default=0)


def check_wheels(folders: list[Path]) -> int:
    """The same of the wheels in each folder, and of all of them in one environment."""
    of_folders = [(str(folder), records_of_wheels(folder)) for folder in folders]
    status = max(report(name, records) for name, records in of_folders)
    if len(of_folders) > 1:
        together = {name: record for _, records in of_folders for name, record in records.items()}
        status = max(status, report("all in one environment", together))
    return status


def report(name: str, records: dict[str, Record]) -> int:
    """Print it in a few lines; 1 where a file has two owners."""
    # Version of CUDA -> packages that are for it.
    of_cuda: dict[str, set[str]] = defaultdict(set)
    for package, record in records.items():
        if package.startswith("nvidia-"):
            matches = map(FOLDER_OF_A_CUDA.match, record)
            version = OF_A_CUDA.search(package) or next(filter(None, matches), None)
            if version:
                of_cuda[version.group(1)].add(package)
    counts = [
        f"CUDA {version}: {len(names)} packages" for version, names in sorted(of_cuda.items())
    ]
    files = len({path for record in records.values() for path in record})
    print(f"{name}: {len(records)} packages, {files} files; {'; '.join(counts) or 'no CUDA'}")
    groups = shared_files(records)
    if groups:
        shared, different = (sum(group[key] for group in groups) for key in ("files", "different"))
        print(f"  {shared} files belong to two packages, {different} with different contents:")
    else:
        print("  no file belongs to two packages")
    for group in groups:
        print(f"  {' and '.join(group['packages'])}: {group['files']} files,"
              f" {group['different']} different, such as {group['example']}")  # fmt: skip
    if len(of_cuda) > 1:
        print("  packages of two versions of CUDA are in one environment")
    return int(bool(groups))


def shared_files(records: dict[str, Record]) -> list[dict[str, Any]]:
    """`packages`, `files` (how many paths both write), `different` (of these, with other
    contents), `example` (a path), for each group of packages that share paths."""
    owners: dict[str, list[str]] = defaultdict(list)
    for name, record in records.items():
        for path in record:
            owners[path].append(name)
    paths_of: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for path, names in owners.items():
        if len(names) > 1:
            paths_of[tuple(sorted(names))].append(path)
    groups = []
    for packages, paths in sorted(paths_of.items()):
        other = [path for path in paths if len({records[name][path] for name in packages}) > 1]
        groups.append({"packages": list(packages), "files": len(paths), "different": len(other),
                       "example": min(other or paths)})  # fmt: skip
    return groups


def records_in(*site_packages: Path) -> dict[str, Record]:
    """Of every package in these folders, by its normalised name."""
    folders = sorted(info for folder in site_packages for info in folder.glob("*.dist-info"))
    return {
        normalised(folder.name): parse_record((folder / "RECORD").read_text(encoding="utf-8"))
        for folder in folders
        if (folder / "RECORD").is_file()
    }


def records_of_wheels(folder: Path) -> dict[str, Record]:
    records = {}
    for file in sorted(folder.glob("*.whl")):
        with zipfile.ZipFile(file) as wheel:
            names = [name for name in wheel.namelist() if name.endswith(".dist-info/RECORD")]
            if names:
                records[normalised(file.name)] = parse_record(wheel.read(names[0]).decode("utf-8"))
    return records


def parse_record(text: str) -> Record:
    """Without byte code, which is made anew."""
    rows = (row for row in csv.reader(text.splitlines()) if len(row) == 3)
    return {path: (sha, size) for path, sha, size in rows if not path.endswith(".pyc")}


def normalised(file: str) -> str:
    """The package's name, of a wheel's or of a .dist-info's: both begin with it."""
    return canonical(file.partition("-")[0])


def canonical(package: str) -> str:
    """One spelling for all names of a package."""
    return re.sub(r"[-_.]+", "-", package).lower()


def describe(own: str, packages: Iterable[str]) -> dict[str, Any]:
    """The environment that this runs in: `python` (3.11.7), `prefix`, `versions` of all packages
    and what they ask for (`requires`), `python_range` of the package `own`, `origins` of what is
    imported from `packages`, and `shared` as `shared_files` gives it."""
    versions: dict[str, str] = {}
    requires: dict[str, list[str]] = {}
    python_range = ""
    origins = {}
    for distribution in metadata.distributions():
        facts = distribution.metadata
        name = canonical(facts["Name"] or "")
        # The first one on the path is the one that is imported.
        if not name or name in versions:
            continue
        versions[name] = facts["Version"]
        requires[name] = facts.get_all("Requires-Dist") or []
        if name == own:
            python_range = facts["Requires-Python"] or ""
        if name in packages:
            record = parse_record(distribution.read_text("RECORD") or "")
            origins.update(origins_of(record))
    site_packages = {Path(sysconfig.get_path(kind)).resolve() for kind in ("purelib", "platlib")}
    return {
        "python": "{}.{}.{}".format(*sys.version_info[:3]),
        "prefix": sys.prefix,
        "base_prefix": sys.base_prefix,
        "versions": versions,
        "requires": requires,
        "python_range": python_range,
        "origins": origins,
        "shared": shared_files(records_in(*site_packages)),
    }


def origins_of(record: Record) -> dict[str, str]:
    """Where Python finds the modules of a package that are folders: module -> its first file."""
    modules = [path.split("/")[0] for path in record if re.match(r"\w+/__init__\.py$", path)]
    found = {module: util.find_spec(module) for module in modules}
    return {module: spec.origin for module, spec in found.items() if spec and spec.origin}


if __name__ == "__main__":
    print(json.dumps(describe(sys.argv[1], sys.argv[2:])))
