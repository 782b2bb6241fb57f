"""The simulated literature network: hubs always, biology as far as stated."""

import numpy as np
import pytest
from scipy import stats

from mechpert_al.errors import UsageError
from mechpert_al.virtual import VirtualLab

LAB = VirtualLab(seed=1, n_genes=200, n_readouts=200)
RARE = 1e-3


def links(network) -> np.ndarray:
    return network.adjacency.toarray() > 0


@pytest.mark.parametrize("mean_degree", [2, 8, 30])
@pytest.mark.parametrize("fame_spread", [0, 1])
def test_mean_degree_is_as_stated(mean_degree, fame_spread):
    network = LAB.network(0, mean_degree=mean_degree, fame_spread=fame_spread)
    expected = LAB.n_genes * mean_degree / 2
    assert abs(network.n_edges - expected) < 4 * np.sqrt(expected)
    assert network.genes == LAB.genes


def test_fame_makes_hubs():
    """Without fame degrees are Poisson; with it, their variance is many times the mean."""
    plain = LAB.network(0, fame_spread=0).degree
    famous = LAB.network(0, fame_spread=1).degree
    assert 0.7 < plain.var() / plain.mean() < 1.4
    assert famous.var() / famous.mean() > 3
    assert famous.max() > 3 * famous.mean()


def test_uninformative_links_are_independent_of_biology():
    """Over many literatures: related pairs are linked at the base rate, hubs have any module."""
    hits = n_links = 0
    ranks = []
    for draw in range(40):
        found = links(LAB.network(0, draw=draw))
        hits += int(found[LAB.related].sum()) // 2
        n_links += int(found.sum()) // 2
        ranks.append(stats.spearmanr(found.sum(axis=1), LAB.related.sum(axis=1)).statistic)
    share = hits / n_links
    assert abs(share - LAB.base_rate) < 0.1 * LAB.base_rate + 4 * np.sqrt(LAB.base_rate / n_links)
    assert stats.ttest_1samp(ranks, 0).pvalue > RARE


@pytest.mark.parametrize("informativeness", [0.2, 0.5, 0.8])
def test_informativeness_is_the_share_of_links_that_are_known(informativeness):
    shares = []
    for draw in range(10):
        found = links(LAB.network(informativeness, draw=draw))
        shares.append(found[LAB.related].sum() / found.sum())
    expected = informativeness + (1 - informativeness) * LAB.base_rate
    assert np.mean(shares) == pytest.approx(expected, abs=0.04)


def test_perfect_literature_links_related_genes_only():
    found = links(LAB.network(1))
    assert found.any()
    assert not found[~LAB.related].any()


def test_hubs_remain_in_an_informative_literature():
    degree = LAB.network(0.5).degree
    assert degree.var() / degree.mean() > 3


def test_more_links_than_related_pairs_give_all_of_them():
    found = links(LAB.network(1, mean_degree=150))
    assert (found == LAB.related).all()


def test_another_draw_is_another_literature():
    hashes = [LAB.network(draw=draw).content_hash for draw in (0, 0, 1)]
    assert hashes[0] == hashes[1] != hashes[2]


@pytest.mark.parametrize(
    "settings",
    [
        {"informativeness": -0.1},
        {"informativeness": 1.1},
        {"mean_degree": -1},
        {"mean_degree": 200},
        {"fame_spread": -1},
    ],
)
def test_impossible_literatures_are_refused(settings):
    with pytest.raises(UsageError):
        LAB.network(**settings)
