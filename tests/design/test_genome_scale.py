"""Very many candidates: the same picks and values as with few, and no matrix of all pairs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import sparse

from mechpert_al.campaign import Campaign
from mechpert_al.consensus import Knowledge, coverage, diffusion_kernel
from mechpert_al.consensus.large_kernel import LargeKernel
from mechpert_al.design import plan
from mechpert_al.design.coverage import KernelCoverage
from mechpert_al.design.greedy import greedy
from mechpert_al.design.objectives import ExpectedCoverage, FacilityLocation
from mechpert_al.errors import UsageError
from mechpert_al.prediction import predict
from mechpert_al.testing import ToyScreen, toy_screen


@pytest.fixture(scope="module")
def world() -> ToyScreen:
    return toy_screen(seed=4, n_genes=200)


@pytest.fixture
def _large(monkeypatch: pytest.MonkeyPatch) -> None:
    """A world that counts as large, in which nobody may make a dense kernel."""

    def refuse(*_: object) -> None:
        raise AssertionError("a dense kernel was made")

    monkeypatch.setattr("mechpert_al.consensus.kernel.DENSE_LIMIT", 199)
    monkeypatch.setattr("mechpert_al.consensus.kernel.diffusion_kernel", refuse)


def random_links(n: int, seed: int, n_agents: int = 3) -> list[sparse.csr_array]:
    """Symmetric links of few distinct sizes, so that there are ties."""
    random = np.random.default_rng(seed)
    found = []
    for _ in range(n_agents):
        half = sparse.random_array((n, n), density=6 / n, rng=random, format="csr")
        half.data = np.round(half.data, 1)
        found.append(sparse.csr_array((half + half.T) / 2))
    return found


def plain_picks(
    links: list[sparse.csr_array], n_picks: int, ranks: np.ndarray, given: list[int]
) -> tuple[list[int], list[float]]:
    """Greedy facility location on dense matrices, every gain anew at every turn."""
    dense = np.stack([np.clip(one.toarray(), 0, 1) for one in links])
    for one in dense:
        np.fill_diagonal(one, 1)
    best = dense[:, :, given].max(axis=2, initial=0)
    picks, gains = [], []
    for _ in range(n_picks):
        gain = np.maximum(dense - best[:, :, None], 0).sum(axis=(0, 1)) / len(links)
        gain[picks + given] = -1
        tied = np.flatnonzero(gain >= gain.max() * (1 - 1e-9))
        pick = int(tied[np.argmin(ranks[tied])])
        picks.append(pick)
        gains.append(float(gain[pick]))
        best = np.maximum(best, dense[:, :, pick])
    return picks, gains


@pytest.mark.parametrize("n", [20, 60, 250, 900])
@pytest.mark.parametrize("given", [[], [3, 7]])
def test_lazy_sparse_picks_are_those_of_the_plain_dense_path(n: int, given: list[int]) -> None:
    links, ranks = random_links(n, n), np.random.default_rng(n).permutation(n)
    allowed = np.setdiff1d(np.arange(n), given)
    picks, gains = plain_picks(links, 15, ranks, given)
    found = greedy(
        FacilityLocation(links), allowed, 15, given=np.array(given, int), tie_ranks=ranks
    )
    assert list(found.picks) == picks
    np.testing.assert_allclose(found.gains, gains, atol=1e-8)


@pytest.mark.usefixtures("_large")
def test_batch_of_a_large_panel(world: ToyScreen) -> None:
    known = Knowledge.from_panel(world.panel, world.prior)
    measured, pending = world.genes[:5], world.genes[5:8]
    batch = plan(known, 12, effects=world.effects.take(measured), pending=pending)
    assert batch.strategy == "facility_location"
    assert any("direct links" in notice for notice in batch.notices)
    place = known.consensus.index
    links = np.stack([one.toarray() for one in known.consensus.agent_links])
    for one in links:
        np.fill_diagonal(one, 1)

    def served(genes: list[str]) -> np.ndarray:
        return links[:, :, [place[gene] for gene in genes]].max(axis=2).mean(axis=0)

    anchors = [*measured, *pending]
    before = served(anchors)
    assert batch.coverage_before == pytest.approx(before.mean())
    for pick in batch:
        anchors.append(pick.gene)
        after = served(anchors)
        assert pick.coverage_after == pytest.approx(after.mean())
        assert pick.utility == pytest.approx(after.sum() - before.sum())
        crossed = {
            gene for gene, i in place.items() if before[i] < 0.1 <= after[i] and gene != pick.gene
        }
        assert set(pick.newly_covered) == crossed
        before = after
    numbers = np.array([place[gene] for gene in anchors])
    np.testing.assert_allclose(known.coverage(numbers), after)


def test_one_more_candidate_than_the_limit_changes_the_default(
    world: ToyScreen, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = Knowledge.from_panel(world.panel)
    monkeypatch.setattr("mechpert_al.consensus.kernel.DENSE_LIMIT", 200)
    assert plan(known, 1).strategy == "expected_coverage"
    monkeypatch.setattr("mechpert_al.consensus.kernel.DENSE_LIMIT", 199)
    assert plan(known, 1).strategy == "facility_location"
    assert plan(known, 1, strategy="random").strategy == "random"


@pytest.mark.usefixtures("_large")
def test_a_strategy_that_needs_all_pairs_says_so(
    world: ToyScreen, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert len(plan(world.panel, 3, strategy="uncertainty", candidates=world.genes[:50])) == 3
    monkeypatch.setattr("mechpert_al.consensus.large_kernel.MOST", 150)
    with pytest.raises(UsageError, match="all pairs") as caught:
        plan(world.panel, 3, strategy="uncertainty")
    assert "facility_location" in str(caught.value.hint)


@pytest.mark.usefixtures("_large")
def test_expected_coverage_and_kriging_work_on_a_large_panel(world: ToyScreen) -> None:
    batch = plan(world.panel, 5, strategy="expected_coverage")
    assert len(set(batch.genes)) == 5
    table = predict(world.effects.take(world.genes[:40]), world.panel)
    assert np.isfinite(table.deviation).all()
    assert len(table.targets) == 160


def test_campaign_of_a_large_panel(
    toy_panel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mechpert_al.consensus.kernel.DENSE_LIMIT", 17)
    campaign = Campaign.create(tmp_path / "campaign", toy_panel)
    batch = campaign.propose(4)
    assert batch.strategy == "facility_location"
    told = campaign.status()
    assert told.outlook.next is not None
    assert told.outlook.next.strategy == "facility_location"
    assert told.outlook.after_pending == pytest.approx(batch.picks[-1].coverage_after)
    assert any("direct links" in notice for notice in told.notices)
    values = [value for _, value in told.outlook.curve]
    assert values == sorted(values)


# ---------------------------------------------------------------------- expected coverage
def modular(n: int, seed: int) -> sparse.csr_array:
    """Modules of 10 to 40, nine in ten links within them."""
    random = np.random.default_rng(seed)
    module = np.repeat(np.arange(n), random.integers(10, 41, n))[:n]
    first = np.searchsorted(module, module)
    size = np.bincount(module)[module]
    gene = np.repeat(np.arange(n), 10)
    partner = first[gene] + random.integers(0, 1 << 30, gene.size) % size[gene]
    partner[::10] = random.integers(0, n, n)
    return sparse.csr_array((random.random(gene.size), (gene, partner)), shape=(n, n))


@pytest.mark.parametrize("given", [[], list(range(0, 1000, 60))])
def test_expected_coverage_loses_at_most_one_per_cent(given: list[int]) -> None:
    n, taken = 1000, np.array(given, dtype=int)
    weights = modular(n, 1)
    dense = diffusion_kernel(weights)
    large = LargeKernel(weights, [f"{i:04d}" for i in range(n)])
    allowed = np.setdiff1d(np.arange(n), taken)
    exact = greedy(ExpectedCoverage(dense), allowed, 30, given=taken)
    found = greedy(ExpectedCoverage(large), allowed, 30, given=taken)  # type: ignore[arg-type]
    start = coverage(dense, taken).sum()
    values = [coverage(dense, np.array([*given, *one.picks])).sum() for one in (found, exact)]
    assert values[0] - start >= 0.99 * (values[1] - start)
    # What is said of each pick is its true gain, as far as scales are known.
    told = np.cumsum(found.gains)[[4, 14, 29]]
    true = [coverage(dense, np.array([*given, *found.picks[:k]])).sum() for k in (5, 15, 30)]
    np.testing.assert_allclose(told, np.array(true) - start, rtol=0.01)


def test_coverage_anchor_by_anchor_is_coverage(world: ToyScreen) -> None:
    kernel = world.knowledge.kernel
    given, more = np.array([4, 9, 30]), [2, 77, 123]
    so_far = KernelCoverage(kernel, given, len(more))
    np.testing.assert_allclose(so_far.values, coverage(kernel, given), atol=1e-12)
    for k, anchor in enumerate(more, start=1):
        so_far.add(anchor)
        expected = coverage(kernel, np.array([*given, *more[:k]]))
        np.testing.assert_allclose(so_far.values, expected, atol=1e-12)
    np.testing.assert_array_equal(KernelCoverage(kernel, np.zeros(0, int), 0).values, 0)
