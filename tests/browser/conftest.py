"""A headless Chromium, and reports to open: all four kinds, one of a campaign of hostile agents."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mechpert_al.campaign import Campaign
from mechpert_al.config import LoopFile, validated
from mechpert_al.design import plan
from mechpert_al.evaluation import compare, simulate
from mechpert_al.evaluation.compare import compare_loop
from mechpert_al.evaluation.demo import DemoResult
from mechpert_al.evaluation.inputs import load_inputs, virtual_lab
from mechpert_al.evaluation.simulate import simulate_loop
from mechpert_al.report.campaign import campaign_report
from mechpert_al.report.comparison import comparison_report
from mechpert_al.report.demo import demo_report
from mechpert_al.report.simulation import simulation_report
from mechpert_al.testing import ToyScreen, toy_screen

N_AGENTS = 300
#: Milliseconds that the browser may take for anything: a loaded machine is not a defect.
PATIENCE = 600_000
#: What the hostile agents say: markup, length, turned and invisible text.
SCRIPT = "<script>document.title = 'owned'</script><img src=x onerror=\"document.title='owned'\">"
LONG = "long story " * 1000  # 11 kB
TURNED = "safe \u202egnitirw dnuora denrut\u202c and zero\u200bwidth and עברית"
HOSTILE_AGENT = 'x"><script>document.title="owned"</script>'


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """The browser of the machine."""
    place = shutil.which("chromium") or shutil.which("chromium-browser")
    if place is None:
        pytest.skip("no chromium (apt-get install chromium)")
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=place, args=["--no-sandbox"])
        yield browser
        browser.close()


class Opened:
    """A report in the browser, and everything it did that it should not do."""

    def __init__(self, page: Any, path: Path) -> None:
        self.page = page
        self.messages: list[str] = []
        self.requests: list[str] = []
        page.on("console", lambda one: self.messages.append(f"{one.type}: {one.text}"))
        page.on("pageerror", lambda error: self.messages.append(f"error: {error}"))
        page.on("request", lambda one: self.requests.append(one.url))
        page.set_default_timeout(PATIENCE)
        page.goto(path.as_uri())
        page.wait_for_selector("html[data-drawn]")


@pytest.fixture
def opened(chromium: Any) -> Iterator[Callable[..., Opened]]:
    """Open a report; ``width`` in pixels, ``scheme`` light or dark."""
    contexts = []

    def see(path: Path, width: int = 1280, scheme: str = "light") -> Opened:
        context = chromium.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, accept_downloads=True
        )
        contexts.append(context)
        return Opened(context.new_page(), path)

    yield see
    for context in contexts:
        context.close()


@pytest.fixture(scope="session")
def toy() -> ToyScreen:
    return toy_screen(seed=2, n_genes=40)


@pytest.fixture(scope="session")
def comparison_page(toy: ToyScreen, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a small comparison."""
    result = compare(
        {"toy": toy.effects},
        toy.knowledge,
        strategies=("expected_coverage", "most_proposed", "degree_prior", "k_centre"),
        predictors=("kriging", "neighbours"),
        budgets=(5, 10),
        n_splits=2,
        random_draws=4,
        controls=True,
    )
    path = tmp_path_factory.mktemp("comparison") / "comparison.html"
    written = comparison_report(result, path, "mechpert-al compare --effects 'my <b>file'")
    assert written.failures == ()
    return path


@pytest.fixture(scope="session")
def simulation_page(toy: ToyScreen, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a small simulation."""
    result = simulate(
        {"toy": toy.effects}, toy.knowledge, batch=3, rounds=3, n_splits=2, random_draws=4
    )
    path = tmp_path_factory.mktemp("simulation") / "simulation.html"
    assert simulation_report(result, path, "mechpert-al simulate").failures == ()
    return path


@pytest.fixture(scope="session")
def demo_page(toy: ToyScreen, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of the demonstration, with a smaller virtual lab."""
    loop = validated(
        {
            "virtual": {"genes": 40, "readouts": 30, "cells": 100},
            "design": {"batch": 3, "rounds": 2},
            "compare": {
                "strategies": ["expected_coverage", "degree_prior", "pagerank_prior"],
                "predictors": ["kriging"],
                "budgets": [3, 6],
                "splits": 2,
                "random_draws": 4,
            },
        },
        LoopFile,
        "loop.toml",
    )
    loaded = load_inputs(loop)
    lab = virtual_lab(loop.seed, loop.virtual)
    result = DemoResult(
        "toy", plan(toy.panel, 6), lab, 0.6, compare_loop(loaded), simulate_loop(loaded)
    )
    path = tmp_path_factory.mktemp("demo") / "demo.html"
    assert demo_report(result, path, "mechpert-al demo").failures == ()
    return path


@pytest.fixture(scope="session")
def hostile_campaign(toy: ToyScreen, tmp_path_factory: pytest.TempPathFactory) -> Campaign:
    """A campaign whose 300 agents try to break out of the page, with one round measured in part."""
    folder = tmp_path_factory.mktemp("hostile")
    panel = folder / "panel"
    write_hostile_panel(panel, toy)
    campaign = Campaign.create(folder / "campaign", panel)
    first = campaign.propose(6)
    table = folder / "delivery.csv"
    rows = [",".join(["perturbation", "R0", "R1", "R2"])]
    rows += [f"{gene},{i % 3 - 1}.5,{i % 2}.25,-{i}.0" for i, gene in enumerate(first.genes[:4])]
    table.write_text("\n".join(rows) + "\n")
    campaign.ingest(table)
    campaign.propose(5)
    return campaign


@pytest.fixture(scope="session")
def campaign_page(hostile_campaign: Campaign, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of the hostile campaign."""
    path = tmp_path_factory.mktemp("campaign") / "campaign.html"
    written = campaign_report(hostile_campaign, path, "mechpert-al campaign report hostile")
    assert written.failures == ()
    return path


def write_hostile_panel(folder: Path, toy: ToyScreen) -> None:
    """The toy panel, said by 300 agents with hostile names and mechanisms."""
    folder.mkdir()
    names = [f"agent{i}" for i in range(N_AGENTS - 1)] + [HOSTILE_AGENT]
    said: dict[str, dict[str, list[dict[str, Any]]]] = {name: {} for name in names}
    mechanisms = (SCRIPT, LONG, TURNED)
    for i, one in enumerate(toy.panel.hypotheses):
        name = HOSTILE_AGENT if i % 2 else names[i % N_AGENTS]
        claims = said[name].setdefault(one.target, [])
        if all(claim["gene"] != one.regulator for claim in claims):
            claims.append(
                {
                    "gene": one.regulator,
                    "direction": one.direction,
                    "confidence": one.confidence,
                    "mechanism": mechanisms[i % 3],
                }
            )
    said[names[0]].setdefault(toy.genes[0], []).append({"gene": SCRIPT, "direction": 1})
    for i, name in enumerate(names):
        lines = [
            json.dumps({"agent": name, "target": target, "regulators": claims})
            for target, claims in said[name].items()
        ]
        (folder / f"{i}.jsonl").write_text("\n".join(lines) + "\n" if lines else "")
    (folder / "panel.json").write_text(
        json.dumps(
            {
                "format": "mechpert-al panel 1",
                "name": "hostile <i>panel</i>",
                "recorded": "2026-11",
                "known_limits": SCRIPT,
                "agents": {
                    name: {"role": "mechanism", "file": f"{i}.jsonl", "lens": TURNED}
                    for i, name in enumerate(names)
                },
                "candidates": list(toy.genes),
            }
        )
    )
