"""Over many virtual labs: agents and literature that know nothing win nothing; the oracle wins.

One lab is one pair of numbers for each strategy: its score, and the mean score of random batches of
the same size in the same lab. A strategy wins if its scores over the labs are above those of random
batches and above 0, the score of the anchors' mean profile (one-sided paired t tests, the larger p;
Holm over all strategies and predictors of the question).

A design may only be judged by a predictor that works. So, while the voters know nothing, the
similarity agent, which never votes, knows everything, and its predictor judges too: there, useless
designs are random designs. The default predictor runs on the useless consensus and judges beside
it; it shows why 0 must be beaten: on a useless kernel it is below 0, and by how much depends on the
design.
"""

from collections.abc import Iterable, Mapping

import numpy as np
import pytest
from scipy import stats

from mechpert_al.consensus import Knowledge
from mechpert_al.design.strategy import build_strategy, strategy_names
from mechpert_al.evaluation.grid import run_grid
from mechpert_al.evaluation.metrics import PRIMARY
from mechpert_al.evaluation.protocol import make_protocol
from mechpert_al.evaluation.screen import Screen
from mechpert_al.virtual import VirtualLab

LABS = range(50)
N_GENES, N_READOUTS, N_CELLS, BUDGET, N_DRAWS = 90, 60, 100, 15, 20
SIGNIFICANT = 0.05
OWN, INTACT = "kriging", "similarity_kriging"
#: For each (strategy, predictor) one score a lab.
Scores = Mapping[tuple[str, str], np.ndarray]


def by_group(*groups: str) -> list[str]:
    return [name for name in strategy_names() if build_strategy(name).group in groups]


#: Learns from measurements which layer knows something, the similarity agent's too.
LEARNER = "adaptive_coverage"
PANEL_DRIVEN = [
    name for name in by_group("consensus", "panel heuristic", "diversity") if name != LEARNER
]
NETWORK_DRIVEN = [*by_group("centrality"), "prior_coverage"]


def scores_of(
    quality: float, similarity: float, informativeness: float, strategies: Iterable[str]
) -> Scores:
    found: dict[tuple[str, str], list[float]] = {}
    for seed in LABS:
        lab = VirtualLab(seed, N_GENES, N_READOUTS, N_CELLS)
        panel = lab.panel(quality, similarity=similarity)
        known = Knowledge.from_panel(panel, lab.network(informativeness))
        protocol, _ = make_protocol(
            known,
            tuple(strategies),
            (OWN, INTACT),
            budgets=(BUDGET,),
            n_splits=1,
            random_draws=N_DRAWS,
            seed=seed,
        )
        for part in run_grid([Screen.of("lab", lab.effects(), known.genes)], known, protocol):
            for cell, metrics in part.scores.items():
                key = (cell.strategy, cell.predictor)
                found.setdefault(key, []).append(float(metrics[PRIMARY].mean()))
    return {key: np.array(values) for key, values in found.items()}


def p_values(
    scores: Scores, strategies: Iterable[str], predictors: Iterable[str]
) -> dict[tuple[str, str], float]:
    """Adjusted p value of each strategy's win under each predictor."""
    raw = {}
    for strategy in strategies:
        for predictor in predictors:
            own = scores[strategy, predictor]
            rivals = (scores["random", predictor], np.zeros(len(own)))
            raw[strategy, predictor] = max(
                stats.ttest_rel(own, rival, alternative="greater").pvalue for rival in rivals
            )
    return holm(raw)


def holm(raw: Mapping[tuple[str, str], float]) -> dict[tuple[str, str], float]:
    adjusted, highest = {}, 0.0
    for place, key in enumerate(sorted(raw, key=raw.__getitem__)):
        highest = max(highest, min(1.0, raw[key] * (len(raw) - place)))
        adjusted[key] = highest
    return adjusted


@pytest.fixture(scope="module")
def nothing_known() -> Scores:
    """Useless voters, useless literature, and a similarity agent that knows everything."""
    strategies = [*PANEL_DRIVEN, *NETWORK_DRIVEN, "similarity_coverage", LEARNER]
    return scores_of(0, 1, 0, strategies)


@pytest.fixture(scope="module")
def nobody_knows() -> Scores:
    """Useless voters, useless literature, and a similarity agent that guesses too."""
    return scores_of(0, 0, 0, [LEARNER])


@pytest.fixture(scope="module")
def well_known() -> Scores:
    """Agents like those of the shipped panel, an informative literature."""
    return scores_of(0.6, 0.6, 0.45, ["expected_coverage", "facility_location", "most_proposed"])


def winners(adjusted: Mapping[tuple[str, str], float]) -> list[tuple[str, str]]:
    return [key for key, p in adjusted.items() if p < SIGNIFICANT]


def test_both_groups_are_there():
    assert {"expected_coverage", "facility_location", "most_proposed", "k_centre"} <= set(
        PANEL_DRIVEN
    )
    assert {"degree_prior", "betweenness_prior", "eigenvector_prior_pool"} <= set(NETWORK_DRIVEN)
    assert not set(PANEL_DRIVEN) & set(NETWORK_DRIVEN)


def test_useless_agents_win_nothing(nothing_known):
    assert winners(p_values(nothing_known, PANEL_DRIVEN, (INTACT, OWN))) == []


def test_useless_literature_wins_nothing(nothing_known):
    assert winners(p_values(nothing_known, NETWORK_DRIVEN, (INTACT, OWN))) == []


def test_useless_agents_predict_nothing(nothing_known):
    """Their predictor is not above the mean profile, while the one that knows is well above."""
    own = np.mean([nothing_known[name, OWN] for name in (*PANEL_DRIVEN, "random")], axis=0)
    assert stats.ttest_1samp(own, 0, alternative="greater").pvalue > SIGNIFICANT
    assert nothing_known["random", INTACT].mean() > 0.2


def test_the_oracles_win_in_the_same_labs(nothing_known, well_known):
    """Each under the predictor it is made for; so the tests above could have failed."""
    adjusted = holm(
        {
            **p_values(nothing_known, ["oracle"], [OWN]),
            **p_values(nothing_known, ["oracle_kernel"], [INTACT]),
        }
    )
    assert adjusted["oracle", OWN] < SIGNIFICANT  # even on a useless kernel
    assert adjusted["oracle_kernel", INTACT] < 1e-6
    assert p_values(well_known, ["oracle"], [OWN])["oracle", OWN] < 1e-6


def test_an_agent_that_knows_wins_in_the_same_labs(nothing_known):
    """The very question asked of the useless agents, with one more strategy, has an answer."""
    adjusted = p_values(nothing_known, [*PANEL_DRIVEN, "similarity_coverage"], (INTACT, OWN))
    assert winners(adjusted) == [("similarity_coverage", INTACT)]


def test_who_learns_finds_the_agent_that_knows(nothing_known, nobody_knows):
    """And finds nothing where there is nothing to find."""
    rival = nothing_known["expected_coverage", INTACT]
    gain = nothing_known[LEARNER, INTACT] - rival
    assert stats.ttest_1samp(gain, 0, alternative="greater").pvalue < SIGNIFICANT
    assert winners(p_values(nobody_knows, [LEARNER], (INTACT, OWN))) == []


@pytest.mark.parametrize("strategy", ["expected_coverage", "facility_location"])
def test_good_agents_win(well_known, strategy):
    adjusted = p_values(well_known, ["expected_coverage", "facility_location"], [OWN])
    assert adjusted[strategy, OWN] < 1e-3


def test_popularity_among_good_agents_is_no_design(well_known):
    """Most-proposed genes sit in the largest modules: redundant, and below random here."""
    gain = well_known["most_proposed", OWN] - well_known["random", OWN]
    assert stats.ttest_1samp(gain, 0, alternative="less").pvalue < SIGNIFICANT
