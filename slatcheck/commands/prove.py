# SPDX-License-Identifier: GPL-2.0-only
"""The command that proves a kernel tree's C, or the built-in page table."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import click

from slatcheck import names, progress
from slatcheck.commands import completion
from slatcheck.commands.delivery import Delivery, finish
from slatcheck.commands.options import (
    cache_option,
    cc_option,
    jobs_option,
    kernel_option,
    layout_option,
    output_option,
    quirk_option,
    replay_dir_option,
    report_option,
    subject_of,
    subject_options,
    verbose_option,
)
from slatcheck.errors import InputError
from support.cache import Mode
from support.lazy import lazily

with lazily():
    from proofs import desk
    from slatcheck.judge import prove


@click.command("prove", short_help="Prove a kernel tree's C, or the built-in page table.")
@kernel_option(
    "The Linux source tree whose C is to be proved; without it, the built-in page table."
)
@layout_option
@click.option(
    "--all",
    "everything",
    is_flag=True,
    help="Also the layouts that Kconfig refuses, and "
    "for each quirk that it refutes just the theorems it should.",
)
@click.option("--long", is_flag=True, help="Also built-in tables whose proof takes many minutes.")
@click.option(
    "--solver",
    metavar="NAME[,NAME]",
    shell_complete=completion.solvers,
    help="z3, bitwuzla, cvc5: these alone; of several, all must agree on every query. By default "
    "z3, and for what it has on record as hard to refute whoever is fastest.",
)
@click.option(
    "--emit-smt2",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    shell_complete=completion.folders,
    help="Write every obligation into DIR as SMT-LIB 2; each must be unsatisfiable.",
)
@click.option(
    "--certify",
    type=click.FloatRange(0, 1, min_open=True),
    metavar="SHARE",
    help="Have a share of the refutations, from 0 to 1, repeated by a SAT solver, and check its "
    "proof. Needs the extra 'certify'.",
)
@cache_option
@jobs_option
@quirk_option
@cc_option
@report_option
@verbose_option
@output_option
@subject_options
@replay_dir_option
def command(
    kernel: Path | None,
    patterns: tuple[str, ...],
    everything: bool,
    long: bool,
    solver: str | None,
    emit_smt2: Path | None,
    certify: float | None,
    cache: Mode,
    jobs: int,
    quirks: tuple[str, ...],
    cc: str | None,
    format_: str,
    verbose: bool,
    output: Path | None,
    replay_dir: Path | None,
    cause: str | None,
    subject: str | None,
) -> int:
    """Prove that a kernel tree's C, or the built-in page table, keeps every promise.

    For all states, all addresses and all sequences of operations, at the real geometry of each
    layout. A refutation is shown only after it was replayed: on the tree, compiled.
    """
    if kernel is not None and (quirks or everything or long):
        raise InputError(
            "--quirk, --all and --long are about the built-in page table; leave --kernel out"
        )
    chosen = names.selected(patterns, kernel, everything)
    names.check_quirks(quirks)
    options = desk.Options(
        names.check_solvers(solver or desk.Z3),
        str(emit_smt2 or ""),
        certify=_share(certify),
        alone=solver is not None,
    )
    delivery = Delivery(format_, output, replay_dir, subject_of(cause, subject), verbose=verbose)
    delivery.check()
    if emit_smt2 is not None:
        _prepare_folder(emit_smt2)

    later = () if kernel or patterns or long else tuple(filter(prove.takes_long, chosen.layouts))
    request = prove.ProofRequest(
        layouts=tuple(layout for layout in chosen.layouts if layout not in later),
        later=later,
        byte_orders=chosen.byte_orders,
        kernel=kernel,
        cc=cc,
        quirks=tuple(dict.fromkeys(quirks)),
        each_quirk=everything and not quirks,
        long=long,
        jobs=jobs,
        options=options,
        cache=cache,
    )
    with progress.shown() as report:
        document = prove.prove(request, report)
    return finish(document, delivery, kernel, cc)


def _share(certify: float | None) -> float:
    if certify and importlib.util.find_spec("pysat") is None:
        raise InputError("--certify needs python-sat: install slatcheck[certify]")
    return certify or 0.0


def _prepare_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise InputError(f"cannot make {folder}: {problem.strerror}") from None
