"""Planning a batch: who may be proposed, and whether the reasons are true."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from mechpert_al.agents import Agent, Hypothesis, Panel
from mechpert_al.consensus import coverage
from mechpert_al.design import Constraints, Pick, build_strategy, plan, strategy_names
from mechpert_al.effects import EffectTable
from mechpert_al.errors import NothingLeftError, SymbolError, UsageError
from mechpert_al.evaluation import compare
from mechpert_al.networks import PriorNetwork
from mechpert_al.prediction import predict
from mechpert_al.testing import ToyScreen, toy_screen


@pytest.fixture(scope="module")
def world() -> ToyScreen:
    return toy_screen(seed=2)


def test_coverage_and_newly_covered_are_recomputed(world: ToyScreen) -> None:
    known, place = world.knowledge, {gene: i for i, gene in enumerate(world.genes)}
    measured, pending = world.genes[:3], world.genes[3:5]
    batch = plan(known, 6, effects=world.effects.take(measured), pending=pending)
    anchors = list(range(5))
    before = coverage(known.kernel, np.array(anchors))
    assert batch.coverage_before == pytest.approx(before.mean())
    for rank, pick in enumerate(batch, start=1):
        anchors.append(place[pick.gene])
        after = coverage(known.kernel, np.array(anchors))
        assert pick.rank == rank
        assert pick.utility == pytest.approx(after.sum() - before.sum())
        assert pick.coverage_after == pytest.approx(after.mean())
        crossed = {
            gene for gene, i in place.items() if before[i] < 0.1 <= after[i] and i not in anchors
        }
        assert set(pick.newly_covered) == crossed
        cover = [after[place[gene]] for gene in pick.newly_covered]
        assert cover == sorted(cover, reverse=True)
        before = after


def test_agents_and_mechanisms_are_those_of_the_panel(world: ToyScreen) -> None:
    named = {
        (agent, frozenset((h.target, h.regulator)))
        for h in world.panel.hypotheses
        for agent in [h.agent]
    }
    batch = plan(world.panel, 8)
    assert any(pick.agents for pick in batch)
    for pick in batch:
        for agent in pick.agents:
            assert agent in ("alpha", "beta")
            assert any((agent, frozenset((pick.gene, other))) in named for other in world.genes)
        for gene in pick.newly_covered[:4]:
            assert gene in pick.reason


def by_hand(*said: tuple[str, str, str, float, str]) -> Panel:
    """A panel of six genes and two agents with the given proposals."""
    genes = ("A", "B", "C", "D", "E", "F")
    agents = {name: Agent(name, "mechanism") for name in ("one", "two")}
    hypotheses = tuple(Hypothesis(agent, t, r, 1, c, why) for agent, t, r, c, why in said)
    return Panel("by hand", agents, genes, hypotheses, dict.fromkeys(agents, frozenset(genes)))


def first(panel: Panel, gene: str) -> Pick:
    """A gene that is proposed first."""
    (pick,) = plan(panel, 1, constraints=Constraints(must_include=(gene,)))
    return pick


def test_reasons_by_hand() -> None:
    """The strongest two mechanisms, each once, of the links to the genes it brings into reach."""
    panel = by_hand(
        ("one", "B", "A", 0.9, "same complex"),
        ("two", "A", "C", 0.7, "shared pathway"),
        ("two", "B", "A", 0.6, "same complex"),
        ("one", "A", "B", 0.3, "third reason"),
        ("one", "C", "B", 0.8, "not about the pick"),
        ("one", "D", "E", 0.8, "elsewhere"),
    )
    pick = first(panel, "A")
    assert set(pick.newly_covered) == {"B", "C", "D", "E"}  # D and E as the opposite of A
    assert pick.reason == (
        f"asked for; brings 4 more into reach: {', '.join(pick.newly_covered)}. "
        "one: same complex (A → B, 0.90); two: shared pathway (C → A, 0.70)"
    )
    assert pick.agents == ("one", "two")


def test_a_gene_without_links_stands_alone() -> None:
    panel = by_hand(("one", "A", "B", 0.9, "m"), ("one", "B", "C", 0.9, "m"))
    pick = first(panel, "F")
    assert pick.reason == "asked for; stands alone: measured for its own sake."
    assert pick.agents == pick.newly_covered == ()


def test_links_through_partners_are_said_to_be_that() -> None:
    """In a long ring of partners a pick reaches genes that nobody links to it."""
    world = toy_screen(seed=2)
    ring = [*world.genes[:12], world.genes[0]]
    panel = replace(
        world.panel,
        hypotheses=tuple(
            Hypothesis("alpha", one, other, 1, 0.9, "") for one, other in pairwise(ring)
        ),
    )
    picks = list(plan(panel, 9))
    assert picks[0].agents == ("alpha",)
    silent = [pick for pick in picks if "no agent links it to them directly" in pick.reason]
    for pick in silent:
        assert pick.agents == ()
    assert "m (" not in picks[0].reason  # no mechanism was given: none is named


def test_order_of_rows_does_not_change_reasons() -> None:
    said = [("one", t, r, 0.5, f"{t} and {r}") for t in "ABCDEF" for r in "ABCDEF" if t < r]
    panel = by_hand(*said)  # all alike: every order of the named genes is a tie
    moved = replace(panel, candidates=tuple("FBDACE"))
    assert [pick.reason for pick in plan(panel, 3)] == [pick.reason for pick in plan(moved, 3)]


def test_costs_and_notices_only_where_there_are_some(world: ToyScreen) -> None:
    plain = plan(world.panel, 3)
    assert plain.notices == ()
    assert [pick.cost for pick in plain] == [None] * 3
    assert [row["cost"] for row in plain.rows()] == [""] * 3
    priced = plan(world.panel, 3, constraints=Constraints(costs={plain.genes[0]: 2.5}))
    assert [pick.cost for pick in priced] == [2.5, 1, 1]


def test_who_may_be_proposed(world: ToyScreen) -> None:
    genes = world.genes
    constraints = Constraints(must_include=(genes[20],), exclude=frozenset(genes[21:25]))
    batch = plan(
        world.panel,
        100,
        effects=world.effects.take(genes[:4]),
        pending=(*genes[4:6], genes[0], genes[4]),  # one is measured already, one is told twice
        candidates=genes[:30],
        constraints=constraints,
    )
    assert set(batch.genes) == set(genes[6:30]) - set(genes[21:25])
    assert batch.genes[0] == genes[20]
    assert batch.picks[0].reason.startswith("asked for")
    assert batch.left_out["measured"] == 4
    assert batch.left_out["pending"] == 2
    assert batch.left_out["excluded"] == 4
    assert batch.left_out["not on the candidate list"] == 3
    assert f"100 genes were asked for and {len(batch)}" in batch.notices[-1]
    again = plan(
        world.panel,
        100,
        effects=world.effects.take(genes[:4]),
        pending=genes[4:6],
        candidates=genes[:30],
        constraints=constraints,
    )
    assert [p.utility for p in again] == [p.utility for p in batch]


def test_without_a_measured_value_a_gene_is_not_measured(world: ToyScreen) -> None:
    values = np.array(world.effects.values[:4])
    values[1] = np.nan
    effects = EffectTable(world.genes[:4], world.effects.readouts, values)
    batch = plan(world.panel, 40, effects=effects)
    assert world.genes[1] in batch.genes
    assert batch.left_out["measured"] == 3
    assert any(world.genes[1] in notice for notice in batch.notices)


def test_a_gene_unknown_to_the_panel_stands_alone(world: ToyScreen) -> None:
    batch = plan(world.panel, 3, candidates=[*world.genes[:2], "NEWCOMER"])
    assert "NEWCOMER" in batch.genes
    pick = next(pick for pick in batch if pick.gene == "NEWCOMER")
    assert pick.newly_covered == ()
    assert pick.agents == ()
    assert any("NEWCOMER" in notice for notice in batch.notices)


def test_names_may_be_of_another_age() -> None:
    """AARS is the former name of AARS1: the panel may say the one and the list the other."""
    panel = replace(toy_screen().panel, candidates=("AARS1", "HARS1", *toy_screen().genes[:9]))
    panel = replace(
        panel,
        hypotheses=(),
        answered={name: frozenset(panel.candidates) for name in panel.agents},
    )
    batch = plan(panel, 2, candidates=["AARS", "HARS1"])
    assert set(batch.genes) == {"AARS1", "HARS1"}
    assert any("AARS is AARS1" in notice for notice in batch.notices)
    with pytest.raises(SymbolError, match="aars1"):
        plan(panel, 2, candidates=["aars1", "HARS1"])


def test_names_of_the_prior_network_may_be_of_another_age(world: ToyScreen) -> None:
    """Every match that is not letter for letter is told, whatever is asked."""
    genes = ("AARS1", *world.genes[1:])
    panel = replace(
        world.panel,
        candidates=genes,
        hypotheses=(),
        answered={name: frozenset(genes) for name in world.panel.agents},
    )
    prior = PriorNetwork.from_edges([("AARS", genes[2]), (genes[3], genes[4])])
    batch = plan(panel, 2, network=prior, strategy="degree_prior")
    assert any("AARS1 is AARS" in notice for notice in batch.notices)
    effects = world.effects.take(world.genes[1:12])
    found = predict(effects, panel, network=prior, predictor="prior_neighbours")
    assert any("AARS1 is AARS" in notice for notice in found.notices)
    compared = compare(
        effects,
        panel,
        network=prior,
        strategies=["degree_prior"],
        predictors=["mean"],
        budgets=(3,),
        n_splits=1,
        random_draws=2,
    )
    assert sum("AARS1 is AARS" in notice for notice in compared.notices) == 1


def test_costs_budget_and_groups(world: ToyScreen) -> None:
    genes = world.genes
    constraints = Constraints(
        costs={gene: 1.0 + i % 3 for i, gene in enumerate(genes)},
        budget=9.0,
        groups={gene: "AB"[i % 2] for i, gene in enumerate(genes)},
        max_per_group=2,
    )
    batch = plan(world.panel, 20, constraints=constraints)
    assert sum(pick.cost or 0 for pick in batch) <= 9
    groups = [pick.group for pick in batch]
    assert max(groups.count("A"), groups.count("B")) <= 2
    assert batch.left_out["group is full"] + batch.left_out["over budget"] > 0


def test_impossible_requests(world: ToyScreen) -> None:
    with pytest.raises(UsageError, match="0 genes"):
        plan(world.panel, 0)
    with pytest.raises(UsageError, match="NOBODY"):
        plan(world.panel, 3, pending=["NOBODY"])
    with pytest.raises(UsageError, match="contradict"):
        plan(world.panel, 3, constraints=Constraints(must_include=("NOBODY",)))
    with pytest.raises(NothingLeftError, match="33 measured"):
        plan(world.panel, 3, effects=world.effects)


@pytest.mark.parametrize("name", strategy_names())
def test_every_strategy_gives_reasons(world: ToyScreen, name: str) -> None:
    batch = plan(world.knowledge, 4, strategy=name)
    assert batch.strategy == name
    assert all(pick.reason for pick in batch)
    coverages = [batch.coverage_before, *(pick.coverage_after for pick in batch)]
    assert coverages == sorted(coverages)
    document = batch.as_document()
    assert [row["gene"] for row in document["batch"]] == list(batch.genes)
    assert build_strategy(name).name == document["strategy"]


def test_the_same_batch_for_the_same_seed_in_any_order(world: ToyScreen) -> None:
    expected = plan(world.panel, 8, seed=5)
    order = np.random.default_rng(0).permutation(len(world.genes))
    moved = plan(world.reordered(order).panel, 8, seed=5)
    assert [(p.gene, p.newly_covered, p.agents, p.reason) for p in moved] == [
        (p.gene, p.newly_covered, p.agents, p.reason) for p in expected
    ]
    np.testing.assert_allclose([p.utility for p in moved], [p.utility for p in expected], rtol=1e-9)


def test_a_reason_names_what_was_alike_in_another_line() -> None:
    """The two of the genes it covers whose profiles there correlate most with its own."""
    world = toy_screen()
    line = world.other_line
    pick = plan(world.panel, 1, other_line=line).picks[0]
    values = line.values.astype(np.float64)[:-1]  # without the stranger
    values = np.where(np.isnan(values), 0, values - np.nanmean(values, axis=0))[:, :-1]
    rows = {gene: values[row] for row, gene in enumerate(line.perturbations[:-1])}
    reason = pick.reason.split("alike in the other line: ")[1]
    told = re.findall(r"(\w+) \(r = (0\.\d\d)\)", reason)
    assert 1 <= len(told) <= 2
    for gene, r in told:
        assert gene in pick.newly_covered
        assert float(r) == pytest.approx(np.corrcoef(rows[pick.gene], rows[gene])[0, 1], abs=0.05)
    assert [float(r) for _, r in told] == sorted((float(r) for _, r in told), reverse=True)
    assert "other line" not in plan(world.panel, 1).picks[0].reason
