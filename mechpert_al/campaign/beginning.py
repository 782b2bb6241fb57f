"""How a campaign begins: settings, a list of candidates, and what was measured before."""

from __future__ import annotations

import json
import os
from pathlib import Path

from mechpert_al import __version__
from mechpert_al.campaign.delivery import under_our_names
from mechpert_al.campaign.folder import CampaignFolder, now
from mechpert_al.campaign.intake import Prepared, prepared
from mechpert_al.campaign.journal import FORMAT
from mechpert_al.campaign.ordering import ground_of
from mechpert_al.campaign.state import Created
from mechpert_al.config import CampaignPrediction, CampaignSettings, LoopNetwork, LoopPanel
from mechpert_al.datasets import resolve

TEMPLATE = """\
# Settings of this campaign, to be changed by hand: they hold from the next command on.
# What happened so far stands in journal.jsonl, which nobody should change.
name = {name}
seed = {seed}
{candidates}
[panel]
path = {panel}
{network}{other_line}
[design]
# strategy = "expected_coverage"  # the default; above 5,000 candidates facility_location
# exclude = ["GENE"]       # never proposed: not expressed, lethal …
# bridging = ["GENE"]      # measured again in every batch
# cost = "costs.csv"       # columns gene, cost and, if wanted, group
# budget = 100.0           # the most that a batch may cost
# max_per_group = 3

[orders]
# library = "library.tsv"  # guides
# control_guides = 0.05    # a share of all guides, or a number
# guides_per_gene = 3
"""


def begin(
    place: CampaignFolder,
    panel: str | Path,
    effects: str | Path | None,
    network: str | Path | None,
    other_line: str | Path | None,
    candidates: str | Path | None,
    seed: int,
    name: str | None,
) -> Prepared | None:
    """Begin a campaign; see `Campaign.create`.

    Every input is read before anything is written.

    Returns
    -------
    Prepared or None
        What was measured before, to be taken in as the first delivery.
    """
    listed = None if candidates is None else resolve(candidates)
    settings = CampaignSettings(
        name=name or place.path.absolute().name or "campaign",
        seed=seed,
        candidates=None if listed is None else f"candidates{listed.suffix}",
        panel=LoopPanel(path=_as_seen_from(place.path, panel)),
        network=None if network is None else LoopNetwork(path=_as_seen_from(place.path, network)),
        prediction=CampaignPrediction(
            other_line=None if other_line is None else _as_seen_from(place.path, other_line)
        ),
    )
    files = {place.settings: _text_of(settings).encode()}
    if listed is not None:
        files[place.path / str(settings.candidates)] = listed.read_bytes()
    place.check_free(files)
    beside = {} if listed is None else {"candidates": str(listed.absolute())}
    ground = ground_of(settings.model_copy(update=beside), place.settings)
    first = None if effects is None else prepared(effects, False, {})
    if first is not None:
        under_our_names(first.table, ground.knowledge.genes, (), first.file)
    event = Created(
        time=now(),
        format=FORMAT,
        version=__version__,
        campaign=settings.name,
        seed=seed,
        n_candidates=len(ground.candidates),
        consensus=ground.knowledge.consensus.content_hash,
        other_line=ground.other_line_hash,
    )
    place.begin(files, event)
    return first


def _text_of(settings: CampaignSettings) -> str:
    """The settings as a file with room for what a person may add."""
    network, candidates = settings.network, settings.candidates
    other = settings.prediction.other_line
    return TEMPLATE.format(
        name=_quoted(settings.name),
        seed=settings.seed,
        candidates="" if candidates is None else f"candidates = {_quoted(candidates)}\n",
        panel=_quoted(settings.panel.path),
        network="" if network is None else f"\n[network]\npath = {_quoted(network.path)}\n",
        other_line="" if other is None else f"\n[prediction]\nother_line = {_quoted(other)}\n",
    )


def _quoted(text: str) -> str:
    """A text as TOML has it."""
    return json.dumps(text, ensure_ascii=False)


def _as_seen_from(folder: Path, path: str | Path) -> str:
    """A path as it must be written in a file of the folder.

    What is not found from here is a shipped example or lies in the user's data folder: it is found
    from there too.
    """
    given = Path(path)
    if given.is_absolute() or not given.exists():
        return str(path)
    return os.path.relpath(given, folder)
