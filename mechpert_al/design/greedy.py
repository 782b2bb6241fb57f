"""The greedy optimiser: picks anchors one by one, under the constraints of a laboratory.

It knows nothing of genes: candidates are numbers, ties are broken by ranks it is given. For a
submodular objective it is lazy (Minoux 1978): an old gain is an upper bound of the new one, so
most candidates need no second look. The picks are the same either way.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from mechpert_al.design.objectives import Objective, Run

#: Gains closer than this, relative to the larger one, are a tie.
TIE = 1e-9


@dataclass(frozen=True, eq=False)
class Limits:
    """Constraints in candidate numbers.

    Parameters
    ----------
    first
        Candidates that must be taken, before any other.
    costs
        Cost of each candidate, shape (n,), positive; None = all alike.
    budget
        The most that the picks may cost together.
    groups
        Group number of each candidate, shape (n,); −1 = in no group.
    max_per_group
        The most picks from one group.
    """

    first: tuple[int, ...] = ()
    costs: np.ndarray | None = None
    budget: float | None = None
    groups: np.ndarray | None = None
    max_per_group: int | None = None


@dataclass(frozen=True)
class Selection:
    """Picks in order, with the gain of each at its turn."""

    picks: tuple[int, ...]
    gains: tuple[float, ...]
    #: Candidates passed over because of a limit, and how many.
    left_out: Mapping[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.picks)


def greedy(
    objective: Objective,
    candidates: np.ndarray,
    n: int,
    *,
    given: np.ndarray | tuple[int, ...] = (),
    limits: Limits | None = None,
    tie_ranks: np.ndarray | None = None,
    is_lazy: bool | None = None,
) -> Selection:
    """Pick up to n candidates, each the best at its turn.

    Parameters
    ----------
    objective
        What to maximise.
    candidates
        Candidate numbers that may be picked.
    n
        How many to pick; fewer come back when candidates or budget run out.
    given
        Anchors that exist already (measured or pending).
    limits
        Must-include, costs, budget, group caps.
    tie_ranks
        Rank of every candidate number, shape (n_candidates,); of equal gains the lower rank wins.
    is_lazy
        Force (or forbid) lazy evaluation; by default what the objective allows.

    Returns
    -------
    Selection
        With a budget, the better of two runs: by gain, and by gain for its cost (Leskovec et al.
        2007).
    """
    limits = limits or Limits()
    candidates = np.unique(np.asarray(candidates, dtype=int))
    ranks = np.arange(candidates.max(initial=0) + 1) if tie_ranks is None else tie_ranks
    lazy = objective.is_submodular if is_lazy is None else is_lazy
    given = np.asarray(given, dtype=int)

    def run(by_cost: bool) -> Selection:
        chooser = _Chooser(objective.begin(given, candidates), candidates, limits, ranks, by_cost)
        return chooser.choose(n, lazy)

    if limits.costs is None or limits.budget is None:
        return run(by_cost=False)
    return max(run(by_cost=False), run(by_cost=True), key=lambda selection: sum(selection.gains))


class _Chooser:
    """The state of one greedy run."""

    def __init__(
        self,
        run: Run,
        candidates: np.ndarray,
        limits: Limits,
        ranks: np.ndarray,
        by_cost: bool,
    ) -> None:
        self.run = run
        self.limits = limits
        self.ranks = ranks
        self.by_cost = by_cost
        self.candidates = candidates
        self.open = candidates
        self.spent = 0.0
        self.in_group: Counter[int] = Counter()
        self.picks: list[int] = []
        self.gains: list[float] = []
        self.left_out: Counter[str] = Counter()

    def choose(self, n: int, lazy: bool) -> Selection:
        must = np.intersect1d(np.asarray(self.limits.first, dtype=int), self.candidates)
        self._fill(must, min(n, len(must)), lazy=False)
        self._fill(np.setdiff1d(self.candidates, must), n, lazy)
        return Selection(tuple(self.picks), tuple(self.gains), dict(self.left_out))

    def _fill(self, candidates: np.ndarray, n: int, lazy: bool) -> None:
        """Add picks from the candidates until there are n in all, or none is left."""
        step = self._lazy_pick if lazy else self._plain_pick
        self.open = candidates
        self.bounds: list[tuple[float, int, int, int]] | None = None
        while len(self.picks) < n:
            self._close()
            best = step() if self.open.size else None
            if best is None:
                return
            self._take(*best)

    def _close(self) -> None:
        """Leave out what the limits no longer allow."""
        limits, keep = self.limits, np.ones(self.open.size, dtype=bool)
        if limits.costs is not None and limits.budget is not None:
            keep = limits.costs[self.open] <= limits.budget - self.spent + 1e-9
            self.left_out["over budget"] += int((~keep).sum())
            self.open, keep = self.open[keep], keep[keep]
        if limits.groups is not None and limits.max_per_group is not None:
            full = [g for g, count in self.in_group.items() if count >= limits.max_per_group]
            keep = ~np.isin(limits.groups[self.open], full)
            self.left_out["group is full"] += int((~keep).sum())
            self.open = self.open[keep]

    def _utility(self, gains: np.ndarray, candidates: np.ndarray) -> np.ndarray:
        if self.by_cost and self.limits.costs is not None:
            return gains / self.limits.costs[candidates]
        return gains

    def _plain_pick(self) -> tuple[int, float]:
        gains = self.run.gains(self.open)
        utility = self._utility(gains, self.open)
        top = utility.max()
        tied = np.flatnonzero(utility >= top - TIE * abs(top))
        best = tied[np.argmin(self.ranks[self.open[tied]])]
        return int(self.open[best]), float(gains[best])

    def _lazy_pick(self) -> tuple[int, float] | None:
        """The same pick as `_plain_pick`, looking again only at candidates that can still win.

        The heap holds upper bounds. Fresh gains are collected until the next bound lies below the
        best of them by more than a tie.
        """
        turn = len(self.picks)
        is_open = np.zeros(len(self.ranks), dtype=bool)
        is_open[self.open] = True
        if self.bounds is None:
            gains = self.run.gains(self.open)
            utility = self._utility(gains, self.open)
            self.bounds = [
                (-u, int(self.ranks[c]), int(c), turn)
                for u, c in zip(utility, self.open, strict=True)
            ]
            heapq.heapify(self.bounds)
        fresh: list[tuple[float, int, int, int]] = []
        top = -np.inf
        while self.bounds and (not fresh or -self.bounds[0][0] >= top - TIE * abs(top)):
            bound = heapq.heappop(self.bounds)
            candidate = bound[2]
            if not is_open[candidate]:
                continue
            if bound[3] != turn:
                alone = np.array([candidate])
                now = float(self._utility(self.run.gains(alone), alone)[0])
                bound = (-now, bound[1], candidate, turn)
            fresh.append(bound)
            top = max(top, -bound[0])
        if not fresh:
            return None
        tied = [bound for bound in fresh if -bound[0] >= top - TIE * abs(top)]
        best = min(tied, key=lambda bound: bound[1])
        for bound in fresh:
            if bound is not best:
                heapq.heappush(self.bounds, bound)
        candidate = best[2]
        return candidate, float(self.run.gains(np.array([candidate]))[0])

    def _take(self, candidate: int, gain: float) -> None:
        self.run.add(candidate)
        self.picks.append(candidate)
        self.gains.append(gain)
        self.open = self.open[self.open != candidate]
        if self.limits.costs is not None:
            self.spent += float(self.limits.costs[candidate])
        if self.limits.groups is not None and self.limits.groups[candidate] >= 0:
            self.in_group[int(self.limits.groups[candidate])] += 1
