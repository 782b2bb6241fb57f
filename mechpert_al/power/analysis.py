"""A power analysis as one call: inputs in, answers out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mechpert_al.agents.panel import Panel
from mechpert_al.effects.table import EffectTable
from mechpert_al.errors import UsageError
from mechpert_al.networks import PriorNetwork
from mechpert_al.power.bench import AgentQuality
from mechpert_al.power.result import Power, summarise
from mechpert_al.power.study import PRECISIONS, PowerSettings, run_labs
from mechpert_al.virtual.fitting import LabFit, fit_lab
from mechpert_al.virtual.lab import AGREEMENT, VirtualLab
from mechpert_al.virtual.panel_fitting import PanelFit, fit_literature, fit_panel

#: Genes, readouts and number of the labs when no screen is given.
N_GENES, N_READOUTS, N_LABS = 300, 200, 24
#: Labs of a fitted kind, which are larger.
N_FITTED_LABS = 12
#: Agents like those of the shipped panel beside K562 (see docs/power.md), and their number.
USUAL, N_AGENTS = AgentQuality(0.65, grading=0.85), 3


@dataclass(frozen=True)
class Fitted:
    """A kind of virtual lab, and agents and literature for it.

    Parameters
    ----------
    lab
        The kind of lab.
    agents, agreement
        The panel's agents; None: not known.
    literature
        Arguments of `VirtualLab.network`.
    fit, panel_fit
        How they were found, where a screen and a panel were given.
    """

    lab: VirtualLab
    agents: tuple[AgentQuality, ...] | None = None
    agreement: float | None = None
    literature: dict[str, float] | None = None
    fit: LabFit | None = None
    panel_fit: PanelFit | None = None

    @property
    def listed(self) -> float | None:
        """Share of the readouts listed by rank; None for labs with magnitudes."""
        return None if self.fit is None else self.fit.listed

    @property
    def notices(self) -> tuple[str, ...]:
        """What had to be assumed."""
        if self.fit is None:
            return (
                "no screen was given: labs have the default parameters, which resemble an "
                "essential-gene screen in K562; --effects FILE fits them to one",
            )
        return self.fit.notices


def fitted(
    effects: EffectTable | None = None,
    panel: Panel | None = None,
    network: PriorNetwork | None = None,
    *,
    n_genes: int | None = None,
    seed: int = 0,
    say: Callable[[str], None] = lambda text: None,
) -> Fitted:
    """A kind of virtual lab like a screen, agents like a panel's, a literature like a network.

    Parameters
    ----------
    effects
        A measured screen; None: labs with the default parameters.
    panel, network
        Measured against the screen, so they need one.
    n_genes
        Candidates of a lab; by default as many as the screen has perturbations, or 300.
    seed
        Of the search.
    say
        Told what is being done.
    """
    if effects is None:
        if panel is not None or network is not None:
            raise UsageError(
                "a panel or a network was given without a screen to measure it by",
                "Give --effects too, or state the agents' precision.",
            )
        return Fitted(VirtualLab(seed, n_genes or N_GENES, N_READOUTS))
    say(f"fitting a virtual lab to {effects.n_perturbations} perturbations (a minute or two)")
    fit = fit_lab(effects, seed=seed)
    panel_fit = None if panel is None else fit_panel(panel, effects, fit)
    agents = None
    if panel_fit is not None:
        agents = tuple(
            AgentQuality(
                traits.precision,
                calibration=traits.calibration,
                hallucination=traits.hallucination,
                confidence=traits.confidence,
                grading=traits.grading,
            )
            for traits in panel_fit.traits.values()
        )
    return Fitted(
        replace(fit.lab, n_genes=n_genes or fit.lab.n_genes),
        agents,
        None if panel_fit is None else panel_fit.agreement,
        None if network is None else fit_literature(network, effects, fit),
        fit,
        panel_fit,
    )


def power(
    kind: Fitted | None = None,
    *,
    agents: Sequence[AgentQuality] | None = None,
    agreement: float | None = None,
    n_labs: int | None = None,
    n_jobs: int = 1,
    progress: Callable[[int], None] = lambda n: None,
    **settings: Any,
) -> Power:
    """Answer by virtual labs: how good must agents be, how to divide cells, how many agents.

    Parameters
    ----------
    kind
        See `fitted`; default labs without.
    agents, agreement
        The panel that is planned with; by default the fitted one, or three agents like those of
        the shipped panel.
    n_labs
        Virtual labs; 24 by default, 12 of a fitted kind.
    n_jobs
        Processes; the numbers do not depend on it.
    progress
        Called with 1 after each lab.
    settings
        Further fields of `PowerSettings`: precisions, anchors, cells, goal, n_draws, seed.
    """
    kind = kind or fitted()
    chosen = tuple(agents or kind.agents or (USUAL,) * N_AGENTS)
    shared = agreement if agreement is not None else kind.agreement
    asked = settings.pop("precisions", PRECISIONS)
    plan = PowerSettings(
        agents=chosen,
        agreement=AGREEMENT if shared is None else shared,
        precisions=tuple(sorted({*PRECISIONS, *asked})),
        literature=kind.literature or {},
        n_labs=n_labs or (N_LABS if kind.fit is None else N_FITTED_LABS),
        **settings,
    )
    rows = run_labs(kind.lab, plan, listed=kind.listed, n_jobs=n_jobs, progress=progress)
    return summarise(rows, plan, kind.lab.as_document(), kind.notices)
