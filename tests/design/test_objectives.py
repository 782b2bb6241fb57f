"""Objectives: incremental gains against differences of the set function, written out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from mechpert_al.consensus import diffusion_kernel
from mechpert_al.design import objectives
from mechpert_al.design.objectives import Objective

N = 9


class Case(NamedTuple):
    """An objective and the worth of a set, recomputed from its definition."""

    objective: Objective
    worth: Callable[[Sequence[int]], float]


def a_kernel(random: np.random.Generator) -> np.ndarray:
    kernel = diffusion_kernel(random.random((N, N)) * (random.random((N, N)) < 0.4))
    size = random.uniform(0.5, 2, N)  # variances need not be 1
    return size[:, None] * kernel * size


def some_links(random: np.random.Generator) -> np.ndarray:
    """Symmetric, some beyond 0 and 1, with a diagonal that does not count."""
    links = np.round(random.uniform(-0.5, 1.5, (N, N)), 1) * (random.random((N, N)) < 0.5)
    return (links + links.T) / 2


def cleaned(links: np.ndarray) -> np.ndarray:
    links = np.clip(links, 0, 1)
    np.fill_diagonal(links, 1)
    return links


def explained(kernel: np.ndarray, noise: np.ndarray, anchors: Sequence[int]) -> np.ndarray:
    a = list(anchors)
    if not a:
        return np.zeros(N)
    block = np.linalg.inv(kernel[np.ix_(a, a)] + np.diag(noise[a]))
    return np.array([kernel[t, a] @ block @ kernel[a, t] for t in range(N)]) / np.diag(kernel)


def coverage(random: np.random.Generator, root: bool = False) -> Case:
    kernel, noise, values = a_kernel(random), random.uniform(0.5, 2, N), random.uniform(0, 2, N)
    kind = objectives.ExpectedCorrelation if root else objectives.ExpectedCoverage

    def worth(anchors: Sequence[int]) -> float:
        covered = explained(kernel, noise, anchors)
        return float(values @ (np.sqrt(covered) if root else covered))

    return Case(kind(kernel, noise, values), worth)


def correlation(random: np.random.Generator) -> Case:
    return coverage(random, root=True)


def averaged(random: np.random.Generator) -> Case:
    cases, weights = [coverage(random), facility(random)], random.uniform(0, 1, 2)

    def worth(anchors: Sequence[int]) -> float:
        return float(sum(w * one.worth(anchors) for w, one in zip(weights, cases, strict=True)))

    return Case(objectives.Averaged([one.objective for one in cases], weights.tolist()), worth)


def log_determinant(random: np.random.Generator) -> Case:
    kernel, noise = a_kernel(random), random.uniform(0.5, 2, N)

    def worth(anchors: Sequence[int]) -> float:
        a = list(anchors)
        matrix = np.eye(len(a)) + np.diag(1 / noise[a]) @ kernel[np.ix_(a, a)]
        return float(np.log(np.linalg.det(matrix))) if a else 0.0

    return Case(objectives.LogDeterminant(kernel, noise), worth)


def facility(random: np.random.Generator) -> Case:
    layers, values = [some_links(random) for _ in range(3)], random.uniform(0, 2, N)

    def worth(anchors: Sequence[int]) -> float:
        best = [
            np.mean([max((p[t, a] for a in anchors), default=0.0) for p in map(cleaned, layers)])
            for t in range(N)
        ]
        return float(values @ np.array(best))

    return Case(objectives.FacilityLocation([*map(sparse.csr_array, layers)], values), worth)


def probabilistic(random: np.random.Generator) -> Case:
    links, values = some_links(random), random.uniform(0, 2, N)

    def worth(anchors: Sequence[int]) -> float:
        missed = [np.prod([1 - cleaned(links)[t, a] for a in anchors]) for t in range(N)]
        return float(values @ (1 - np.array(missed)))

    return Case(objectives.ProbabilisticCoverage(sparse.csr_array(links), values), worth)


def modular(random: np.random.Generator) -> Case:
    scores = random.uniform(-1, 1, N)
    return Case(objectives.Modular(scores), lambda anchors: float(scores[list(anchors)].sum()))


CASES = [coverage, correlation, averaged, log_determinant, facility, probabilistic, modular]


@pytest.mark.parametrize("make", CASES)
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), order=st.permutations(range(N)), n_given=st.integers(0, 4))
def test_gains_are_differences_of_the_worth(
    make: Callable[[np.random.Generator], Case], seed: int, order: list[int], n_given: int
) -> None:
    case = make(np.random.default_rng(seed))
    anchors, candidates = order[:n_given], np.array(sorted(order[n_given:]))
    run = case.objective.begin(np.array(anchors, dtype=int), candidates)
    for pick in order[n_given:]:
        rest = np.array([c for c in candidates if c not in anchors][::-1])
        now = case.worth(anchors)
        expected = [case.worth([*anchors, c]) - now for c in rest]
        np.testing.assert_allclose(run.gains(rest), expected, atol=1e-9)
        run.add(pick)
        anchors = [*anchors, pick]


@pytest.mark.parametrize("make", CASES)
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), order=st.permutations(range(N)), sizes=st.tuples(
    st.integers(0, 4), st.integers(0, 4)))  # fmt: skip
def test_submodular_where_it_says_so(
    make: Callable[[np.random.Generator], Case],
    seed: int,
    order: list[int],
    sizes: tuple[int, int],
) -> None:
    case = make(np.random.default_rng(seed))
    if case.objective.is_submodular:
        small, large, new = order[: sizes[0]], order[: sum(sizes)], order[-1]
        early = case.worth([*small, new]) - case.worth(small)
        late = case.worth([*large, new]) - case.worth(large)
        assert early >= late - 1e-9


def test_which_objectives_are_submodular() -> None:
    random = np.random.default_rng(0)
    claims = {make.__name__: make(random).objective.is_submodular for make in CASES}
    assert claims == {
        "coverage": False,
        "correlation": False,
        "averaged": False,
        "log_determinant": True,
        "facility": True,
        "probabilistic": True,
        "modular": True,
    }
    assert not objectives.KCentre(np.eye(3)).is_submodular
    both = [facility(random).objective, probabilistic(random).objective]
    assert objectives.Averaged(both, [1, 1]).is_submodular


def test_expected_coverage_is_not_submodular() -> None:
    """Two anchors can tell together what neither tells alone: lazy greedy would be wrong."""
    kernel = np.array([[1.0, 0.7, 0.0], [0.7, 1.0, 0.7], [0.0, 0.7, 1.0]])  # 1 = 0 and 2 mixed
    noise = np.full(3, 1e-3)

    def worth(anchors: Sequence[int]) -> float:
        if not anchors:
            return 0.0
        a = list(anchors)
        inverse = np.linalg.inv(kernel[np.ix_(a, a)] + np.diag(noise[a]))
        return float(kernel[0, a] @ inverse @ kernel[a, 0])

    alone, after = worth([2]), worth([1, 2]) - worth([1])
    assert alone == 0
    assert after > 0.2
    run = objectives.ExpectedCoverage(kernel, noise, np.array([1.0, 0, 0])).begin(
        np.array([1]), np.array([0, 2])
    )
    assert run.gains(np.array([2]))[0] == pytest.approx(after)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), order=st.permutations(range(N)), n_given=st.integers(0, 4))
def test_k_centre_is_the_distance_to_the_nearest_anchor(
    seed: int, order: list[int], n_given: int
) -> None:
    random = np.random.default_rng(seed)
    points = random.normal(size=(N, 3))  # a kernel with coordinates: distances can be measured
    run = objectives.KCentre(points @ points.T).begin(
        np.array(order[:n_given], dtype=int), np.array(order[n_given:])
    )
    centres = points[order[:n_given]] if n_given else points.mean(axis=0, keepdims=True)
    for place, pick in enumerate(order[n_given:]):
        distances = np.linalg.norm(points[:, None] - centres, axis=2).min(axis=1)
        candidates = np.array(order[n_given + place :])
        np.testing.assert_allclose(run.gains(candidates), distances[candidates], atol=1e-6)
        run.add(pick)
        centres = points[order[: n_given + place + 1]]


def test_probabilities_of_one_are_maximum_coverage() -> None:
    near = np.array([[1, 1, 0, 0], [1, 1, 1, 0], [0, 1, 1, 0], [0, 0, 0, 1]])
    run = objectives.ProbabilisticCoverage(sparse.csr_array(near.astype(float))).begin(
        np.array([], dtype=int), np.arange(4)
    )
    np.testing.assert_array_equal(run.gains(np.arange(4)), [2, 3, 2, 1])
    run.add(0)
    np.testing.assert_array_equal(run.gains(np.arange(1, 4)), [1, 1, 1])


def test_only_the_candidates_need_room() -> None:
    """Targets outside the candidates count in full."""
    kernel = diffusion_kernel(np.random.default_rng(0).random((N, N)))
    whole = objectives.ExpectedCoverage(kernel).begin(np.array([0]), np.arange(1, N))
    part = objectives.ExpectedCoverage(kernel).begin(np.array([0]), np.array([3, 7]))
    np.testing.assert_allclose(
        part.gains(np.array([7, 3])), whole.gains(np.array([7, 3])), rtol=1e-12
    )
