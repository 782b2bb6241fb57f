"""The comparison grid: complete, repeatable, loud when a cell fails."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mechpert_al.design import DesignState, Selection, Strategy
from mechpert_al.design.objectives import Modular, Objective
from mechpert_al.design.strategies import Random
from mechpert_al.effects import EffectTable
from mechpert_al.errors import UsageError
from mechpert_al.evaluation import compare, grid, simulate, split_scores
from mechpert_al.evaluation.comparison import Comparison
from mechpert_al.evaluation.grid import run_grid
from mechpert_al.evaluation.metrics import METRICS, PRIMARY, Judge
from mechpert_al.evaluation.protocol import Protocol, make_protocol
from mechpert_al.evaluation.screen import Screen, splits
from mechpert_al.evaluation.split_scores import Cell
from mechpert_al.prediction.base import ProfileRegressor
from mechpert_al.prediction.catalogue import PredictorMethod, build_predictor
from mechpert_al.testing import ToyScreen, toy_screen

QUICK: dict[str, Any] = {"budgets": (4, 8), "n_splits": 2, "random_draws": 3}


@pytest.fixture(scope="module")
def world() -> ToyScreen:
    return toy_screen()


@pytest.fixture(scope="module")
def screen(world: ToyScreen) -> Screen:
    return Screen.of("toy", world.effects, world.genes)


def numbers(comparison: Comparison) -> dict[Any, Any]:
    """Every number of the summary by its cell."""
    keys = ("dataset", "strategy", "predictor", "budget", "rounds", "metric")
    return {
        tuple(row[key] for key in keys): {k: v for k, v in row.items() if k not in keys}
        for row in comparison.summary
    }


def assert_close(one: Any, other: Any, **tolerance: Any) -> None:
    """Nested numbers are equal up to rounding."""
    if isinstance(one, dict):
        assert one.keys() == other.keys()
        for key in one:
            assert_close(one[key], other[key], **tolerance)
    elif isinstance(one, float):
        assert other == pytest.approx(one, nan_ok=True, **tolerance)
    else:
        assert one == other


# ---------------------------------------------------------------------- what is in it
def test_every_cell_is_there(screen: Screen, world: ToyScreen) -> None:
    known = world.knowledge
    protocol, notices = make_protocol(
        known, ("degree_prior", "typiclust"), ("kriging", "mean"), rounds=2, **QUICK
    )
    assert notices == []
    results = run_grid([screen], known, protocol)
    assert len(results) == 2 * 2  # random and designs apart, for each split
    found = {(cell, one.split.number) for one in results for cell in one.scores}
    expected = {
        (Cell("toy", strategy, predictor, budget, rounds), split)
        for strategy in ("random", "degree_prior", "typiclust", "oracle", "oracle_kernel")
        for predictor in ("kriging", "mean")
        for budget in (4, 8)
        for rounds in ((1, 2) if strategy in ("degree_prior", "typiclust") else (1,))
        for split in range(2)
    }
    assert found == expected
    for one in results:
        for scores in one.scores.values():
            assert set(scores) == set(METRICS)
            assert all(len(values) == len(one.split.test) for values in scores.values())


def test_the_oracle_stops_at_its_budget_and_rounds_need_a_gene_each(
    screen: Screen, world: ToyScreen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(split_scores, "ORACLE_BUDGET", 4)
    known = world.knowledge
    for rounds, in_rounds in ((4, {4, 8}), (5, {8})):
        protocol, _ = make_protocol(known, ("degree_prior",), ("mean",), rounds=rounds, **QUICK)
        found = {cell for one in run_grid([screen], known, protocol) for cell in one.scores}
        assert {cell.budget for cell in found if cell.strategy == "oracle"} == {4}
        assert {cell.budget for cell in found if cell.strategy == "oracle_kernel"} == {4, 8}
        assert {cell.budget for cell in found if cell.rounds == rounds} == in_rounds


def test_cells_by_hand(screen: Screen, world: ToyScreen) -> None:
    """A design cell and a random cell, computed outside the grid."""
    known = world.knowledge
    protocol, _ = make_protocol(known, ("expected_coverage",), ("kriging",), seed=5, **QUICK)
    results = run_grid([screen], known, protocol)
    for split in splits(screen, 2, 0.4, 5):
        judge = Judge(screen, split)
        state = DesignState(known, split.pool, seed=5 * 1_000_003 + split.number)
        model = build_predictor("kriging", known)
        draws = []
        for draw in range(3):
            anchors = np.array(Random(draw).select(state, 8).picks)
            draws.append(judge.score([judge.predict(model, anchors)])[0])
        (random,) = (
            one for one in results if one.split.number == split.number and one.random_means
        )
        cell = Cell("toy", "random", "kriging", 8)
        for metric in ("pearson_centred", "mse_ratio"):
            values = np.array([one[metric] for one in draws])
            np.testing.assert_allclose(random.scores[cell][metric], values.mean(axis=0))
            np.testing.assert_allclose(random.random_means[cell][metric], values.mean(axis=1))
        links = known.consensus.symmetric.toarray()[split.test]
        assert random.scores[cell]["supported_fraction"] == pytest.approx(
            np.mean(
                [
                    (links[:, list(Random(draw).select(state, 8).picks)] > 0).any(axis=1)
                    for draw in range(3)
                ],
                axis=0,
            )
        )


# ---------------------------------------------------------------------- repeatability
def test_numbers_do_not_depend_on_processes(world: ToyScreen) -> None:
    options: dict[str, Any] = {
        "strategies": ["expected_coverage", "typiclust", "degree_consensus"],
        "predictors": ["kriging"],
        "rounds": 2,
        **QUICK,
    }
    one = compare(world.effects, world.knowledge, n_jobs=1, **options)
    two = compare(world.effects, world.knowledge, n_jobs=2, **options)
    assert one.as_document() == two.as_document()


def test_numbers_do_not_depend_on_the_order_of_rows(world: ToyScreen) -> None:
    options: dict[str, Any] = {"strategies": ["expected_coverage", "typiclust"], **QUICK}
    one = compare(world.effects, world.knowledge, controls=True, **options)
    random = np.random.default_rng(0)
    moved = world.reordered(random.permutation(33))
    table = moved.effects.take(random.permutation(moved.genes))
    two = compare(table, moved.knowledge, controls=True, **options)
    one_by_cell, two_by_cell = numbers(one), numbers(two)
    assert one_by_cell.keys() == two_by_cell.keys()
    for cell, row in one_by_cell.items():
        assert_close(row, two_by_cell[cell], abs=1e-9)
    for row, other in zip(one.controls, two.controls, strict=True):
        assert_close(dict(row), dict(other), abs=1e-9)


def test_simulations_do_not_depend_on_the_order_of_rows(world: ToyScreen) -> None:
    options: dict[str, Any] = {"batch": 3, "rounds": 3, "n_splits": 2, "random_draws": 3}
    one = simulate(world.effects, world.knowledge, **options)
    moved = world.reordered(np.random.default_rng(1).permutation(33))
    two = simulate(moved.effects, moved.knowledge, **options)
    assert [row["genes"] for row in one.batches] == [row["genes"] for row in two.batches]
    for row, other in zip(one.rounds, two.rounds, strict=True):
        assert_close(row, other, abs=1e-9)


def test_progress_is_told(screen: Screen, world: ToyScreen) -> None:
    protocol, _ = make_protocol(world.knowledge, (), ("mean",), **QUICK)
    told: list[tuple[str, int, int]] = []
    run_grid([screen], world.knowledge, protocol, progress=lambda *what: told.append(what))
    assert [(done, of) for _, done, of in told] == [(i, 4) for i in (1, 2, 3, 4)]
    assert told[0][0] == "toy, split 1"


# ---------------------------------------------------------------------- failures
class Failing(Strategy):
    """Breaks when asked for more than four."""

    name = "failing"
    group = "consensus"
    is_nested = False

    def select(self, state: DesignState, n: int) -> Selection:
        if n > 4:
            raise ZeroDivisionError("broken strategy")
        return Selection(tuple(state.allowed[:n].tolist()), (0.0,) * n)


class FailingObjective(Strategy):
    name = "failing"

    def objective(self, state: DesignState) -> Objective:
        raise ZeroDivisionError("broken objective")


class TooFew(Strategy):
    name = "failing"

    def select(self, state: DesignState, n: int) -> Selection:
        return Selection(tuple(state.allowed[:3].tolist()), (0.0,) * 3)


class Cheating(Strategy):
    """Picks a test gene."""

    name = "failing"

    def objective(self, state: DesignState) -> Objective:
        return Modular(np.zeros(state.knowledge.n_genes))

    def select(self, state: DesignState, n: int) -> Selection:
        rest = np.setdiff1d(np.arange(state.knowledge.n_genes), state.allowed)
        return Selection(tuple(rest[:n].tolist()), (0.0,) * n)


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Puts a strategy in the place of ``failing``."""

    def install(strategy: type[Strategy]) -> None:
        real = grid.build_strategy

        def build(name: str) -> Strategy:
            return strategy() if name == "failing" else real(name)

        for module in (grid, split_scores):
            monkeypatch.setattr(module, "build_strategy", build)

    return install


def run_failing(screen: Screen, world: ToyScreen, **more: Any) -> Any:
    protocol = Protocol(
        ("random", "degree_prior", "failing", "oracle", "oracle_kernel"),
        ("mean",),
        **QUICK,
        **more,
    )
    return run_grid([screen], world.knowledge, protocol)


@pytest.mark.parametrize(
    ("strategy", "error", "place"),
    [
        (Failing, ZeroDivisionError, "toy, strategy failing, N = 8, split 1"),
        (FailingObjective, ZeroDivisionError, "toy, strategy failing"),
        (TooFew, ValueError, "toy, strategy failing, N = 4, split 1"),
        (Cheating, ValueError, "toy, strategy failing, predictor mean, N = 4, split 1"),
    ],
)
def test_a_failing_strategy_stops_the_grid_and_is_named(
    screen: Screen,
    world: ToyScreen,
    installed: Any,
    strategy: type[Strategy],
    error: type[Exception],
    place: str,
) -> None:
    installed(strategy)
    with pytest.raises(error) as caught:
        run_failing(screen, world)
    assert any(place in note for note in caught.value.__notes__)


def test_a_strategy_that_fails_in_rounds_is_named(
    screen: Screen, world: ToyScreen, installed: Any
) -> None:
    class FailingLater(Strategy):
        name = "failing"
        learns = True

        def select(self, state: DesignState, n: int) -> Selection:
            if state.round > 1:
                raise ZeroDivisionError("broken in round 2")
            return Selection(tuple(state.allowed[:n].tolist()), (0.0,) * n)

    installed(FailingLater)
    with pytest.raises(ZeroDivisionError) as caught:
        run_failing(screen, world, rounds=2)
    assert any("strategy failing" in note for note in caught.value.__notes__)


def test_a_failing_predictor_is_named(
    screen: Screen, world: ToyScreen, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken(ProfileRegressor):
        def _deviation(self, targets: np.ndarray) -> np.ndarray:
            raise FloatingPointError("broken predictor")

    monkeypatch.setattr(split_scores, "build_predictor", lambda name, known: Broken())
    protocol, _ = make_protocol(world.knowledge, ("degree_prior",), ("mean",), **QUICK)
    with pytest.raises(FloatingPointError) as caught:
        run_grid([screen], world.knowledge, protocol)
    assert any("predictor mean" in note for note in caught.value.__notes__)


def test_a_strategy_without_an_objective_is_welcome(
    screen: Screen, world: ToyScreen, installed: Any
) -> None:
    class Choosing(Strategy):
        name = "failing"

        def select(self, state: DesignState, n: int) -> Selection:
            return Selection(tuple(state.allowed[:n].tolist()), (0.0,) * n)

    installed(Choosing)
    assert len(run_failing(screen, world)) == 4


# ---------------------------------------------------------------------- protocol
@pytest.mark.parametrize(
    "wrong",
    [
        {"budgets": ()},
        {"budgets": (0, 5)},
        {"n_splits": 0},
        {"test_fraction": 0.0},
        {"test_fraction": 1.0},
        {"test_fraction": float("nan")},
        {"random_draws": 0},
        {"rounds": 0},
    ],
)
def test_settings_that_make_no_sense(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=next(iter(wrong)).removeprefix("n_")):
        Protocol(("random",), **wrong)


def test_budgets_are_sorted_and_the_stated_one_is_the_nearest_to_fifty() -> None:
    assert Protocol(("random",), budgets=(200, 10, 10)).budgets == (10, 200)
    assert Protocol(("random",)).stated_budget == 50
    assert Protocol(("random",), budgets=(10, 40, 60)).stated_budget == 40
    assert Protocol(("random",), budgets=(4, 8)).stated_budget == 8


def test_what_cannot_run_is_left_out_or_refused(world: ToyScreen) -> None:
    from dataclasses import replace

    bare = replace(world.knowledge, prior=None, similarity=None)
    protocol, notices = make_protocol(bare)
    assert not any("prior" in name or "similarity" in name for name in protocol.strategies)
    assert "degree_prior" in notices[0]
    assert "similarity_kriging" in notices[1]
    with pytest.raises(UsageError, match="degree_prior needs: prior"):
        make_protocol(bare, ("degree_prior",))
    with pytest.raises(UsageError, match="ridge needs: features"):
        make_protocol(bare, (), ("ridge",))
    told = replace(bare, features=np.random.default_rng(0).normal(size=(33, 4)))
    assert make_protocol(told, (), ("ridge",))[0].predictors == ("ridge",)
    with pytest.raises(UsageError, match="unknown strategy"):
        make_protocol(bare, ("no_such",))


def test_random_and_oracles_are_always_there(world: ToyScreen) -> None:
    protocol, _ = make_protocol(world.knowledge, ("random", "oracle", "degree_prior"))
    assert protocol.strategies == ("random", "degree_prior", "oracle", "oracle_kernel")
    assert protocol.designs == ("degree_prior",)


def test_controls_bring_what_they_are_held_against(world: ToyScreen) -> None:
    result = compare(
        world.effects,
        world.knowledge,
        strategies=["degree_prior"],
        predictors=["mean"],
        controls=True,
        **QUICK,
    )
    assert any("added for the controls: expected_coverage, kriging" in n for n in result.notices)
    assert {row["control"] for row in result.controls} >= {
        "control:permuted_panel", "control:rewired", "control:permuted_measured",
        "control:permuted_feedback",
    }  # fmt: skip


def test_a_strategy_that_learns_is_also_told_permuted_measurements(world: ToyScreen) -> None:
    """In rounds, as a design, held against the same strategy in one shot."""
    result = compare(
        world.effects,
        world.knowledge,
        strategies=["adaptive_coverage", "degree_prior"],
        predictors=["kriging"],
        controls=True,
        rounds=2,
        **QUICK,
    )
    (row,) = [row for row in result.controls if "permuted_feedback:" in row["control"]]
    assert row["control"] == "control:permuted_feedback:adaptive_coverage"
    assert row["as"] == "design"
    budget = result.protocol["stated_budget"]
    wanted = {"strategy": "adaptive_coverage", "predictor": "kriging", "metric": PRIMARY}
    (one_shot,) = result.rows(**wanted, budget=budget, rounds=1)
    assert row["against"] == one_shot["mean"]
    assert row["difference"]["value"] == pytest.approx(one_shot["mean"] - row["value"])
    assert row["fails_as_it_must"] == (row["difference"]["high"] >= 0)


# ---------------------------------------------------------------------- the calls
def test_impossible_budgets(world: ToyScreen) -> None:
    with pytest.raises(UsageError, match="a budget of 30 needs more genes than the 20"):
        compare(world.effects, world.knowledge, budgets=(30,), n_splits=1)
    result = compare(
        world.effects,
        world.knowledge,
        strategies=[],
        predictors=["mean"],
        budgets=(8, 30),
        n_splits=1,
        random_draws=2,
    )
    assert {row["budget"] for row in result.summary} == {8}
    assert any(
        "budgets above the 20 genes of the pool were left out: 30" in n for n in result.notices
    )


def mostly_unknown(world: ToyScreen, missing: float = 0.75) -> EffectTable:
    values = np.array(world.effects.values)
    values[np.random.default_rng(0).random(values.shape) < missing] = np.nan
    values[4, 5:] = np.nan
    return EffectTable(world.genes, world.effects.readouts, values)


def test_mostly_unknown_effects_run_and_are_counted() -> None:
    world = toy_screen(n_readouts=120)
    effects = mostly_unknown(world)
    result = compare(effects, world.knowledge, predictors=["kriging", "mean"], **QUICK)
    (mean,) = result.rows(
        strategy="expected_coverage", predictor="mean", budget=8, metric="pearson_centred"
    )
    assert mean["mean"] == 0
    assert any("Wiener step was left out" in notice for notice in result.notices)
    unscored = [notice for notice in result.notices if "could not be scored" in notice]
    known = (~np.isnan(effects.values)).sum(axis=1)
    screen = Screen.of("effects", effects, world.genes)
    tested = [t for split in splits(screen, 2, 0.4, 0) for t in split.test]
    few = sum(known[t] < 20 for t in tested)
    assert f"{few} of {len(tested)} tests of a target" in unscored[0]
    assert mean["n"] == len(tested) - few


def test_simulations_of_mostly_unknown_effects() -> None:
    """What cannot be scored is left out of the means without a warning (which is an error here)."""
    world = toy_screen(n_readouts=120)
    result = simulate(
        mostly_unknown(world), world.knowledge, batch=4, rounds=2, n_splits=2, random_draws=3
    )
    assert [row["n_anchors"] for row in result.rounds] == [4, 8]
    assert all(np.isfinite(row["score"]) for row in result.rounds)
    assert any("Wiener step was left out" in notice for notice in result.notices)


@pytest.mark.parametrize("strategy", ["expected_coverage", "facility_location"])
def test_rounds_of_a_simulation_are_cells_of_the_comparison(
    world: ToyScreen, strategy: str
) -> None:
    """Same splits, same seeds: a design that does not learn scores the same in rounds."""
    options: dict[str, Any] = {"n_splits": 3, "random_draws": 4, "seed": 2}
    rounds = simulate(
        world.effects, world.knowledge, strategy=strategy, batch=4, rounds=2, **options
    )
    grid = compare(
        world.effects,
        world.knowledge,
        strategies=[strategy],
        predictors=["kriging"],
        budgets=(4, 8),
        **options,
    )
    for row in rounds.rounds:
        wanted = {"budget": row["n_anchors"], "metric": "pearson_centred"}
        (cell,) = grid.rows(strategy=strategy, **wanted)
        (random,) = grid.rows(strategy="random", **wanted)
        assert row["score"] == pytest.approx(cell["mean"])
        assert (row["low"], row["high"]) == pytest.approx((cell["low"], cell["high"]))
        assert row["random"] == pytest.approx(random["mean"])
        assert row["gain_low"] == pytest.approx(cell["gain_over_random"]["low"])
        assert row["random_percentile"] == pytest.approx(cell["random_percentile"])
        assert row["n"] == cell["n"]


def test_simulations_mind_constraints(world: ToyScreen) -> None:
    from mechpert_al.design import Constraints

    genes = world.genes
    excluded = frozenset(genes[i] for i in range(0, 33, 3))
    costs = {gene: 1.0 + i % 2 for i, gene in enumerate(genes)}
    constraints = Constraints((genes[7],), excluded, costs=costs, budget=5.0)
    result = simulate(
        world.effects,
        world.knowledge,
        batch=4,
        rounds=2,
        n_splits=3,
        random_draws=2,
        constraints=constraints,
    )
    for row in result.batches:
        assert not set(row["genes"]) & excluded
        assert sum(costs[gene] for gene in row["genes"]) <= 5
    screen = Screen.of("effects", world.effects, genes)
    for split in splits(screen, 3, 0.4, 0):
        (first,) = (
            row for row in result.batches if row["split"] == split.number and row["round"] == 1
        )
        if 7 in split.pool:
            assert first["genes"][0] == genes[7]
        else:
            said = f"split {split.number + 1}: 1 genes to include are not in its pool"
            assert any(said in notice for notice in result.notices)
    with pytest.raises(UsageError, match="contradict"):
        simulate(world.effects, world.knowledge, constraints=Constraints(("NOBODY",)))


def test_predictor_methods_are_metadata_and_a_function() -> None:
    from mechpert_al.prediction.catalogue import predictor_method, predictor_names

    for name in predictor_names():
        method = predictor_method(name)
        assert isinstance(method, PredictorMethod)
        assert method.name == name
        assert method.summary
