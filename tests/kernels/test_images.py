# SPDX-License-Identifier: GPL-2.0-only
"""Kept images: the same as built ones, and built again as soon as a file that was read changes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from impl.kernel import images
from impl.kernel.build import Image, Job, build, compiled
from impl.kernel.errors import UnsupportedError
from impl.kernel.ports import bind, open_tree
from impl.kernel.symbols import symbols_of
from impl.kernel.toolchain import find
from model.ports import layout
from tests.kernels.copies import edit, share

ON = layout("mips32-4k")
MMU = "arch/mips/kvm/mmu.c"


class Builds:
    """Builds images and counts how often."""

    def __init__(self, folder: Path | None, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        self.objects: list[str] = []
        self.folder = folder

        def counted(*args: Any, **more: Any) -> Image:
            self.count += 1
            return build(*args, **more)

        def compiled_anew(job: Job, name: str, source: Path, instrument: bool) -> Path:
            self.objects.append(name)
            return compiled(job, name, source, instrument)

        self.build = counted
        monkeypatch.setattr(images, "build", counted)
        monkeypatch.setattr(images, "compiled", compiled_anew)

    def of(self, root: Path) -> Image:
        tree = open_tree(root)
        return images.image(tree, bind(tree), ON, True, find(), self.folder)


@pytest.fixture
def tree(kernel_trees: dict[str, Path], tmp_path: Path) -> Path:
    share(kernel_trees["6.12"], tmp_path / "tree")
    return tmp_path / "tree"


def test_an_unchanged_tree_is_not_built_again(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    builds = Builds(tmp_path / "kept", monkeypatch)
    first = builds.of(tree)
    again = builds.of(tree)
    assert again.elf == first.elf
    assert builds.count == 1
    assert {tree / "include/linux/kconfig.h", tree / MMU} <= set(first.files)
    assert set(first.files) <= set(again.files), "what went into an image is kept with it"
    for change in ("arch/mips/kvm/mmu.c", "arch/mips/include/asm/pgtable-32.h"):
        edit(tree, change, lambda text: text + "\n/* changed */\n")
        before = builds.count
        builds.of(tree)
        builds.of(tree)
        assert builds.count == before + 1, change
    (tree / "include/linux/brand_new.h").write_text("")
    before = builds.count
    builds.of(tree)
    assert builds.count == before + 1


def test_what_was_edited_back_is_still_kept(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    builds = Builds(tmp_path / "kept", monkeypatch)
    plain = (tree / MMU).read_text(encoding="utf-8")
    first = builds.of(tree)
    edit(tree, MMU, lambda text: text.replace("i <= i_max", "i < i_max", 1))
    assert builds.of(tree).elf != first.elf
    edit(tree, MMU, lambda _: plain)
    assert builds.of(tree).elf == first.elf
    assert builds.count == 2


@pytest.mark.parametrize("name", [MMU, "arch/mips/include/asm/mipsregs.h"])
def test_what_is_written_while_it_is_built_is_built_again(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The image is of the old text then, and must not be kept as that of the new one."""
    builds = Builds(tmp_path / "kept", monkeypatch)
    builds.of(tree)
    edit(tree, MMU, lambda text: f"{text}\n")
    counted = builds.build

    def meanwhile(*args: Any, **more: Any) -> Image:
        made = counted(*args, **more)
        edit(tree, name, lambda text: text.replace("\n", "\n\n", 1))
        return made

    monkeypatch.setattr(images, "build", meanwhile)
    builds.of(tree)
    monkeypatch.setattr(images, "build", counted)
    before = builds.count
    builds.of(tree)
    assert builds.count == before + 1


def test_what_does_not_build_is_not_kept(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    builds = Builds(tmp_path / "kept", monkeypatch)
    edit(tree, "arch/mips/kvm/mmu.c", lambda text: text + "\n#error no\n")
    for _ in range(2):
        with pytest.raises(UnsupportedError):
            builds.of(tree)
    assert builds.count == 2


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"files": {}, "content": "?"}', '{"files": 5}'])
def test_a_damaged_image_is_built_again(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    builds = Builds(tmp_path / "kept", monkeypatch)
    builds.of(tree)
    kept = list((tmp_path / "kept").iterdir())
    assert len(kept) == 4, "the image, and what is linked with mmu.c"
    for file in kept:
        file.write_text(damage)
    assert builds.of(tree).elf
    assert builds.count == 2


def test_without_a_folder_nothing_is_kept(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    builds = Builds(None, monkeypatch)
    builds.of(tree)
    builds.of(tree)
    assert builds.count == 2


def test_an_edit_costs_what_it_concerns(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    builds = Builds(tmp_path / "kept", monkeypatch)
    first = builds.of(tree)
    assert sorted(builds.objects) == ["machine", "pgtable", "setjmp"]
    builds.objects.clear()
    edit(tree, "arch/mips/kvm/mmu.c", lambda text: text.replace("i <= i_max", "i < i_max", 1))
    changed = builds.of(tree)
    assert builds.objects == []
    assert set(changed.files) == set(first.files)
    assert len(changed.elf) > 0 and changed.elf != first.elf
    edit(tree, "arch/mips/mm/pgtable-32.c", lambda text: text + "\n/* changed */\n")
    builds.of(tree)
    assert builds.objects == ["pgtable"]


def test_where_a_tree_lies_does_not_matter(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    builds = Builds(tmp_path / "kept", monkeypatch)
    first = builds.of(tree)
    builds.objects.clear()
    share(tree, tmp_path / "elsewhere/copy")
    again = builds.of(tmp_path / "elsewhere/copy")
    assert builds.count == 2
    assert builds.objects == [], "what is linked with mmu.c was compiled for the other tree"
    assert again.elf == first.elf
    assert {file.relative_to(tmp_path / "elsewhere/copy") for file in again.files} == {
        file.relative_to(tree) for file in first.files
    }


def test_a_copy_with_another_header_has_objects_of_its_own(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    builds = Builds(tmp_path / "kept", monkeypatch)
    builds.of(tree)
    builds.objects.clear()
    share(tree, tmp_path / "copy")
    edit(tmp_path / "copy", "arch/mips/include/asm/page.h", lambda text: text + "\n/* other */\n")
    builds.of(tmp_path / "copy")
    assert "machine" in builds.objects


def test_places_are_those_of_the_tree(tree: Path) -> None:
    opened = open_tree(tree)
    symbols = symbols_of(build(opened, bind(opened), ON, True, find()).elf)
    place = symbols.place(symbols.address("kvm_mips_map_page"))
    assert place.function == "kvm_mips_map_page"
    assert place.where.startswith("arch/mips/kvm/mmu.c:")
