"""The demonstration: its parts fit together, its numbers hold, and it says that it is simulated."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from mechpert_al.agents import read_panel
from mechpert_al.config import LoopFile, validated
from mechpert_al.consensus import Knowledge
from mechpert_al.design import plan
from mechpert_al.errors import ConfigError, UsageError
from mechpert_al.evaluation.demo import DemoResult, demonstrate, n_steps
from mechpert_al.evaluation.inputs import SIMULATED, load_inputs
from mechpert_al.evaluation.screen import Screen, splits
from mechpert_al.prediction import KrigingRegressor
from mechpert_al.report.demo import demo_report
from mechpert_al.virtual import VirtualLab

SEED = 1
CENTRALITIES = {
    f"{m}_prior" for m in ("degree", "betweenness", "pagerank", "closeness", "eigenvector")
}


@pytest.fixture(scope="module")
def steps() -> list[int]:
    return []


@pytest.fixture(scope="module")
def result(steps) -> DemoResult:
    return demonstrate(SEED, progress=steps.append)


@pytest.fixture(scope="module")
def page(result, tmp_path_factory) -> str:
    return written(result, tmp_path_factory.mktemp("demo"))


def written(result: DemoResult, folder: Path) -> str:
    report = demo_report(result, folder / "report.html")
    assert report.failures == ()
    return report.path.read_text(encoding="utf-8")


def test_every_step_is_told(result, steps):
    assert steps == [1] * n_steps()


# ---------------------------------------------------------------------- the batch
def test_the_first_batch_is_the_planned_one(result):
    assert result.batch.genes == plan("essential585", 24, seed=SEED).genes
    assert len(set(result.batch.genes)) == 24
    assert set(result.batch.genes) <= set(read_panel("essential585").candidates)
    for pick in result.batch:
        assert pick.reason
        assert pick.agents


# ---------------------------------------------------------------------- the rounds
def test_default_centralities_random_and_oracles_are_compared(result):
    assert set(result.curves) == {
        "expected_coverage",
        "random",
        "oracle",
        "oracle_kernel",
        *CENTRALITIES,
    }
    for rows in result.curves.values():
        assert [row["budget"] for row in rows] == [10, 20, 30, 40, 50]
        assert {row["dataset"] for row in rows} == {SIMULATED}
    assert result.comparison.protocol["random_draws"] == 50


def test_rounds_measure_ten_new_genes_of_the_pool(result):
    screen = Screen.of(SIMULATED, result.lab.effects(), result.lab.genes)
    first = next(iter(splits(screen, 4, 0.4, SEED)))
    pool = {result.lab.genes[i] for i in first.pool}
    batches = [row["genes"] for row in result.first_batches]
    assert [len(batch) for batch in batches] == [10] * 5
    measured = [gene for batch in batches for gene in batch]
    assert len(set(measured)) == 50
    assert set(measured) <= pool


def test_rounds_and_budgets_agree(result):
    """No compared strategy changes its mind after a measurement, so five rounds are one design."""
    for round_, row, random in zip(
        result.simulation.rounds,
        result.curves["expected_coverage"],
        result.curves["random"],
        strict=True,
    ):
        assert round_["n_anchors"] == row["budget"]
        assert round_["score"] == pytest.approx(row["mean"], abs=1e-9)
        assert round_["random"] == pytest.approx(random["mean"], abs=1e-9)


def test_a_score_again_by_hand(result):
    """Last round, first split: fit whole profiles, correlate readout by readout."""
    lab = result.lab
    screen = Screen.of(SIMULATED, lab.effects(), lab.genes)
    split = next(iter(splits(screen, 4, 0.4, SEED)))
    measured = [gene for row in result.first_batches for gene in row["genes"]]
    anchors = np.array([lab.genes.index(gene) for gene in measured])
    profiles = lab.effects().values.astype(np.float64)
    kernel = Knowledge.from_panel(lab.panel(result.quality)).kernel
    predictor = KrigingRegressor(kernel).fit(anchors[:, None], profiles[anchors])
    predicted = predictor.deviation(split.test)
    truth = profiles[split.test] - profiles[split.pool].mean(axis=0)
    scores = [np.corrcoef(one, other)[0, 1] for one, other in zip(predicted, truth, strict=True)]
    (cell,) = (
        row
        for row in result.comparison.cells
        if row["strategy"] == "expected_coverage"
        and (row["budget"], row["split"], row["metric"]) == (50, 0, "pearson_centred")
    )
    assert cell["value"] == pytest.approx(np.mean(scores), abs=1e-6)


# ---------------------------------------------------------------------- the loop file
def test_a_virtual_lab_in_a_loop_file():
    loop = validated(
        {"seed": 5, "virtual": {"genes": 40, "cells": 20, "agents": 2, "informativeness": 0}},
        LoopFile,
        "loop.toml",
    )
    loaded = load_inputs(loop)
    lab = VirtualLab(5, 40, 200, 20)
    assert list(loaded.judges) == [SIMULATED]
    assert loaded.judges[SIMULATED].content_hash == lab.effects().content_hash
    assert list(loaded.knowledge.consensus.layers) == ["agent1", "agent2"]
    assert loaded.knowledge.prior.content_hash == lab.network(0).content_hash
    assert "SIMULATED" in loaded.notices[0]


@pytest.mark.parametrize(
    ("section", "name"),
    [
        ({"effects": [{"path": "x.h5ad"}]}, "effects"),
        ({"panel": {"path": "essential585"}}, "panel"),
        ({"network": {"path": "x.tsv"}}, "network"),
        ({"prediction": {"other_line": "x.h5ad"}}, "prediction.other_line"),
    ],
)
def test_a_virtual_lab_takes_no_real_inputs(section, name):
    loop = validated({"virtual": {}, **section}, LoopFile, "loop.toml")
    with pytest.raises(ConfigError, match=f"a virtual lab, and {re.escape(name)} beside it"):
        load_inputs(loop)


# ---------------------------------------------------------------------- what it says
def test_the_statement_gives_interval_n_and_verdict(result):
    final = result.curves["expected_coverage"][-1]
    for part in (
        f"{final['mean']:.3f} [{final['low']:.3f}, {final['high']:.3f}]",
        f"a {final['gain_over_random']['verdict']}",
        final["gain_over_best_centrality"]["which"],
        f"{final['n_genes']} simulated genes",
        "simulated measurements",
    ):
        assert part in result.statement


def test_documents_say_that_they_are_simulated(result):
    document = json.loads(json.dumps(result.as_document(), allow_nan=False))
    assert document["simulated"] is True
    assert document["virtual_lab"]["simulated"] is True
    assert document["first_batch"]["simulated"] is False
    assert len(document["first_batch"]["batch"]) == 24
    assert document["comparison"]["format"] == "mechpert-al compare 1"
    assert document["comparison"]["simulated"] is True
    assert {row["dataset"] for row in document["comparison"]["summary"]} == {SIMULATED}
    assert "simulated" in SIMULATED


def test_a_quality_that_is_none_is_refused():
    with pytest.raises(UsageError, match=r"quality is 1\.2"):
        demonstrate(quality=1.2)


# ---------------------------------------------------------------------- the page
class Elements(HTMLParser):
    """Every element of a page, with its attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


def test_the_page_asks_for_nothing_from_outside(page):
    elements = Elements(page).found
    tags = {tag for tag, _ in elements}
    assert not tags & {"link", "iframe", "object", "img", "base", "form"}
    for _, attributes in elements:
        assert not {"src", "xlink:href", "srcset", "data"} & set(attributes)
        assert attributes.get("href", "#").startswith("#")
        assert not [name for name in attributes if name.startswith("on")]
    policies = [
        attributes["content"]
        for tag, attributes in elements
        if tag == "meta" and attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    assert len(policies) == 1
    assert policies[0].startswith("default-src 'none'")
    assert "unsafe" not in policies[0]
    assert "http" not in policies[0]


def test_the_page_shows_it_all(page, result):
    assert page.count("SIMULATED") >= 1
    assert [tag for tag, _ in Elements(page).found].count("figure") == 1
    for pick in result.batch:
        assert f"<bdi>{pick.gene}</bdi>" in page
    for name in result.curves:
        assert f"<bdi>{name}</bdi>" in page


def test_agents_text_cannot_break_out_of_the_page(result, page, tmp_path):
    nasty = "<script>alert('x')</script><img src=x onerror=alert(1)>\"'&"
    picks = (replace(result.batch.picks[0], reason=nasty, agents=(nasty,)), *result.batch.picks[1:])
    hostile = replace(result, batch=replace(result.batch, picks=picks, notices=(nasty,)))
    attacked = written(hostile, tmp_path)
    assert "&lt;script&gt;alert(" in attacked
    scripts, images = (
        [tag for tag, _ in Elements(attacked).found].count(tag) for tag in ("script", "img")
    )
    assert scripts == [tag for tag, _ in Elements(page).found].count("script")
    assert images == 0
