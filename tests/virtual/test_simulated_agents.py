"""Simulated agents: precision, recall and calibration come out as stated."""

from itertools import combinations

import numpy as np
import pytest
from scipy import stats

from mechpert_al.consensus import ConsensusNetwork, Knowledge
from mechpert_al.errors import UsageError
from mechpert_al.virtual import AgentTraits, ResponseModel, VirtualLab

#: A count further from what is stated has less than this probability; some hundred are counted.
RARE = 1e-4
LAB = VirtualLab(seed=1, n_genes=250, n_readouts=300)


def truth(lab: VirtualLab) -> set[tuple[str, str]]:
    """Related pairs, from the noise-free responses alone."""
    with np.errstate(invalid="ignore"):
        correlation = np.corrcoef(lab.responses.specific)
    return {
        (one, other)
        for i, one in enumerate(lab.genes)
        for j, other in enumerate(lab.genes)
        if i != j and correlation[i, j] >= 0.3
    }


def claims(panel, agent: str) -> dict[tuple[str, str], float]:
    return {(h.target, h.regulator): h.confidence for h in panel.hypotheses if h.agent == agent}


@pytest.fixture(scope="module")
def related():
    return truth(LAB)


TRAITS = [
    AgentTraits(precision=0.9, recall=0.5),
    AgentTraits(precision=0.5, recall=0.2, calibration=0.5, confidence=0.6),
    AgentTraits(precision=0.2, recall=0.1, calibration=0),
    AgentTraits(precision=0.02, recall=0.05),
    AgentTraits(precision=1.0, recall=0.3, confidence=0.8),
]


@pytest.mark.parametrize("traits", TRAITS, ids=str)
def test_precision_and_recall_are_as_stated(traits, related):
    panel = LAB.panel(traits=traits, n_agents=3, agreement=0)
    pairs = LAB.n_genes * (LAB.n_genes - 1)
    rate = len(related) / pairs
    assert LAB.base_rate == pytest.approx(rate)
    for agent in panel.agents:
        named = claims(panel, agent)
        hits = len(named.keys() & related)
        assert stats.binomtest(hits, len(related), traits.recall).pvalue > RARE
        alarms = len(named) - hits
        # precision = hits / all named, so misses must come at this odds:
        odds = traits.recall * rate * (1 - traits.precision) / traits.precision / (1 - rate)
        assert stats.binomtest(alarms, pairs - len(related), odds).pvalue > RARE
        assert abs(hits / len(named) - traits.precision) < 4 * np.sqrt(0.25 / len(named))


def test_precision_is_not_met_by_other_agents(related):
    """The count above can fail."""
    named = claims(LAB.panel(traits=TRAITS[0]), "agent1")
    hits = len(named.keys() & related)
    assert stats.binomtest(hits, len(related), 0.4).pvalue < RARE


# ---------------------------------------------------------------------- calibration
CALIBRATED = [
    AgentTraits(precision=0.5, recall=0.6, calibration=1, confidence=0.5),
    AgentTraits(precision=0.5, recall=0.6, calibration=0.5, confidence=0.4),
    AgentTraits(precision=0.3, recall=0.6, calibration=1, confidence=0.7),
    AgentTraits(precision=0.4, recall=0.6, calibration=0, confidence=0.4),
]


@pytest.mark.parametrize("traits", CALIBRATED, ids=str)
def test_stated_confidence_has_the_stated_reliability(traits, related):
    """Share of related pairs in each tenth of confidence, against the line in the docs."""
    said = [
        one
        for draw in range(4)
        for one in claims(LAB.panel(traits=traits, n_agents=1, draw=draw), "agent1").items()
    ]
    is_related = np.array([pair in related for pair, _ in said])
    confidence = np.array([value for _, value in said])
    rate = len(related) / (250 * 249)
    steepest = min(
        (traits.precision - rate) / traits.confidence,
        (1 - traits.precision) / (1 - traits.confidence),
    )
    expected = traits.precision + traits.calibration * steepest * (confidence - traits.confidence)
    for low in np.arange(0, 1, 0.1):
        inside = (confidence > low) & (confidence <= low + 0.1)
        if inside.sum() >= 30:
            share = expected[inside].mean()
            assert stats.binomtest(
                int(is_related[inside].sum()), int(inside.sum()), share
            ).pvalue > (RARE), (low, is_related[inside].mean(), share)


@pytest.mark.parametrize("traits", CALIBRATED, ids=str)
def test_confidences_have_the_stated_mean(traits):
    values = np.array(list(claims(LAB.panel(traits=traits), "agent1").values()))
    assert abs(values.mean() - traits.confidence) < 4 * values.std() / np.sqrt(len(values))
    assert values.min() >= 0.01
    assert values.max() <= 1


def test_a_calibrated_agent_means_what_it_says(related):
    """With confidence = precision the line is nearly the diagonal."""
    traits = AgentTraits(precision=0.5, recall=0.5, calibration=1, confidence=0.5)
    line = traits.reliability(np.array([0.1, 0.5, 0.9]), LAB.base_rate)
    np.testing.assert_allclose(line, [0.1, 0.5, 0.9], atol=LAB.base_rate)


# ---------------------------------------------------------------------- quality
def test_quality_0_is_independent_of_the_truth(related):
    """Named, and how confidently: the same for related and other pairs."""
    panel = LAB.panel(quality=0)
    pairs = LAB.n_genes * (LAB.n_genes - 1)
    for agent in panel.agents:
        named = claims(panel, agent)
        hits = len(named.keys() & related)
        table = [
            [hits, len(named) - hits],
            [len(related) - hits, pairs - len(related) - len(named) + hits],
        ]
        assert stats.chi2_contingency(table).pvalue > RARE
        right = [value for pair, value in named.items() if pair in related]
        wrong = [value for pair, value in named.items() if pair not in related]
        assert stats.ks_2samp(right, wrong).pvalue > RARE


def test_quality_1_is_always_right_and_certain(related):
    panel = LAB.panel(quality=1)
    assert panel.hypotheses
    for hypothesis in panel.hypotheses:
        assert (hypothesis.target, hypothesis.regulator) in related
        assert hypothesis.confidence == 1


@pytest.mark.parametrize("quality", [0, 0.25, 0.5, 0.75, 1])
def test_quality_is_the_share_that_is_known(quality):
    traits = LAB.traits(quality)
    assert traits.precision == pytest.approx(LAB.base_rate * (1 - quality) + quality)
    n_related = LAB.related.sum() / LAB.n_genes
    proposals = traits.recall * n_related / traits.precision
    assert proposals == pytest.approx(7.5) or traits.recall == 1


def test_a_target_gets_about_as_many_proposals_as_from_a_real_agent():
    panel = LAB.panel(quality=0.4, n_agents=1)
    mean = len(claims(panel, "agent1")) / LAB.n_genes
    assert abs(mean - 7.5) < 4 * np.sqrt(7.5 / LAB.n_genes)


# ---------------------------------------------------------------------- agreement
@pytest.mark.parametrize("agreement", [0, 0.4, 1])
def test_agents_agree_as_much_as_stated(agreement):
    """Correlation of two agents' decisions, among related and among other pairs."""
    traits = AgentTraits(precision=0.5, recall=0.4)
    panel = LAB.panel(traits=traits, agreement=agreement)
    layers = ConsensusNetwork.from_panel(panel).layers
    named = [layer.toarray() != 0 for layer in layers.values()]
    for one, other in combinations(named, 2):
        for stratum in (LAB.related, ~LAB.related & ~np.eye(LAB.n_genes, dtype=bool)):
            phi = np.corrcoef(one[stratum], other[stratum])[0, 1]
            assert abs(phi - agreement) < 0.05
    if agreement == 1:
        first, second, _ = layers.values()
        assert (first != second).nnz == 0


# ---------------------------------------------------------------------- hallucination
@pytest.mark.parametrize("share", [0, 0.1, 0.5])
def test_invented_genes_are_dropped_and_counted(share):
    panel = LAB.panel(quality=0.5, hallucination=share)
    assert {one.reason for one in panel.dropped} <= {"unknown_gene"}
    assert not {one.regulator for one in panel.dropped} & set(LAB.genes)
    n_dropped, n_admitted = len(panel.dropped), len(panel.hypotheses)
    expected = n_admitted * share / (1 - share)
    assert abs(n_dropped - expected) <= 5 * np.sqrt(2 * expected + 1)


# ---------------------------------------------------------------------- who votes, who may differ
def test_the_similarity_agent_is_a_baseline():
    panel = LAB.panel(n_agents=2)
    assert panel.voters == ("agent1", "agent2")
    assert panel.baselines == ("similarity",)
    known = Knowledge.from_panel(panel)
    assert list(known.consensus.layers) == ["agent1", "agent2"]
    assert list(known.similarity.layers) == ["similarity"]


def test_agents_of_one_panel_may_differ(related):
    panel = LAB.panel(traits=[LAB.traits(1), LAB.traits(0)], similarity=0.5)
    right = {
        agent: np.mean([pair in related for pair in claims(panel, agent)]) for agent in panel.agents
    }
    assert right["agent1"] == 1
    assert right["agent2"] < 0.15 < right["similarity"] < 0.85


def test_another_draw_is_another_panel_of_the_same_kind():
    first, again, second = (LAB.panel(draw=draw).hypotheses for draw in (0, 0, 1))
    assert first == again
    assert first != second


def test_adding_an_agent_leaves_the_others_alone():
    two, three = LAB.panel(n_agents=2), LAB.panel(n_agents=3)
    assert claims(two, "agent2") == claims(three, "agent2")


# ---------------------------------------------------------------------- wrong settings
def test_a_lab_in_which_nothing_is_related_has_no_agents():
    lab = VirtualLab(0, 30, 200, model=ResponseModel(shared=0))
    assert not lab.related.any()
    with pytest.raises(UsageError, match="related"):
        lab.panel()


@pytest.mark.parametrize(
    "settings",
    [
        {"precision": 0, "recall": 0.5},
        {"precision": 0.5, "recall": 1.5},
        {"precision": 0.5, "recall": 0.5, "confidence": 0},
        {"precision": 0.5, "recall": 0.5, "calibration": -1},
        {"precision": 0.5, "recall": 0.5, "hallucination": 1},
        {"precision": float("nan"), "recall": 0.5},
    ],
)
def test_impossible_agents_are_refused(settings):
    with pytest.raises(UsageError):
        AgentTraits(**settings)


def test_precision_and_recall_must_go_together():
    """Naming every pair has the base rate for precision: less is impossible at recall 1."""
    with pytest.raises(UsageError, match="no agent has precision"):
        LAB.panel(traits=AgentTraits(precision=LAB.base_rate / 2, recall=1))


@pytest.mark.parametrize(
    "settings", [{"quality": 1.5}, {"quality": -0.1}, {"agreement": 2}, {"traits": []}]
)
def test_impossible_panels_are_refused(settings):
    with pytest.raises(UsageError):
        LAB.panel(**settings)
