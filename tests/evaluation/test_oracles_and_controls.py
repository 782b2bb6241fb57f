"""Oracles against refitting for every candidate; controls that keep all but the meaning."""

from __future__ import annotations

from dataclasses import replace

import networkx as nx
import numpy as np
import pytest
from scipy import sparse
from scipy.stats import pearsonr

from mechpert_al.consensus import ConsensusNetwork, Knowledge
from mechpert_al.design import DesignState, Selection, Strategy, build_strategy
from mechpert_al.effects import EffectTable
from mechpert_al.evaluation.controls import (
    PREFIX,
    PermutedFeedback,
    PermutedMeasurements,
    PermutedWiener,
    controls_of,
    permuted_panel,
    rewired,
)
from mechpert_al.evaluation.metrics import PRIMARY, Judge
from mechpert_al.evaluation.oracles import Oracle, OracleKernel, _OracleRun
from mechpert_al.evaluation.protocol import make_protocol
from mechpert_al.evaluation.screen import Screen, Split, splits
from mechpert_al.prediction.catalogue import build_predictor
from mechpert_al.prediction.co_kriging import CoKrigingRegressor
from mechpert_al.prediction.kriging import KrigingRegressor
from mechpert_al.testing import ToyScreen, toy_screen


@pytest.fixture(scope="module")
def world() -> ToyScreen:
    return toy_screen(seed=4)


def judge_of(world: ToyScreen, missing: float = 0.0, seed: int = 1) -> tuple[Screen, Split]:
    values = np.array(world.effects.values)
    values[np.random.default_rng(0).random(values.shape) < missing] = np.nan
    effects = EffectTable(world.genes, world.effects.readouts, values)
    screen = Screen.of("toy", effects, world.genes)
    return screen, next(splits(screen, 1, 0.4, seed))


# ---------------------------------------------------------------------- the oracle
def refitted(kernel: np.ndarray, screen: Screen, split: Split, anchors: list[int]) -> float:
    """Mean test score of kriging, solved anew, all profiles centred on the pool's mean."""
    pool = screen.profiles[screen.row_of[split.pool]]
    centre = np.nanmean(pool, axis=0)
    centred = np.nan_to_num(screen.profiles - centre)
    unit = centred / np.linalg.norm(centred, axis=1, keepdims=True)
    norms = np.linalg.norm(centred[screen.row_of[split.pool]], axis=1)
    v = norms.var() / norms.mean() ** 2
    unit = unit - v / (v + 0.1) * unit[screen.row_of[split.pool]].mean(axis=0)
    here = unit[screen.row_of[anchors]]
    r, eye = here @ here.T, np.eye(len(anchors))
    prior = np.linalg.inv(kernel[np.ix_(anchors, anchors)] + eye)
    smoother = prior @ r @ np.linalg.inv(r + 2 * eye)
    scores = []
    for target in split.test:
        predicted = kernel[target, anchors] @ smoother @ here
        truth = centred[screen.row_of[target]]
        if not predicted.any():
            scores.append(0.0)
        elif screen.is_complete:
            scores.append(float(pearsonr(predicted, truth)[0]))
        else:  # where values are missing the level over readouts is left as it is
            size = np.linalg.norm(predicted) * np.linalg.norm(truth)
            scores.append(float(predicted @ truth / size))
    return float(np.mean(scores))


@pytest.mark.parametrize("missing", [0.0, 0.3])
@pytest.mark.parametrize("n_anchors", [0, 1, 2, 6])
def test_gains_of_the_oracle_are_those_of_a_refit(
    world: ToyScreen, n_anchors: int, missing: float
) -> None:
    screen, split = judge_of(world, missing)
    kernel = world.knowledge.kernel
    anchors = split.pool[:n_anchors].tolist()
    candidates = split.pool[n_anchors:]
    run = _OracleRun(kernel, screen, split).begin(np.array([], dtype=int), split.pool)
    for anchor in anchors:
        run.add(anchor)
    expected = [refitted(kernel, screen, split, [*anchors, int(c)]) for c in candidates]
    np.testing.assert_allclose(run.gains(candidates), expected, atol=1e-10)


def test_the_oracle_is_greedy_on_them(world: ToyScreen) -> None:
    screen, split = judge_of(world)
    kernel = world.knowledge.kernel
    state = DesignState(world.knowledge, split.pool)
    picks = list(Oracle(screen, split).select(state, 4).picks)
    for turn in range(4):
        scores = {
            int(c): refitted(kernel, screen, split, [*picks[:turn], int(c)])
            for c in split.pool
            if c not in picks[:turn]
        }
        assert scores[picks[turn]] == pytest.approx(max(scores.values()))
    assert len(Oracle(screen, split).select(state, 10_000).picks) == len(split.pool)


def test_oracles_see_what_designs_do_not() -> None:
    """On the judge's own terms the oracle is ahead of every design, over a few worlds."""
    gains = []
    for seed in range(4):
        world = toy_screen(seed=seed)
        screen, split = judge_of(world, seed=seed)
        judge, state = Judge(screen, split), DesignState(world.knowledge, split.pool)
        means = [
            np.nanmean(
                judge.score(
                    [
                        judge.predict(
                            build_predictor("kriging", world.knowledge),
                            np.array(strategy.select(state, 6).picks),
                        )
                    ]
                )[0][PRIMARY]
            )
            for strategy in (
                Oracle(screen, split),
                build_strategy("expected_coverage"),
                build_strategy("random"),
            )
        ]
        gains.append([means[0] - means[1], means[0] - means[2]])
    assert (np.mean(gains, axis=0) > 0.02).all()


def test_the_oracle_kernel_is_coverage_of_the_true_correlations(world: ToyScreen) -> None:
    screen, split = judge_of(world)
    profiles = screen.profiles - screen.profiles[screen.row_of[split.pool]].mean(axis=0)
    unit = profiles / np.linalg.norm(profiles, axis=1, keepdims=True)
    kernel = unit @ unit.T
    state = DesignState(world.knowledge, split.pool)
    picks = list(OracleKernel(screen, split).select(state, 4).picks)
    for turn in range(4):

        def covered(anchors: list[int]) -> float:
            block = np.linalg.inv(kernel[np.ix_(anchors, anchors)] + np.eye(len(anchors)))
            return float(np.einsum("ta,ab,tb->", kernel[:, anchors], block, kernel[:, anchors]))

        scores = {int(c): covered([*picks[:turn], int(c)]) for c in split.pool}
        assert scores[picks[turn]] == pytest.approx(max(scores.values()))


# ---------------------------------------------------------------------- controls
def degrees(network: ConsensusNetwork) -> np.ndarray:
    links = network.symmetric.maximum(0).toarray()
    return np.asarray((links > 0).sum(axis=1))


@pytest.mark.parametrize("seed", range(4))
def test_rewiring_keeps_degrees_and_strengths(world: ToyScreen, seed: int) -> None:
    known = world.knowledge
    spoiled = rewired(known, seed)
    np.testing.assert_array_equal(degrees(spoiled.consensus), degrees(known.consensus))
    before, after = (
        np.triu(k.consensus.symmetric.maximum(0).toarray(), 1) for k in (known, spoiled)
    )
    np.testing.assert_allclose(np.sort(before[before > 0]), np.sort(after[after > 0]))
    kept = ((before > 0) & (after > 0)).sum() / (before > 0).sum()
    assert kept < 0.5  # most links lead elsewhere
    assert spoiled.consensus.content_hash == rewired(known, seed).consensus.content_hash
    assert spoiled.consensus.content_hash != rewired(known, seed + 1).consensus.content_hash
    assert spoiled.prior is known.prior


@pytest.mark.parametrize(
    "graph",
    [nx.empty_graph(5), nx.path_graph(2), nx.path_graph(3), nx.star_graph(6), nx.complete_graph(5)],
)
def test_what_cannot_be_rewired_stays(graph: nx.Graph) -> None:
    genes = tuple(f"G{i}" for i in graph)
    layer = sparse.csr_array(nx.to_numpy_array(graph) * 0.5)
    everyone = np.ones(len(genes), dtype=bool)
    known = Knowledge(ConsensusNetwork(genes, {"one": layer}, {"one": everyone}))
    spoiled = rewired(known, 0).consensus
    np.testing.assert_array_equal(degrees(spoiled), degrees(known.consensus))
    np.testing.assert_array_equal(spoiled.symmetric.toarray(), known.consensus.symmetric.toarray())


@pytest.mark.parametrize("seed", range(3))
def test_permuting_names_keeps_the_spectrum(world: ToyScreen, seed: int) -> None:
    known = world.knowledge
    spoiled = permuted_panel(known, seed)
    for part in ("kernel", "similarity"):
        one, other = (
            k.kernel if part == "kernel" else k.consensus.symmetric.toarray()
            for k in (known, spoiled)
        )
        np.testing.assert_allclose(np.linalg.eigvalsh(one), np.linalg.eigvalsh(other), atol=1e-9)
        assert not np.allclose(one, other)


def test_permuted_measured_correlations(world: ToyScreen) -> None:
    anchors = np.arange(0, 30, 2)
    real = KrigingRegressor(world.knowledge.kernel).fit(anchors[:, None], world.profiles[anchors])
    wrong = PermutedWiener(world.knowledge.kernel, 3).fit(anchors[:, None], world.profiles[anchors])
    assert real.correlation_ is not None
    assert wrong.correlation_ is not None
    assert not np.allclose(real.correlation_, wrong.correlation_)
    np.testing.assert_allclose(
        np.linalg.eigvalsh(real.correlation_), np.linalg.eigvalsh(wrong.correlation_), atol=1e-9
    )
    np.testing.assert_array_equal(real.unit_, wrong.unit_)  # profiles keep their names


def test_permuted_feedback(world: ToyScreen) -> None:
    anchors = np.arange(0, 30, 2)
    wrong = PermutedFeedback(world.knowledge.kernel, 3)
    wrong.fit(anchors[:, None], world.profiles[anchors])
    told = wrong.deviations_ + wrong.centre_
    np.testing.assert_allclose(
        np.sort(told, axis=0), np.sort(world.profiles[anchors], axis=0), atol=1e-12
    )
    assert (np.abs(told - world.profiles[anchors]).max(axis=1) > 1e-3).mean() > 0.5
    np.testing.assert_array_equal(wrong.anchors_, anchors)


def test_permuted_measurements_reach_the_strategy(world: ToyScreen) -> None:
    """The strategy sees every measured profile once, under another name, anew in each round."""
    seen: list[np.ndarray] = []

    class Watching(Strategy):
        name = "watching"

        def select(self, state: DesignState, n: int) -> Selection:
            assert state.profiles is not None
            seen.append(state.profiles)
            return Selection(tuple(state.allowed[:n].tolist()), (0.0,) * n)

    measured = np.arange(0, 20, 2)
    state = DesignState(
        world.knowledge, np.arange(1, 20, 2), measured, world.profiles[measured], seed=4
    )
    control = PermutedMeasurements(Watching(), 4)
    assert control.select(state, 2).picks == (1, 3)
    control.select(replace(state, round=2), 2)
    for told in seen:
        np.testing.assert_array_equal(
            np.sort(told, axis=0), np.sort(world.profiles[measured], axis=0)
        )
        assert (np.abs(told - world.profiles[measured]).max(axis=1) > 1e-3).mean() > 0.5
    assert not np.array_equal(*seen)


def test_the_list_of_controls(world: ToyScreen) -> None:
    known = world.knowledge
    protocol, _ = make_protocol(known, controls=True)
    _, split = judge_of(world)
    found = controls_of(protocol, known, split)
    listed = {(c.strategy_name, c.predictor_name) for c in found}
    assert len(listed) == len(found)
    default = (protocol.default_strategy, protocol.default_predictor)
    for name in ("permuted_panel", "rewired"):
        assert (PREFIX + name, default[1]) in listed
        assert (default[0], PREFIX + name) in listed
    for name in ("permuted_measured", "without_measured", "permuted_feedback", "reversed"):
        assert (default[0], PREFIX + name) in listed
    for control in found:  # as a design the predictor is real, as a predictor the design is
        spoiled = control.knowledge is not known
        assert spoiled == control.strategy_name.startswith(PREFIX)
        assert spoiled != control.predictor_name.startswith(PREFIX)
    other = replace(split, number=split.number + 1)
    one, two = (controls_of(protocol, known, s)[0].knowledge.consensus for s in (split, other))
    assert one.content_hash != two.content_hash  # each split has a permutation of its own


def test_controls_where_another_line_is_known(world: ToyScreen) -> None:
    """Its profiles under wrong names; and the panel's own controls run without it."""
    known = world.knowledge.with_other_line(world.other_line)
    known = known.on_readouts(world.effects.readouts)
    protocol, _ = make_protocol(known, controls=True)
    assert protocol.default_predictor == "co_kriging"
    assert protocol.predictors == ("co_kriging", "kriging", "neighbours", "similarity_co_kriging")
    _, split = judge_of(world)
    found = {(c.strategy_name, c.predictor_name): c for c in controls_of(protocol, known, split)}
    design = protocol.default_strategy
    wrong = found[design, PREFIX + "permuted_other_line"].predictor
    assert isinstance(wrong, CoKrigingRegressor)
    assert wrong.line is not None
    assert known.line is not None
    assert wrong.line.unit is known.line.unit
    assert (wrong.line.numbers != known.line.numbers).any()
    assert not np.array_equal(wrong.kernel, known.kernel)
    alone = found[design, PREFIX + "without_other_line"].predictor
    assert isinstance(alone, KrigingRegressor)
    np.testing.assert_array_equal(alone.kernel, world.knowledge.kernel)
    for name in ("permuted_panel", "rewired"):
        assert found[PREFIX + name, "co_kriging"].knowledge.other_line is None
        assert found[design, PREFIX + name].predictor.line is None


def test_without_another_line_nothing_of_it_is_compared(world: ToyScreen) -> None:
    protocol, _ = make_protocol(world.knowledge, controls=True)
    assert protocol.default_predictor == "kriging"
    _, split = judge_of(world)
    names = {c.predictor_name for c in controls_of(protocol, world.knowledge, split)}
    assert not [name for name in names if "other_line" in name or "co_kriging" in name]
