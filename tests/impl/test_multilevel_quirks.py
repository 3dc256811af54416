# SPDX-License-Identifier: GPL-2.0-only
"""Every quirk shows in a layout where it bites, and nowhere else."""

import pytest

from impl.multilevel import QUIRKS, MultiLevel, Quirk, quirk
from model.layout import Layout
from model.operations import HALF_OPEN, Answer, Kind, Op
from tests.impl.test_multilevel import difference
from tests.mips import layouts


def write(one: Layout, frame: int, pfn: int = 0) -> Op:
    return Op(Kind.FAULT, frame << one.page_shift, pfn=pfn, write=True, writable=True)


def pair(one: Layout, *ops: Op) -> list[Op]:
    """Map frames 0, 1 and 2, then carry out ``ops``."""
    mapped = [write(one, frame, 4 + frame) for frame in range(3)]
    return [Op(Kind.CREATE), *mapped, *ops, Op(Kind.DESTROY)]


def scenario(name: str, one: Layout) -> list[Op]:
    """Return a sequence that shows the quirk wherever it bites."""
    if name == "notifier-end-inclusive":
        return pair(one, Op(Kind.UNMAP, 0, 1))
    if name == "dirty-mask-hull":
        return pair(one, Op(Kind.LOG_DIRTY_MASKED, 0, 0, 0b101))
    if name == "no-reach-check":
        return pair(one, Op(Kind.FLUSH, one.frames, one.frames + 1))
    if name == "pfn-truncated":
        return pair(one, write(one, 3, one.pfn_top))
    if name == "young-reads-pfn-word":
        fields = one.entry.pfn
        upper = one.pfn_top >> fields[-1].source << fields[-1].source
        return pair(one, write(one, 3, upper), Op(Kind.MKOLD, 3, 3), write(one, 3))
    if name == "flush-all-unlocked":
        return pair(one, Op(Kind.FLUSH_ALL))
    return pair(one)


SYMPTOMS = {
    "notifier-end-inclusive": "UNMAP changes",
    "dirty-mask-hull": "LOG_DIRTY_MASKED changes",
    "no-reach-check": "FLUSH changes",
    "pgd-init-by-eight": "out-of-bounds",
    "pgd-init-skips-pud": "bad-access",
    "walk-skips-pud": "out-of-bounds",
    "pgd-always-present": "wild-free",
    "pgd-freed-as-one-page": "leak",
    "pmd-destructor-unpaired": "accounting",
    "pfn-truncated": "FAULT changes",
    "young-reads-pfn-word": "FAULT changes",
    "flush-all-unlocked": "unlocked-access",
}


@pytest.mark.parametrize("behaviour", QUIRKS, ids=lambda behaviour: str(behaviour.name))
def test_shows_exactly_where_it_bites(behaviour: Quirk) -> None:
    for one in layouts():
        ops = scenario(behaviour.name, one)
        assert difference(one, ops, MultiLevel(one)) == ""
        shown = difference(one, ops, MultiLevel(one, frozenset({behaviour})))
        assert shown == (SYMPTOMS[behaviour.name] if behaviour.bites(one) else ""), one.name


@pytest.mark.parametrize("behaviour", QUIRKS, ids=lambda behaviour: str(behaviour.name))
def test_is_documented(behaviour: Quirk) -> None:
    assert quirk(behaviour.name) == behaviour
    assert behaviour.statement.endswith(".")
    assert behaviour.kinds and behaviour.rules and behaviour.function
    assert any(behaviour.bites(one) for one in layouts())


def test_unknown_names_are_refused() -> None:
    with pytest.raises(KeyError):
        quirk("no such quirk")


def test_notifier_that_ends_at_the_top_does_nothing() -> None:
    for one in layouts():
        ops = [Op(Kind.CREATE), write(one, one.top), Op(Kind.UNMAP, one.top, one.frames)]
        fixed = MultiLevel(one).run(ops)
        broken = MultiLevel(one, frozenset({quirk("notifier-end-inclusive")})).run(ops)
        assert fixed.outcomes[-1].changes == {one.top: 0}
        assert broken.outcomes[-1].changes == {}


ALIASING = [
    Op(Kind.FLUSH, 0, 0),
    Op(Kind.MKCLEAN, 0, 0),
    Op(Kind.MKOLD, 0, 0),
    Op(Kind.LOG_DIRTY_MASKED, 0, 0, 1),
    Op(Kind.UNMAP, 0, 1),
    Op(Kind.AGE, 0, 1),
    Op(Kind.FLUSH_SLOT, 0, 1),
    Op(Kind.COMMIT_REGION, 0, 1),
]


@pytest.mark.parametrize("op", ALIASING, ids=lambda op: str(op.kind.name))
def test_frames_beyond_the_reach_alias(op: Op) -> None:
    for one in layouts():
        inclusive = op.kind in (Kind.FLUSH, Kind.MKCLEAN, Kind.MKOLD)
        last = op.last + one.frames if inclusive or op.kind in HALF_OPEN else op.last
        beyond = op._replace(first=one.frames, last=last)
        ops = [Op(Kind.CREATE), write(one, 0), beyond]
        assert MultiLevel(one).run(ops).outcomes[-1].changes == {}
        broken = MultiLevel(one, frozenset({quirk("no-reach-check")})).run(ops)
        assert list(broken.outcomes[-1].changes) == [0]


def test_addresses_beyond_the_reach_alias() -> None:
    broken = frozenset({quirk("no-reach-check")})
    for one in (one for one in layouts() if one.bits == 64):
        gpa = one.frames << one.page_shift
        run = MultiLevel(one, broken).run([Op(Kind.CREATE), Op(Kind.FAULT, gpa, pfn=1)])
        assert list(run.outcomes[-1].changes) == [0]


FATAL = ("pgd-init-by-eight", "pgd-init-skips-pud", "walk-skips-pud")


@pytest.mark.parametrize(
    "behaviour", [q for q in QUIRKS if q.name not in FATAL], ids=lambda q: str(q.name)
)
def test_stays_out_of_other_operations(behaviour: Quirk) -> None:
    for one in layouts():
        others = [
            Op(Kind.MKOLD, 0, 1),
            Op(Kind.FAULT_FAST, 1 << one.page_shift),
            Op(Kind.TEST_AGE, 1, 2),
            Op(Kind.MKCLEAN, 1, 1),
            Op(Kind.COMMIT_REGION, 2, 1),
            Op(Kind.LOOKUP, 2 << one.page_shift),
            Op(Kind.FAULT, 5 << one.page_shift, answer=Answer.NO_SLOT),
        ]
        table = MultiLevel(one, frozenset({behaviour}))
        assert difference(one, pair(one, *others)[:-1], table) == "", one.name
