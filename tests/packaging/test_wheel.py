# SPDX-License-Identifier: GPL-2.0-only
"""The wheel: it holds all that slatcheck needs, and what is installed from it works by itself."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from tests.test_rooms import ROOMS, ROOT

#: One of each kind of file that is read at run time and is not Python.
DATA = (
    "impl/**/shim/**/*.h",
    "impl/**/*.c",
    "impl/**/runner/*.h",
    "impl/**/loader/*.h",
    "impl/**/*.S",
    "impl/**/*.ld",
    "slatcheck/**/schema*.json",
    "slatcheck/**/*.j2",
    "slatcheck/**/*.js",
    "slatcheck/**/*.css",
    "*/py.typed",
)
SEARCH = ("--layout", "mips32-4k", "--evidence", "differential", "--max-ops", "600", "--jobs", "1")
pytestmark = pytest.mark.slow


def pins(lock: str) -> dict[str, str]:
    """Return the packages of a lock file, each with its version and where it is wanted."""
    lines = (ROOT / "requirements" / lock).read_text().splitlines()
    rows = [line.partition("==") for line in lines if re.match(r"\w[\w.-]*==", line)]
    return {name: pin for name, _, pin in rows}


def pinned() -> list[str]:
    """Return the names of what the program needs, as the lock file has them."""
    return list(pins("base.txt"))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the wheel, built by the build backend that this environment has."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=120)
    (path,) = folder.glob("*.whl")
    return path


@dataclass(frozen=True)
class Installed:
    """A virtual environment that has the wheel and its dependencies, and nothing else."""

    environment: Path
    elsewhere: Path

    @property
    def packages(self) -> Path:
        """The folder that packages are installed to."""
        names = {"base": str(self.environment), "platbase": str(self.environment)}
        return Path(sysconfig.get_path("purelib", "venv", vars=names))

    def run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a program of the environment in a folder that has nothing to do with slatcheck."""
        unwanted = ("PYTHON", "SLATCHECK_", "COV_")
        env = {name: value for name, value in os.environ.items() if not name.startswith(unwanted)}
        env["SLATCHECK_CACHE"] = str(self.elsewhere / "cache")
        command = [str(self.environment / "bin" / program), *arguments]
        return subprocess.run(
            command, cwd=self.elsewhere, env=env, capture_output=True, text=True, timeout=240
        )

    def checked(self, *arguments: str) -> str:
        """Return what a call of slatcheck that holds prints."""
        done = self.run("slatcheck", *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout


def borrow(name: str, packages: Path) -> None:
    """Link the files of a dependency into another environment: no index, no network."""
    distribution = metadata.distribution(name)
    tops = {file.parts[0] for file in distribution.files or () if file.parts[0] != ".."}
    for top in tops - {"__pycache__"}:
        if not (packages / top).exists():
            (packages / top).symlink_to(str(distribution.locate_file(top)))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Give an environment of the wheel and of what the lock file names, and no more."""
    fresh = Installed(tmp_path_factory.mktemp("fresh") / "venv", tmp_path_factory.mktemp("else"))
    venv.create(fresh.environment, symlinks=True)
    python = fresh.environment / "bin" / "python"
    command = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet"]
    command += ["--no-index", "--no-deps", "--disable-pip-version-check", str(wheel)]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    here = {distribution.name for distribution in metadata.distributions()}
    for name in {re.sub(r"[-_.]+", "-", name).lower() for name in here} & set(pinned()):
        borrow(name, fresh.packages)
    return fresh


def test_every_file_of_the_rooms_is_in_the_wheel(wheel: Path) -> None:
    inside = set(zipfile.ZipFile(wheel).namelist())
    for pattern in DATA:
        assert list(ROOT.glob(pattern)), pattern
    files = [path for room in ROOMS for path in (ROOT / room).rglob("*") if path.is_file()]
    names = {str(path.relative_to(ROOT)) for path in files if "__pycache__" not in path.parts}
    assert names - inside == set()


def test_nothing_else_is_in_the_wheel(wheel: Path) -> None:
    tops = {name.partition("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert tops == {*ROOMS, f"{wheel.name.partition('-py3')[0]}.dist-info"}


def test_the_license_and_the_program_are_declared(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    folder = f"{wheel.name.partition('-py3')[0]}.dist-info"
    assert "[console_scripts]\nslatcheck = slatcheck.cli:main" in archive.read(
        f"{folder}/entry_points.txt"
    ).decode().replace("\r", "")
    assert archive.read(f"{folder}/licenses/LICENSE") == (ROOT / "LICENSE").read_bytes()


def test_the_lock_has_every_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = {re.split(r"[<>=!~ ;\[]", line)[0] for line in project["dependencies"]}
    assert wanted <= set(pinned())
    extras = project["optional-dependencies"]
    assert set(extras) == {"build", "certify", "cluster", "dev"}
    # The tests have what users may leave out.
    assert {*extras["build"], *extras["certify"], *extras["cluster"]} <= set(extras["dev"])


def test_what_is_tested_is_what_is_run() -> None:
    """Each lock has the pins of the one before, as make installs one on top of the other."""
    base, check, dev = pins("base.txt"), pins("check.txt"), pins("dev.txt")
    assert base.items() < check.items() < dev.items()
    assert "hatchling" in check


@pytest.mark.parametrize("name", ["base.txt", "check.txt", "dev.txt"])
def test_a_lock_has_hashes_and_no_address(name: str) -> None:
    text = (ROOT / "requirements" / name).read_text()
    for line in re.findall(r"^\w.*$", text, re.MULTILINE):
        assert re.fullmatch(r"[\w.-]+==[\w.!+]+( ; [^\\]+)? \\", line), line
    assert "://" not in text and "--find-links" not in text and "index-url" not in text


def test_what_runs_is_what_the_wheel_brought(installed: Installed) -> None:
    names = ", ".join(ROOMS)
    done = installed.run("python", "-c", f"import {names}; print(*(m.__file__ for m in ({names})))")
    assert done.stderr == ""
    for path in done.stdout.split():
        assert Path(path).is_relative_to(installed.packages) and not Path(path).is_symlink()


def test_the_environment_has_no_tool_of_development(installed: Installed) -> None:
    assert installed.run("python", "-c", "import pytest").returncode != 0


def test_every_module_can_be_imported(installed: Installed) -> None:
    """A module that needs what no dependency brings would fail here."""
    names = sorted(
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for room in ROOMS
        for path in (ROOT / room).rglob("*.py")
        if path.name != "__main__.py"
    )
    program = "import importlib, sys; [importlib.import_module(name) for name in sys.argv[1:]]"
    done = installed.run("python", "-c", program, *names)
    assert done.returncode == 0, done.stderr


def test_the_version_is_that_of_the_project(installed: Installed) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert installed.checked("--version").split()[-1] == project["version"]


def test_layouts_are_listed(installed: Installed) -> None:
    assert "mips32-4k" in installed.checked("layouts")


def test_the_built_in_table_is_judged(installed: Installed) -> None:
    """The schema that the document is validated against is read from the wheel as well."""
    said = json.loads(installed.checked("check", *SEARCH, "--format", "json"))
    assert said["verdict"] == "holds"


def counted(text: str) -> dict[str, Any]:
    """Return the verdicts and fingerprints of a report in JSON."""
    said = json.loads(text)
    return {
        "checks": [(check["id"], check["verdict"]) for check in said["checks"]],
        "findings": [finding["fingerprint"] for finding in said["findings"]],
    }


def test_a_real_tree_is_judged_as_from_the_checkout(
    installed: Installed, kernel_trees: Mapping[str, Path], tmp_path: Path
) -> None:
    """Shim, runner and linker script come from the wheel; the answer is the checkout's."""
    arguments = ["check", "--kernel", str(kernel_trees["6.12"]), *SEARCH, "--format", "json"]
    done = installed.run("slatcheck", *arguments)
    assert done.returncode in (0, 1), done.stderr
    program = [str(Path(sys.executable).with_name("slatcheck")), *arguments]
    env = {**os.environ, "SLATCHECK_CACHE": str(tmp_path)}
    here = subprocess.run(
        program, cwd=ROOT, env=env, capture_output=True, text=True, timeout=240, check=False
    )
    assert here.returncode == done.returncode, here.stderr
    there = counted(done.stdout)
    assert there == counted(here.stdout)
    assert len(there["checks"]) > 10
