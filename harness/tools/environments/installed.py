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
from collections.abc import Iterable, Iterator
from importlib import metadata, util
from pathlib import Path
from typing import Any, Dict, Tuple  # noqa: UP035

# Path -> its checksum and size as RECORD has them.
Record = Dict[str, Tuple[str, str]]  # noqa: UP006

# nvidia-cudnn-cu12; packages of CUDA 13 without such an ending write to nvidia/cu13.
OF_A_CUDA = re.compile(r"-cu(1\d)$")
FOLDER_OF_A_CUDA = re.compile(r"^nvidia/cu(1\d)/")


def check(environments: Iterable[Path]) -> int:
    """Print what is found in each environment, by its folder; 1 where a file has two owners."""
    found = [(each, records_in(*each.glob("lib/python3*/site-packages"))) for each in environments]
    if not found:
        print("no environments here: `make setup`")
    return max([report(str(path), records) for path, records in found], default=0)


def check_wheels(folders: list[Path]) -> int:
    """The same of the wheels in each folder, and of all of them in one environment."""
    found = [(str(each), records_of_wheels(each)) for each in folders]
    status = max(report(name, records) for name, records in found)
    if len(found) > 1:
        together = {name: record for _, records in found for name, record in records.items()}
        status = max(status, report("all in one environment", together))
    return status


def report(name: str, records: dict[str, Record]) -> int:
    """Print it in a few lines; 1 where a file has two owners."""
    files = len({path for record in records.values() for path in record})
    versions = cuda_versions(records)
    cuda = "; ".join(f"CUDA {version}: {len(names)} packages" for version, names in versions)
    print(f"{name}: {len(records)} packages, {files} files; {cuda or 'no CUDA'}")
    shared = shared_files(records)
    different = sum(each["different"] for each in shared)
    if not shared:
        print("  no file belongs to two packages")
    else:
        print(f"  {sum(each['files'] for each in shared)} files belong to two packages,"
              f" {different} with different contents:")  # fmt: skip
    for each in shared:
        print(f"  {' and '.join(each['packages'])}: {each['files']} files,"
              f" {each['different']} different, such as {each['example']}")  # fmt: skip
    if len(versions) > 1:
        print("  packages of two versions of CUDA are in one environment")
    return int(bool(shared))


def shared_files(records: dict[str, Record]) -> list[dict[str, Any]]:
    """`packages`, `files` (how many paths both write), `different` (of these, with other
    contents), `example` (a path), for each group of packages that share paths."""
    owners: dict[str, list[str]] = defaultdict(list)
    for name, record in records.items():
        for path in record:
            owners[path].append(name)
    groups: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for path, names in owners.items():
        if len(names) > 1:
            groups[tuple(sorted(names))].append(path)
    found = []
    for packages, paths in sorted(groups.items()):
        other = [path for path in paths if len({records[name][path] for name in packages}) > 1]
        found.append({"packages": list(packages), "files": len(paths), "different": len(other),
                      "example": min(other or paths)})  # fmt: skip
    return found


def cuda_versions(records: dict[str, Record]) -> list[tuple[str, list[str]]]:
    """Versions of CUDA that packages are for, ascending, each with these packages."""
    found: dict[str, set[str]] = defaultdict(set)
    for name, record in records.items():
        if not name.startswith("nvidia-"):
            continue
        ending = OF_A_CUDA.search(name)
        folders = (FOLDER_OF_A_CUDA.match(path) for path in record)
        version = ending or next((each for each in folders if each), None)
        if version:
            found[version.group(1)].add(name)
    return [(version, sorted(names)) for version, names in sorted(found.items())]


def records_in(*site_packages: Path) -> dict[str, Record]:
    """Of every package in these folders, by its normalised name."""
    found = {}
    for each in sorted(info for folder in site_packages for info in folder.glob("*.dist-info")):
        file = each / "RECORD"
        if file.is_file():
            lines = file.read_text(encoding="utf-8").splitlines()
            found[normalised(each.name)] = parse_record(lines)
    return found


def records_of_wheels(folder: Path) -> dict[str, Record]:
    found = {}
    for each in sorted(folder.glob("*.whl")):
        with zipfile.ZipFile(each) as wheel:
            names = [name for name in wheel.namelist() if name.endswith(".dist-info/RECORD")]
            for name in names[:1]:
                lines = wheel.read(name).decode("utf-8").splitlines()
                found[normalised(each.name)] = parse_record(lines)
    return found


def parse_record(lines: Iterable[str]) -> Record:
    """Without byte code, which is made anew."""
    rows = (row for row in csv.reader(lines) if len(row) == 3)
    return {path: (sha, size) for path, sha, size in rows if not path.endswith(".pyc")}


def normalised(file: str) -> str:
    """The package's name, of a wheel's or of a .dist-info's: both begin with it."""
    return re.sub(r"[-_.]+", "-", file.partition("-")[0]).lower()


def describe(packages: list[str]) -> dict[str, Any]:
    """The environment that this runs in: `python` (3.11.7), `prefix`, `versions` of all packages,
    `requires` and `origins` of those named (what they ask for; where they are imported from),
    `python_range` of the first of them, and `shared` as `shared_files` gives it."""
    versions: dict[str, str] = {}
    requires, origins = {}, {}
    for each in metadata.distributions():
        name = each.metadata["Name"]
        if name:
            # The first one on the path is the one that is imported.
            versions.setdefault(re.sub(r"[-_.]+", "-", name).lower(), each.version)
    for name in packages:
        if name in versions:
            requires[name] = metadata.requires(name) or []
    for name in importable(packages):
        spec = util.find_spec(name)
        if spec is not None and spec.origin is not None:
            origins[name] = spec.origin
    site_packages = {Path(sysconfig.get_path(each)).resolve() for each in ("purelib", "platlib")}
    own = packages[0]
    wanted = metadata.metadata(own)["Requires-Python"] if own in versions else None
    return {
        "python": "{}.{}.{}".format(*sys.version_info[:3]),
        "prefix": sys.prefix,
        "base_prefix": sys.base_prefix,
        "versions": versions,
        "requires": requires,
        "python_range": wanted or "",
        "origins": origins,
        "shared": shared_files(records_in(*site_packages)),
    }


def importable(packages: Iterable[str]) -> Iterator[str]:
    """Names of modules; a package with a `-` has none of that name."""
    return (name for name in packages if "-" not in name)


if __name__ == "__main__":
    print(json.dumps(describe(sys.argv[1:])))
