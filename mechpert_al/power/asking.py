"""Is it worth asking agents again? Measured in virtual labs, with permuted evidence as control."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mechpert_al.consensus.contradictions import doubts
from mechpert_al.errors import UsageError
from mechpert_al.evaluation.statistics import interval, verdict
from mechpert_al.power.bench import AgentQuality, Bench
from mechpert_al.power.result import bootstrap_weights
from mechpert_al.virtual.evidence import AskedAgain, Reading
from mechpert_al.virtual.lab import AGREEMENT, VirtualLab

if TYPE_CHECKING:
    import pandas as pd

FORMAT = "mechpert-al power ask-again 1"
N_LABS, N_GENES, N_READOUTS = 60, 200, 200
BATCH, ROUNDS = 10, 5
#: Targets that are asked about again after a round, at most.
MOST = 40
#: Precision of the agents: poor ones, and such as those of the shipped panel.
PRECISIONS = (0.35, 0.65)
READINGS: tuple[Reading, ...] = ("ignored", "used", "permuted")
NEVER = "never asked again"
ARMS = {
    NEVER: None,
    "asked again, evidence not read": READINGS[0],
    "asked again, evidence used": READINGS[1],
    "asked again, evidence permuted": READINGS[2],
}
#: What is compared with what.
CONTRASTS = (
    ("asked again, evidence used", NEVER),
    ("asked again, evidence used", "asked again, evidence not read"),
    ("asked again, evidence used", "asked again, evidence permuted"),
    ("asked again, evidence not read", NEVER),
    ("asked again, evidence permuted", "asked again, evidence not read"),
)


@dataclass(frozen=True, eq=False)
class AskAgainEffect:
    """What asking again does to the score.

    Parameters
    ----------
    settings
        What was run.
    curves
        One row a precision, arm and number of anchors: mean score with its interval, and how many
        targets were asked about again so far (mean over labs).
    contrasts
        One row a precision, number of anchors and pair of arms: paired difference over labs.
    """

    settings: Mapping[str, Any]
    curves: Sequence[Mapping[str, Any]]
    contrasts: Sequence[Mapping[str, Any]]

    def as_document(self) -> dict[str, Any]:
        """Everything as one JSON document."""
        return {
            "format": FORMAT,
            "simulated": True,
            "settings": dict(self.settings),
            "statements": self.statements,
            "curves": list(self.curves),
            "contrasts": list(self.contrasts),
        }

    def frame(self) -> pd.DataFrame:
        """The paired differences as a pandas table."""
        import pandas as pd

        return pd.DataFrame(self.contrasts)

    @property
    def statements(self) -> list[str]:
        """The differences after the last round in words; an interval with 0 in it is a tie."""
        last = max(row["anchors"] for row in self.contrasts)
        return [
            f"Agents of precision {row['precision']:g}, {last} anchors: {row['arm']} against "
            f"{row['against']}: {row['value']:+.3f} [{row['low']:+.3f}, {row['high']:+.3f}], "
            f"a {row['verdict']}."
            for row in self.contrasts
            if row["anchors"] == last
        ]


def ask_again_effect(
    *,
    precisions: Sequence[float] = PRECISIONS,
    n_labs: int = N_LABS,
    n_agents: int = 3,
    agreement: float = AGREEMENT,
    batch: int = BATCH,
    rounds: int = ROUNDS,
    most: int = MOST,
    seed: int = 0,
    n_jobs: int = 1,
    progress: Callable[[int], None] = lambda n: None,
) -> AskAgainEffect:
    """Measure what asking again after each round is worth.

    Parameters
    ----------
    precisions
        Of the agents; each is an experiment of its own in the same labs.
    n_labs, n_agents, agreement
        Labs, agents that vote, and how alike they decide.
    batch, rounds
        Genes in a round, and rounds.
    most
        Targets asked about again after a round, at most.
    seed
        The labs have this seed and those after it.
    n_jobs
        Processes; the numbers do not depend on it.
    progress
        Called with 1 after each lab.
    """
    from joblib import Parallel, delayed

    if n_labs < 4:
        raise UsageError(f"{n_labs} labs give no interval", "Take at least 4.")
    calls = (
        delayed(_lab)(
            VirtualLab(number, N_GENES, N_READOUTS),
            tuple(precisions), n_agents, agreement, batch, rounds, most,
        )
        for number in range(seed, seed + n_labs)
    )  # fmt: skip
    rows = []
    for row in Parallel(n_jobs=n_jobs, return_as="generator")(calls):
        rows.append(row)
        progress(1)
    settings = {
        "precisions": list(precisions),
        "n_labs": n_labs,
        "n_genes": N_GENES,
        "n_agents": n_agents,
        "agreement": agreement,
        "batch": batch,
        "rounds": rounds,
        "most": most,
        "seed": seed,
    }
    return _summarised(rows, settings)


Step = tuple[float, str, int]


def _lab(
    lab: VirtualLab,
    precisions: tuple[float, ...],
    n_agents: int,
    agreement: float,
    batch: int,
    rounds: int,
    most: int,
) -> dict[Step, tuple[float, int]]:
    """Score and number of repeated questions for each precision, arm and number of anchors."""
    from threadpoolctl import threadpool_limits

    found: dict[Step, tuple[float, int]] = {}
    with threadpool_limits(1, "blas"):
        bench = Bench(lab)
        for precision in precisions:
            agents = (AgentQuality(precision),) * n_agents
            for arm, reading in ARMS.items():
                steps = _rounds(bench, agents, agreement, reading, batch, rounds, most)
                for anchors, score, n_asked in steps:
                    found[precision, arm, anchors] = (score, n_asked)
    return found


def _rounds(
    bench: Bench,
    agents: tuple[AgentQuality, ...],
    agreement: float,
    reading: Reading | None,
    batch: int,
    rounds: int,
    most: int,
) -> list[tuple[int, float, int]]:
    """Propose, measure, ask again, propose again: anchors, score and questions after each round."""
    network = bench.consensus(agents, agreement)
    anchors = np.zeros(0, dtype=int)
    n_asked = 0
    found = []
    for number in range(1, rounds + 1):
        anchors = np.concatenate([anchors, bench.design(network.kernel, batch, anchors)])
        if reading is not None:
            asked = doubts(network, network.kernel, anchors, bench.measured[anchors], most=most)
            traits = tuple(one.traits(bench.lab) for one in agents)
            voices = AskedAgain(bench.lab, traits, agreement, reading)
            network = voices.answer(network, asked, number)
            n_asked += len(asked)
        found.append((len(anchors), bench.score(network.kernel, anchors), n_asked))
    return found


def _summarised(
    rows: Sequence[Mapping[Step, tuple[float, int]]], settings: Mapping[str, Any]
) -> AskAgainEffect:
    scores = {step: np.array([row[step][0] for row in rows]) for step in rows[0]}
    questions = {step: float(np.mean([row[step][1] for row in rows])) for step in rows[0]}
    weights = bootstrap_weights(len(rows), settings["seed"])
    curves = []
    for (precision, arm, anchors), values in scores.items():
        mean = interval(float(values.mean()), weights @ values)
        curves.append(
            {
                "precision": precision,
                "arm": arm,
                "anchors": anchors,
                "value": mean.value,
                "low": mean.low,
                "high": mean.high,
                "questions": questions[precision, arm, anchors],
            }
        )
    contrasts = []
    for precision, anchors in dict.fromkeys((p, n) for p, _, n in scores):
        for arm, rival in CONTRASTS:
            apart = scores[precision, arm, anchors] - scores[precision, rival, anchors]
            gain = interval(float(apart.mean()), weights @ apart)
            contrasts.append(
                {
                    "precision": precision,
                    "anchors": anchors,
                    "arm": arm,
                    "against": rival,
                    "value": gain.value,
                    "low": gain.low,
                    "high": gain.high,
                    "verdict": verdict(gain),
                }
            )
    return AskAgainEffect(settings, curves, contrasts)
