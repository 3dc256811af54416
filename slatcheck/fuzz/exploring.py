# SPDX-License-Identifier: GPL-2.0-only
"""A small scope of one layout, explored natively: every operation in every state within a depth.

A walk goes through the machine's states, told apart by their signatures, and tries what is open in
the one that it is in. The filter looks at each step; what it suspects is judged in the emulator.
"""

from __future__ import annotations

import ctypes
import time
from dataclasses import dataclass, field

from impl.interface import Run
from impl.kernel.executor import ENDLESS, MAX_OPS
from model.operations import Op
from slatcheck.fuzz.engine import Engine, Slice
from slatcheck.fuzz.graph import FIRST, Graph
from slatcheck.fuzz.scope import Scope
from slatcheck.fuzz.wire import OpBuffer, WireControl, WireScope

SAMPLED = 256
"""Of so many states one is reached, by the shortest way, and destroyed in the emulator as well."""


@dataclass
class Explored:
    """What became of a scope.

    ``levels`` are the numbers of states by their depth: behind a create is depth 0. ``barred`` are
    operations that were no longer tried once they had shown a finding; ``unexplained`` says that
    one of them had shown none, and was suspected all the same. ``transitions`` are pairs of a state
    and an operation that were tried, ``steps`` the operations carried out for that.
    ``closed`` says that no operation leads to a state that is not counted: then no other depth has
    more. ``part`` is what was found, as of a piece of a campaign.
    """

    depth: int
    operations: int
    levels: list[int] = field(default_factory=list)
    transitions: int = 0
    steps: int = 0
    closed: bool = False
    full: bool = False
    barred: list[Op] = field(default_factory=list)
    unexplained: bool = False
    part: Slice = field(default_factory=Slice)

    @property
    def complete(self) -> bool:
        """Whether all was tried that is within the depth, but for what shows a finding."""
        cut = self.full or self.unexplained or self.part.disagreement
        return bool(self.levels) and not cut

    @property
    def states(self) -> int:
        """States within the depth."""
        return sum(self.levels)


class Explorer(Engine):
    """An engine that explores scopes beside what it draws."""

    def explore(self, scope: Scope, depth: int) -> Explored:
        """Try every operation of a scope in every state that fewer than ``depth`` lead to.

        Every state that is met is destroyed as well, also those at that depth.
        What comes of it depends on the scope, the depth and what is known, and on nothing else.
        Raises ValueError for a scope that is too large.
        """
        begun = time.monotonic()
        self.start()
        self.native.executor.set_flags()
        walk = _Walk(self, scope, depth)
        while walk.goes_on:
            walk.call()
        found = walk.ended()
        self.count(found.part)
        found.part.seconds = time.monotonic() - begun
        return found


class _Walk:
    """One exploration under way: it begins afresh whenever an operation is barred."""

    def __init__(self, engine: Explorer, scope: Scope, depth: int) -> None:
        self._engine, self._scope = engine, scope
        self._graph = Graph(scope.ops, MAX_OPS)
        self._ops = OpBuffer(MAX_OPS)
        self._found = Explored(depth, len(scope.ops))
        self._barred: set[int] = set()
        self._suspected: set[int] = set()
        self._closed = False
        self._begin()

    @property
    def goes_on(self) -> bool:
        """Whether anything is open that there is room for."""
        return not (self._closed or self._found.full or self._found.part.disagreement)

    def _begin(self) -> None:
        """Begin with no state known."""
        self._graph.begin()
        self._trail: list[Op] = []
        self._found.steps = 0
        buffers = self._engine.buffers
        data = self._engine.native.executor.packed(self._scope.ops)
        buffers["slat_ops"].view[: len(data)] = data
        self._counted = self._engine.checked
        self._tell(fresh=1)

    def _tell(self, fresh: int) -> None:
        barred = sum(1 << place for place in self._barred)
        told = WireScope(len(self._scope.ops), self._found.depth, barred, fresh)
        view = self._engine.buffers["slat_scope"].view
        view[: ctypes.sizeof(told)] = bytes(told)

    def call(self) -> None:
        """Have some steps taken, and look at them."""
        engine, buffers = self._engine, self._engine.buffers
        fault = engine.call(engine.native.executor.explore, MAX_OPS)
        control = WireControl.from_buffer_copy(buffers["slat_control"].view)
        said = WireScope.from_buffer_copy(buffers["slat_scope"].view)
        ended = fault is not None or bool(control.stopped)
        done = min(int(control.done), MAX_OPS - ended)
        count = self._graph.copy(buffers["slat_steps"].pointer, done + ended, self._ops)
        if count != done + ended:
            self._found.part.disagreement = f"step {count} of a walk is no operation of the scope"
            return
        passed = engine.first_suspect(self._ops, done)
        followed = self._graph.follow(passed)
        self._found.steps += followed
        if followed < passed:
            self._contradicted(followed, bool(said.full))
        elif passed < count:
            self._suspect(passed, fault)
        else:
            self._passed(count, said)

    def _passed(self, count: int, said: WireScope) -> None:
        """Nothing is suspected: the walk goes on, or is at its end."""
        self._keep_trail(count)
        self._found.full = bool(said.full)
        self._closed = bool(said.closed)
        if not count and not self._closed:
            self._found.part.disagreement = "a walk that does not go on"

    @property
    def _title(self) -> str:
        return f"a way through the scope of {self._scope.layout.name}"

    def _keep_trail(self, count: int) -> None:
        """Remember what was carried out since the last create."""
        create = self._graph.last_create(count)
        if create >= 0:
            self._trail = []
        self._trail += self._ops.ops(max(create, 0), count)

    def _contradicted(self, at: int, full: bool) -> None:
        """The same operation in the same state led to two states, or there is no room."""
        if full:
            self._found.full = True
            return
        op = self._scope.ops[self._graph.place(at)]
        self._found.part.disagreement = (
            f"{op.kind.name.lower()} leads from one state to two: a signature does not see all"
        )

    def _suspect(self, at: int, fault: tuple[int, str] | None) -> None:
        """Judge the step, on the shortest way if that shows it; then do without it."""
        if fault is not None:
            self._engine.native.executor.recover()
        place = self._graph.place(at)
        op = self._scope.ops[place]
        self._graph.measure(self._found.depth, 0)
        self._keep_trail(at)
        emulated = None
        if fault is not None and fault[1] == ENDLESS:
            emulated = self._engine.emulated.run([*self._trail, op])
            if self._engine.was_hasty(emulated, MAX_OPS):
                self._engine.checked = self._counted
                self._begin()
                return
        shown = self._is_shown(place, op, emulated)
        # What can be tolerated is from now on: then the step passes when it is taken again.
        if place in self._suspected or (shown and emulated is not None):
            self._barred.add(place)
            self._found.unexplained |= not shown
            # Without a create there is nothing to explore.
            self._closed = not place
        self._suspected.add(place)
        self._begin()

    def _is_shown(self, place: int, op: Op, emulated: Run | None) -> bool:
        """Return whether the judge finds anything on a way to a step, the shortest one first.

        ``emulated`` is the run on the way that was taken, where nothing came of it natively: then
        there is no other to go, as each takes seconds.
        """
        part = self._found.part
        ways = [self._trail]
        if emulated is None:
            ways.insert(0, self._graph.way(self._graph.at) if place else [])
        for way in ways:
            shown = self._engine.look_at(part, self._title, [*way, op], len(way), emulated)
            if shown or part.disagreement:
                return shown
        return False

    def _sample(self) -> None:
        """Judge some states that nothing was suspected of: each by the shortest way to it."""
        destroy = len(self._scope.ops) - 1
        last = [] if destroy in self._barred else [self._scope.ops[destroy]]
        for state in range(FIRST, FIRST + self._found.states, SAMPLED):
            if not self._found.part.disagreement:
                way = [*self._graph.way(state), *last]
                self._engine.sample(self._found.part, self._title, way)

    def ended(self) -> Explored:
        """Return what was found, measured on the graph that the steps drew."""
        found = self._found
        barred = sum(1 << place for place in self._barred)
        opened, found.levels = self._graph.measure(found.depth, barred)
        if 0 in self._barred:
            found.barred = [self._scope.ops[place] for place in sorted(self._barred)]
            return found
        if opened and not found.full and not found.part.disagreement:
            found.part.disagreement = f"a walk that ended with {opened} operations open"
        rest, _ = self._graph.measure(len(found.levels), barred)
        self._sample()
        found.closed = not rest and not found.full
        found.transitions = self._graph.transitions
        found.barred = [self._scope.ops[place] for place in sorted(self._barred)]
        return found
