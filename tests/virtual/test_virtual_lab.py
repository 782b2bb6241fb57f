"""The virtual lab: what it states about itself, counted again."""

import json
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from mechpert_al.errors import DataError, UsageError
from mechpert_al.testing import OracleContract
from mechpert_al.virtual import (
    Oracle,
    ResponseModel,
    VirtualLab,
    build_oracle,
    oracle_names,
)

SMALL = VirtualLab(seed=3, n_genes=60, n_readouts=200)


def standardised_noise(lab: VirtualLab, n_cells: float, replicate: int = 0) -> np.ndarray:
    table = lab.effects(n_cells, replicate)
    deviation = table.values.astype(np.float64) - lab.responses.effects
    return deviation * np.sqrt(table.n_cells)[:, None]


# ---------------------------------------------------------------------- what it says it is
def test_everything_says_that_it_is_simulated():
    table, panel, network = SMALL.effects(), SMALL.panel(), SMALL.network()
    assert table.info["simulated"] is True
    assert table.info["kind"] == "simulated"
    assert panel.about["simulated"] is True
    assert "simulated" in panel.name
    assert {agent.model for agent in panel.agents.values()} == {"simulated"}
    assert {h.mechanism for h in panel.hypotheses} == {"simulated claim"}
    assert "simulated" in network.sources
    for name in (*SMALL.genes, *SMALL.readouts):
        assert name.startswith("SIM")
    json.dumps([table.info, panel.about], allow_nan=False)


def test_names_are_no_human_symbols():
    from mechpert_al.symbols import SymbolTable

    known = SymbolTable.default()
    assert not [name for name in SMALL.genes[:20] if known.is_symbol(name)]


def test_shapes():
    table = SMALL.effects()
    assert table.perturbations == SMALL.genes
    assert table.readouts == SMALL.readouts
    assert table.values.shape == table.standard_error.shape == (60, 200)
    assert table.is_complete
    assert not set(SMALL.genes) & set(SMALL.readouts)


# ---------------------------------------------------------------------- noise
@pytest.mark.parametrize("n_cells", [5, 40, 1000])
def test_noise_variance_is_one_over_cells(n_cells):
    noise = standardised_noise(SMALL, n_cells)
    squares = (noise**2).sum()
    low, high = stats.chi2.ppf([1e-4, 1 - 1e-4], noise.size)
    assert low < squares < high
    by_gene = (noise**2).mean(axis=1)
    assert stats.spearmanr(by_gene, SMALL.effects(n_cells).n_cells).pvalue > 1e-3


def test_standard_errors_are_those_of_the_noise():
    table = SMALL.effects(30)
    np.testing.assert_allclose(
        table.standard_error, np.sqrt(1 / table.n_cells)[:, None] * np.ones((1, 200)), rtol=1e-6
    )


def test_cells_have_the_stated_mean_and_spread():
    lab = VirtualLab(1, n_genes=5000, n_readouts=20, model=ResponseModel(cell_spread=0.5))
    cells = lab.effects(200).n_cells
    assert abs(cells.mean() - 200) < 4 * cells.std() / np.sqrt(5000)
    assert abs(np.log(cells).std() - 0.5) < 0.03
    even = replace(lab, model=ResponseModel(cell_spread=0)).effects(200)
    assert set(even.n_cells) == {200}


def test_more_cells_shrink_the_noise_of_the_same_experiment():
    few, many = standardised_noise(SMALL, 20), standardised_noise(SMALL, 2000)
    np.testing.assert_allclose(few, many, atol=1e-3)


def test_replicates_have_independent_noise():
    first, second = standardised_noise(SMALL, 50, 0), standardised_noise(SMALL, 50, 1)
    assert abs(np.corrcoef(first.ravel(), second.ravel())[0, 1]) < 4 / np.sqrt(first.size)


def test_noise_differs_between_genes_and_labs():
    noise = standardised_noise(SMALL, 50)
    among = np.corrcoef(noise)[np.triu_indices(60, 1)]
    assert abs(among.mean()) < 0.01
    other = standardised_noise(replace(SMALL, seed=4), 50)
    assert abs(np.corrcoef(noise.ravel(), other.ravel())[0, 1]) < 4 / np.sqrt(noise.size)


# ---------------------------------------------------------------------- responses
def test_silent_perturbations_do_nothing_and_are_as_many_as_stated():
    lab = VirtualLab(2, n_genes=2000, n_readouts=20, model=ResponseModel(silent_fraction=0.2))
    silent = lab.responses.is_silent
    assert stats.binomtest(int(silent.sum()), 2000, 0.2).pvalue > 1e-3
    assert not lab.responses.effects[silent].any()
    assert (np.abs(lab.responses.effects[~silent]).sum(axis=1) > 0).all()
    assert not lab.related[silent].any()


def test_strengths_have_the_stated_median_and_spread():
    model = ResponseModel(strength=0.3, strength_spread=0.7, silent_fraction=0)
    logs = np.log(VirtualLab(5, 3000, 20, model=model).responses.strengths)
    assert abs(np.median(logs) - np.log(0.3)) < 4 * 1.25 * 0.7 / np.sqrt(3000)
    assert abs(logs.std() - 0.7) < 4 * 0.7 / np.sqrt(2 * 3000)


def test_effect_sizes_follow_the_strengths():
    model = ResponseModel(common=0, silent_fraction=0, factor_share=0)
    responses = VirtualLab(6, 100, 4000, model=model).responses
    sizes = np.sqrt((responses.specific**2).mean(axis=1))
    np.testing.assert_allclose(sizes, responses.strengths, rtol=0.15)


def test_correlations_follow_modules_and_submodules():
    """With equal shares s: s in the sub-module, s (1 − ρ) in the module, 0 elsewhere."""
    model = ResponseModel(
        n_modules=5,
        submodules=3,
        submodule_share=0.4,
        shared=0.6,
        shared_spread=1e6,
        factor_share=0,
        readout_spread=0,
        silent_fraction=0,
    )
    lab = VirtualLab(7, 90, 6000, model=model)
    responses = lab.responses
    correlation = np.corrcoef(responses.specific)
    module = responses.modules[:, None] == responses.modules
    submodule = responses.submodules[:, None] == responses.submodules
    off = ~np.eye(90, dtype=bool)
    assert (module | ~submodule).all()
    assert abs(correlation[submodule & off].mean() - 0.6) < 0.02
    assert abs(correlation[module & ~submodule].mean() - 0.6 * 0.6) < 0.03
    assert abs(correlation[~module].mean()) < 0.02
    np.testing.assert_allclose(lab.relatedness, correlation, atol=1e-9)
    assert (lab.related == ((correlation >= 0.3) & off)).all()


def test_factors_make_modules_resemble_each_other():
    model = ResponseModel(n_modules=40, factor_share=0.8, shared=1, silent_fraction=0)
    apart = replace(model, factor_share=0)

    def spread(model):
        lab = VirtualLab(8, 80, 3000, model=model)
        other = lab.responses.modules[:, None] != lab.responses.modules
        return lab.relatedness[other].std()

    assert spread(model) > 3 * spread(apart)


def test_common_response_scales_with_strength():
    lab = replace(SMALL, model=ResponseModel(common=0.5))
    responses = lab.responses
    rest = responses.effects - responses.specific
    np.testing.assert_allclose(rest, np.outer(responses.strengths, responses.common))
    assert np.sqrt((responses.common**2).mean()) == pytest.approx(0.5, rel=0.5)


# ---------------------------------------------------------------------- determinism
PROGRAM = """
from mechpert_al.consensus import ConsensusNetwork
from mechpert_al.virtual import VirtualLab
lab = VirtualLab(seed=11, n_genes=50, n_readouts=60)
panel = lab.panel(0.6, hallucination=0.1)
print(lab.effects().content_hash)
print(ConsensusNetwork.from_panel(panel).content_hash)
print(ConsensusNetwork.from_panel(panel, ["similarity"]).content_hash)
print(lab.network().content_hash)
print([one.regulator for one in panel.dropped][:5])
"""


def test_same_seed_same_content_whatever_the_hash_seed():
    answers = {
        subprocess.run(
            [sys.executable, "-c", PROGRAM],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "4711")
    }
    assert len(answers) == 1


def test_another_seed_is_another_lab():
    hashes = {VirtualLab(seed, 40, 50).effects().content_hash for seed in range(20)}
    assert len(hashes) == 20


def test_labs_are_values():
    assert VirtualLab(1, 50) == VirtualLab(1, 50)
    assert len({VirtualLab(1, 50), VirtualLab(1, 50), VirtualLab(2, 50)}) == 2
    with pytest.raises(AttributeError):
        SMALL.seed = 4


# ---------------------------------------------------------------------- the oracle
def test_measuring_is_reading_the_experiment():
    genes = ["SIM0007", "SIM0003", "SIM0060"]
    table = SMALL.measure(genes)
    assert table.perturbations == tuple(genes)
    assert table.content_hash == SMALL.effects().take(genes).content_hash
    assert table.info["simulated"] is True
    np.testing.assert_array_equal(SMALL.measure(["SIM0003"]).values[0], table.values[1])


def test_a_stranger_cannot_be_measured():
    with pytest.raises(DataError, match="BRCA1"):
        SMALL.measure(["SIM0001", "BRCA1"])


class TestVirtualLabContract(OracleContract):
    @pytest.fixture
    def oracle(self):
        return SMALL

    @pytest.fixture
    def genes(self):
        return tuple(SMALL.genes[i] for i in (5, 1, 40, 59, 0, 17))


def test_the_lab_is_found_by_name():
    assert "virtual" in oracle_names()
    oracle = build_oracle("virtual", seed=3, n_genes=60, n_readouts=200)
    assert oracle == SMALL
    assert isinstance(oracle, Oracle)
    with pytest.raises(UsageError, match="unknown oracle 'virtuall'"):
        build_oracle("virtuall")


# ---------------------------------------------------------------------- wrong settings
@given(
    st.sampled_from(
        [
            {"n_genes": 9},
            {"n_genes": 10_000},
            {"n_genes": 50.0},
            {"n_readouts": 19},
            {"n_cells": 0},
            {"n_cells": float("nan")},
            {"n_cells": float("inf")},
        ]
    )
)
def test_impossible_labs_are_refused(settings):
    with pytest.raises(UsageError):
        VirtualLab(**settings)


@pytest.mark.parametrize(
    "settings",
    [
        {"shared": 1.1},
        {"silent_fraction": 1},
        {"silent_fraction": -0.1},
        {"strength": 0},
        {"strength_spread": float("nan")},
        {"n_modules": 0},
        {"n_modules": 2.5},
        {"submodules": 0},
    ],
)
def test_impossible_responses_are_refused(settings):
    name = next(iter(settings))
    with pytest.raises(UsageError, match=name):
        ResponseModel(**settings)


@pytest.mark.parametrize("n_cells", [0, -3, float("nan")])
def test_impossible_cells_are_refused(n_cells):
    with pytest.raises(UsageError, match="cells"):
        SMALL.effects(n_cells)
