from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
MAPPED = {
    "judges": "medvidbench.judges",
    "training": "medvidbench.training",
    "leaderboards": "medvidbench.leaderboards",
}


def packages_on_disk() -> set[str]:
    folders = {p.parent for top in ("medvidbench", *MAPPED) for p in (ROOT / top).rglob("__init__.py")}
    names = {".".join(folder.relative_to(ROOT).parts) for folder in folders}
    return {re.sub(r"^(judges|training|leaderboards)", lambda m: MAPPED[m[1]], name) for name in names}


def test_every_package_is_in_the_wheel() -> None:
    listed = re.search(r"^packages = \[(.*?)\]", (ROOT / "pyproject.toml").read_text(), re.DOTALL | re.MULTILINE)
    assert listed is not None
    assert set(re.findall(r'"([\w.]+)"', listed[1])) == packages_on_disk()


def test_every_folder_of_modules_is_a_package() -> None:
    folders = {p.parent for p in (ROOT / "medvidbench").rglob("*.py") if "__pycache__" not in p.parts}
    assert [str(f) for f in sorted(folders) if not (f / "__init__.py").is_file()] == []


def test_no_path_of_the_machine_it_was_written_on_is_in_the_code() -> None:
    wanted = re.compile(r"[\"'`( =:]/(Users|work|opt|root|mnt)/\w")
    files = [p for top in ("medvidbench", "tests", "benchmarks", *MAPPED) for p in (ROOT / top).rglob("*.py")]
    assert [str(p) for p in files if wanted.search(p.read_text(encoding="utf-8"))] == []
