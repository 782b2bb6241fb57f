"""Any sequence of commands against a simple model in memory."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from mechpert_al.campaign import Campaign
from mechpert_al.errors import DataError, NothingLeftError, UsageError
from mechpert_al.testing import ToyScreen

STRANGERS = ("ELSE1", "ELSE2")
N_GENES = 18
#: Each gene may come with these numbers: version → what is added to its row, and its cells.
VERSIONS = {0: (0.0, 10), 1: (1.0, 30), 2: (-2.0, 5)}

decisions = st.sampled_from([{}, {}, {"replace": True}, {"replicate": True}])
versions = st.dictionaries(
    st.integers(0, N_GENES + len(STRANGERS) - 1), st.sampled_from([0, 0, 0, 1, 2]), min_size=1,
    max_size=5,
)  # fmt: skip


class Machine(RuleBasedStateMachine):
    """The campaign, and what it ought to know."""

    def __init__(self, toy: ToyScreen, panel: Path, folder: Path) -> None:
        super().__init__()
        self.genes = (*toy.genes, *STRANGERS)
        rows = np.random.default_rng(5).normal(size=(len(self.genes), 4)).round(3)
        self.rows = dict(zip(self.genes, rows, strict=True))
        self.folder = folder
        self.campaign = Campaign.create(folder / "campaign", panel)
        self.candidates = set(toy.genes)
        self.measured: dict[str, list[int]] = {}
        self.pending: set[str] = set()
        self.failed: set[str] = set()
        self.abandoned: set[str] = set()
        self.n_rounds = 0
        self.n_records = 1
        self.numbers = itertools.count()

    # ------------------------------------------------------------------ commands
    @rule(n=st.integers(1, 6))
    def propose(self, n: int) -> None:
        allowed = self.candidates - {*self.measured, *self.pending, *self.abandoned}
        if not allowed:
            with pytest.raises(NothingLeftError):
                self.campaign.propose(n)
            return
        genes = self.campaign.propose(n).genes
        assert len(genes) == min(n, len(allowed))
        assert set(genes) <= allowed
        self.pending |= set(genes)
        self.failed -= set(genes)
        self.n_rounds += 1
        self.n_records += 1

    @rule(delivered=versions, decision=decisions)
    def ingest(self, delivered: dict[int, int], decision: dict[str, bool]) -> None:
        version_of = {self.genes[number]: version for number, version in delivered.items()}
        path = self._table(version_of)
        new = {gene for gene in version_of if gene not in self.measured}
        other = {
            gene
            for gene, version in version_of.items()
            if gene in self.measured and version not in self.measured[gene]
        }
        if other and not decision:
            with pytest.raises(DataError) as caught:
                self.campaign.ingest(path)
            assert all(gene in caught.value.message for gene in other)
            return
        intake = self.campaign.ingest(path, **decision)
        assert set(intake.delivery.new) == new
        assert set(intake.delivery.not_ordered) == new - self.pending
        assert set(intake.delivery.known) == set(version_of) - new - other
        for gene in new | other:
            is_pooled = gene in other and "replicate" in decision
            self.measured[gene] = (self.measured[gene] if is_pooled else []) + [version_of[gene]]
        self.pending -= new
        self.failed -= new
        self.n_records += bool(new | other)

    @rule(
        number=st.integers(0, N_GENES - 1),
        fate=st.sampled_from(["failed", "abandoned"]),
        drop=st.booleans(),
    )
    def withdraw(self, number: int, fate: str, drop: bool) -> None:
        gene = self.genes[number]
        is_measured = gene in self.measured
        is_owed = gene in self.pending or is_measured
        if (is_measured and not drop) or (fate == "failed" and not is_owed):
            with pytest.raises(UsageError, match=gene):
                self.campaign.withdraw([gene], fate, "a reason", drop_measurements=drop)
            return
        self.campaign.withdraw([gene], fate, "a reason", drop_measurements=drop)
        self.measured.pop(gene, None)
        self.pending.discard(gene)
        if fate == "failed":
            self.failed.add(gene)
        else:
            self.failed.discard(gene)
            self.abandoned.add(gene)
        self.n_records += 1

    @rule()
    def reopen(self) -> None:
        self.campaign = Campaign.open(self.campaign.folder.path)
        assert self.campaign.notices == ()

    @rule(text=st.sampled_from([b'{"seq": 9, "prev', b"\0\0\0", b"{"]))
    def tear(self, text: bytes) -> None:
        with self.campaign.folder.journal.path.open("ab") as stream:
            stream.write(text)
        self.campaign = Campaign.open(self.campaign.folder.path)
        assert f"line {self.n_records + 1}" in self.campaign.notices[0]
        gene = self.genes[0]  # the next record takes its place
        self.campaign.withdraw([gene], "abandoned", "torn", drop_measurements=True)
        self.measured.pop(gene, None)
        self.pending.discard(gene)
        self.failed.discard(gene)
        self.abandoned.add(gene)
        self.n_records += 1

    @precondition(lambda self: self.measured)
    @rule()
    def lose_what_is_derived(self) -> None:
        self.campaign.folder.effects_file.unlink()
        self.campaign = Campaign.open(self.campaign.folder.path)

    # ------------------------------------------------------------------ what must hold
    @invariant()
    def knows_the_facts(self) -> None:
        state = self.campaign.state
        assert set(state.measured) == set(self.measured)
        assert set(state.pending) == self.pending
        assert set(state.failed) == self.failed
        assert set(state.abandoned) == self.abandoned
        assert len(state.rounds) == self.n_rounds
        assert state.n_records == self.n_records
        assert not set(state.pending) & set(state.measured)

    @invariant()
    def has_every_number(self) -> None:
        effects = self.campaign.effects
        if not self.measured:
            assert effects is None
            return
        assert set(effects.perturbations) == set(self.measured)
        for gene, found in self.measured.items():
            cells = np.array([VERSIONS[version][1] for version in found])
            rows = np.array([self.rows[gene] + VERSIONS[version][0] for version in found])
            expected = (cells[:, None] * rows.astype(np.float32)).sum(axis=0) / cells.sum()
            row = effects.row_of[gene]
            np.testing.assert_allclose(effects.values[row], expected, rtol=1e-5, atol=1e-6)
            assert effects.n_cells[row] == cells.sum()

    def _table(self, version_of: dict[str, int]) -> Path:
        lines = ["perturbation,R0,R1,R2,R3,n_cells"]
        for gene, version in version_of.items():
            shift, cells = VERSIONS[version]
            values = ",".join(f"{value + shift:.3f}" for value in self.rows[gene])
            lines.append(f"{gene},{values},{cells}")
        path = self.folder / f"delivery{next(self.numbers)}.csv"
        path.write_text("\n".join(lines) + "\n")
        return path


def test_any_sequence_of_commands(toy, toy_panel, tmp_path):
    numbers = itertools.count()

    def machine() -> Machine:
        folder = tmp_path / f"{next(numbers)}"
        folder.mkdir()
        return Machine(toy, toy_panel, folder)

    run_state_machine_as_test(
        machine, settings=settings(max_examples=15, stateful_step_count=12, deadline=None)
    )
