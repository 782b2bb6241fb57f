"""Tables in a terminal of 80 columns: nothing is wider, no name is broken, no number is lost."""

from __future__ import annotations

import re

import pytest

from mechpert_al.cli import compare as compare_command
from mechpert_al.cli import plan as plan_command
from mechpert_al.cli import simulate as simulate_command
from mechpert_al.cli.output import notes, table
from mechpert_al.design import plan
from mechpert_al.evaluation import compare, simulate
from mechpert_al.testing import toy_screen

ANSI = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


@pytest.fixture
def lines(monkeypatch, capsys):
    """Lines on stdout, as a terminal of 80 columns shows them."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")
    return lambda: ANSI.sub("", capsys.readouterr().out).splitlines()


@pytest.fixture(scope="module")
def toy():
    return toy_screen(seed=3, n_genes=40)


def test_comparisons_fit(lines, toy):
    names = ("expected_coverage", "eigenvector_prior_pool", "closeness_consensus")
    result = compare(
        {"toy": toy.effects},
        toy.knowledge,
        strategies=names,
        predictors=("kriging",),
        budgets=(2, 4, 6, 8, 10, 12),
        n_splits=2,
        random_draws=3,
        controls=True,
        rounds=2,
    )
    compare_command.show(result)
    shown = lines()
    assert max(map(len, shown)) <= 80
    for name in (*names, "permuted_measured"):
        assert any(line.startswith(f"{name} ") for line in shown)
    for row in result.rows(metric="pearson_centred", rounds=1):
        assert any(f"{row['mean']:.3f}" in line for line in shown)


def test_simulations_fit(lines, toy):
    result = simulate(
        {"toy": toy.effects}, toy.knowledge, batch=3, rounds=2, n_splits=2, random_draws=3
    )
    simulate_command.show(result)
    shown = lines()
    assert max(map(len, shown)) <= 80
    for row in result.rounds:
        assert any(f"[{row['low']:.3f}, {row['high']:.3f}]" in line for line in shown)


def test_batches_fit_and_fold_only_the_reason(lines):
    batch = plan("essential585", 6)
    plan_command.show(batch)
    shown = lines()
    assert max(map(len, shown)) <= 80
    for pick in batch:
        assert any(re.match(rf"{pick.rank} +{pick.gene} ", line) for line in shown)


def test_short_columns_stay_whole_and_long_ones_fold(lines):
    table(["name", "text"], [["eigenvector_prior_pool", "word " * 40]])
    shown = lines()
    assert shown[1].startswith("eigenvector_prior_pool  word")
    assert max(map(len, shown)) <= 80
    assert sum(line.count("word") for line in shown) == 40


def test_many_notices_alike_are_counted(capsys):
    notes([*(f"prior network: G{i} is H{i}" for i in range(10)), "one: alone"])
    told = capsys.readouterr().err.splitlines()
    assert told == [
        *(f"Note: prior network: G{i} is H{i}" for i in range(3)),
        "Note: … and 7 more like these (--json and reports have all of them)",
        "Note: one: alone",
    ]
