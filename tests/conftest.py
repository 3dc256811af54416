# SPDX-License-Identifier: GPL-2.0-only
"""Fixtures that give the real kernel trees, the count of tests that ran on them, and the seeds."""

from __future__ import annotations

import os
import random
from collections.abc import Generator, Mapping
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parent.parent

#: The kernel versions whose trees `make kernels` fetches.
VERSIONS = ("6.1", "6.12")

#: Marks the reports of tests that need a real tree; it travels with them from xdist's workers.
REAL_TREE = ("slatcheck-real-tree", True)

settings.register_profile("dev", deadline=None, print_blob=True)
settings.register_profile("ci", derandomize=True, deadline=None, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "dev")


# Proofs that one test needs are kept for the others, beside what the user has kept.
os.environ.setdefault("SLATCHECK_CACHE", str(ROOT / ".cache" / "slatcheck-tests"))


def kernels_folder() -> Path:
    """Return the folder of the real trees; a relative SLATCHECK_KERNELS starts at the project."""
    return ROOT / Path(os.environ.get("SLATCHECK_KERNELS") or ".cache/kernels").expanduser()


def find_kernel_trees() -> dict[str, Path]:
    """Return the path of each real tree that is there, by kernel version."""
    trees = {version: kernels_folder() / f"linux-source-{version}" for version in VERSIONS}
    return {v: path for v, path in trees.items() if (path / "arch/mips/kvm/mmu.c").is_file()}


def absent(version: str) -> str:
    """Return the reason to skip a test when the tree of VERSION is absent."""
    return f"real tree linux-source-{version} absent: run make kernels"


def trees_are_required() -> bool:
    """Whether a skipped real-tree test makes the run fail."""
    return os.environ.get("SLATCHECK_REQUIRE_KERNELS", "0") not in ("", "0")


@pytest.fixture(scope="session")
def kernel_trees() -> Mapping[str, Path]:
    """Give all real trees by kernel version ("6.1", "6.12"); skip when one is absent."""
    trees = find_kernel_trees()
    for version in VERSIONS:
        if version not in trees:
            pytest.skip(absent(version))
    return trees


@pytest.fixture(scope="session", params=VERSIONS)
def kernel_tree(request: pytest.FixtureRequest) -> Path:
    """Give one real tree after the other; skip when it is absent."""
    version: str = request.param
    tree = find_kernel_trees().get(version)
    if tree is None:
        pytest.skip(absent(version))
    return tree


class RealTreeCount:
    """Counts, where xdist collects the reports, the real-tree tests that ran and were skipped."""

    def __init__(self) -> None:
        self.ran: set[str] = set()
        self.skipped: set[str] = set()
        self.skipped_modules: set[str] = set()

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        # A module that skips itself hides its real-tree tests, so it cannot count as complete.
        if report.skipped:
            self.skipped_modules.add(report.nodeid)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if REAL_TREE not in [tuple(entry) for entry in report.user_properties]:
            return
        if report.skipped and not hasattr(report, "wasxfail"):
            self.skipped.add(report.nodeid)
        elif report.when == "call" or report.failed:
            self.ran.add(report.nodeid)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None, None, None]:
        config = session.config
        if config.option.collectonly:
            yield
            return
        incomplete = self.skipped or self.skipped_modules or not self.ran
        refused = bool(incomplete and trees_are_required())
        if refused and session.exitstatus in (
            pytest.ExitCode.OK,
            pytest.ExitCode.NO_TESTS_COLLECTED,
        ):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        yield
        line = f"real-tree tests: {len(self.ran)} run, {len(self.skipped)} skipped"
        if self.skipped_modules:
            line += f", {len(self.skipped_modules)} modules skipped"
        if refused:
            line += " (SLATCHECK_REQUIRE_KERNELS: run fails)"
        terminal = config.pluginmanager.get_plugin("terminalreporter")
        if terminal is not None:
            terminal.ensure_newline()
            terminal.write_line(line, red=refused)


def is_worker(config: pytest.Config) -> bool:
    """Whether this process is one of xdist's workers."""
    return hasattr(config, "workerinput")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    if is_worker(config):
        return
    # Draw the seed here, so that it can be printed and all workers share it.
    if not settings().derandomize and config.option.hypothesis_seed is None:
        config.option.hypothesis_seed = str(random.SystemRandom().randrange(2**32))
    config.pluginmanager.register(RealTreeCount(), "slatcheck-real-tree-count")


def pytest_report_header(config: pytest.Config) -> list[str]:
    seed = config.option.hypothesis_seed
    told = f"--hypothesis-seed={seed}" if seed is not None else "derandomized, no seed"
    found = ", ".join(find_kernel_trees()) or "none, run make kernels"
    return [
        f"hypothesis: profile {settings.get_current_profile_name()}, {told}",
        f"real trees: {found}",
    ]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not os.environ.get("SLATCHECK_PROVE_ALL"):
        later = [item for item in items if item.get_closest_marker("thorough")]
        items[:] = [item for item in items if not item.get_closest_marker("thorough")]
        config.hook.pytest_deselected(items=later)
    # What takes long begins first: a worker that comes to it last keeps the others waiting.
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)
    for item in items:
        wanted = {"kernel_tree", "kernel_trees"} & set(getattr(item, "fixturenames", ()))
        if wanted:
            item.add_marker("kernel")
        if item.get_closest_marker("kernel"):
            item.user_properties.append(REAL_TREE)
