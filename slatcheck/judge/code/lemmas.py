# SPDX-License-Identifier: GPL-2.0-only
"""What is proved of a layout's C before runs are asked to show what is refuted."""

from __future__ import annotations

from impl.kernel import reading
from impl.kernel.errors import TreeError, UnsupportedError
from impl.kernel.layouts import layout_in
from impl.kernel.ports import bind, open_for
from impl.kernel.toolchain import find
from impl.kernel.typed import preprocessed
from model.machines import BIG
from model.ports import layout as layout_named
from proofs.kernel_runner import LemmaStore, Session, read_unit
from slatcheck.judge.code.task import CodeTask, Lemmas
from support.cache import Mode


def prove_lemmas(task: CodeTask) -> Lemmas:
    """Prove a layout's lemmas; what was proved of the same functions is not proved again.

    Raises TreeError and UnsupportedError.
    """
    begun = reading.now()
    tree = open_for(task.root, layout_named(task.layout))
    found = Lemmas(begun, tree.digest())
    binding = bind(tree)
    layout = layout_in(tree, layout_named(task.layout))
    # Who asks for all anew is not given headers that were read before.
    headers = None if task.options.anew or task.cache is Mode.AUDIT else task.folder
    for order in task.orders:
        # What the preprocessor makes of the sources is all that the proof looks at.
        text = preprocessed(tree, binding, layout, find(task.cc), order == BIG)
        found.texts[order] = text
        if text not in found.proved:
            unit, read = read_unit(tree, binding, layout, find(task.cc), order == BIG, headers)
            store = LemmaStore(task.folder, task.cache)
            found.proved[text] = Session(unit, layout, binding.entries, task.options, store).run()
            found.files += read
    return found


def prove_ahead(task: CodeTask) -> Lemmas | None:
    """Prove a layout's lemmas before it is known whether anybody asks; None where that fails.

    Whoever asks does it once more then, and says why it fails.
    """
    try:
        return prove_lemmas(task)
    except (TreeError, UnsupportedError):
        return None
