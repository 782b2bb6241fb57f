"""Every file that a person writes, as a model that says exactly what is wrong with it.

Text is TOML. A key that is not known is an error, and so is a value of another type: ``"10"`` is no
number here, and ``true`` is not 1.
"""

from __future__ import annotations

import difflib
import json
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from mechpert_al.errors import ConfigError

# ---------------------------------------------------------------------- reading
Name = Annotated[str, Field(min_length=1)]
Seed = Annotated[int, Field(ge=0)]
Fraction = Annotated[float, Field(gt=0, lt=1)]
Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1)]

_PYDANTIC_OPENING = re.compile(r"^(Value error, |\w+ should (be|have) )")

Model = TypeVar("Model", bound="Settings")
#: Keys and list numbers that lead to a value.
Place = tuple[int | str, ...]


class Settings(BaseModel):
    """Base of all files and their sections: frozen, and no unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


def load_toml(path: str | Path, model: type[Model]) -> Model:
    """Read a TOML file.

    Parameters
    ----------
    path
        The file.
    model
        What must be in it.

    Raises
    ------
    ConfigError
        If it cannot be read, is not TOML, or a key or value is wrong; each wrong one is named with
        its place, its value and what was expected, an unknown key with the nearest valid ones.
    """
    try:
        document = tomllib.loads(Path(path).read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ConfigError(
            f"{path}: {error.strerror}", "Put the file there, or give another path."
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 text", "Save it in UTF-8.") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(
            f"{path}: not TOML: {error}", 'Write key = value, with text in "quotes".'
        ) from error
    return validated(document, model, str(path))


def validated(document: Mapping[str, Any], model: type[Model], source: str) -> Model:
    """Check what a file holds.

    Parameters
    ----------
    document
        Its content.
    model
        What must be in it.
    source
        The file's name, for messages.

    Raises
    ------
    ConfigError
        As `load_toml`.
    """
    text = json.dumps(document, default=str)  # strict JSON: lists may be tuples, "1" is no number
    try:
        return model.model_validate_json(text, strict=True)
    except ValidationError as error:
        wrong = _by_place(error.errors(), document)
    problems = [_told(place, errors, model) for place, errors in wrong.items()]
    raise ConfigError(
        "\n".join(f"{source}: {message}" for message, _ in problems),
        " ".join(dict.fromkeys(hint for _, hint in problems if hint)),
    )


def _by_place(
    errors: Iterable[ErrorDetails], document: Mapping[str, Any]
) -> dict[Place, list[ErrorDetails]]:
    """What is wrong at each place; a key that may have several types has an error for each."""
    found: dict[Place, list[ErrorDetails]] = {}
    for error in errors:
        place: list[int | str] = []
        inner: Any = document
        for part in error["loc"]:  # parts that are no keys tell which of several types was tried
            if part in inner if isinstance(inner, Mapping) else isinstance(part, int):
                place.append(part)
                inner = inner[part]
        if error["type"] == "missing":
            place.append(error["loc"][-1])
        found.setdefault(tuple(place), []).append(error)
    return found


def _told(place: Place, errors: Sequence[ErrorDetails], model: type[BaseModel]) -> tuple[str, str]:
    """What is wrong, and how to mend it."""
    key = _dotted(place)
    value = json.dumps(errors[0]["input"], ensure_ascii=False)
    if errors[0]["type"] == "missing":
        return f"key {key} is missing", "Add it."
    if errors[0]["type"] == "extra_forbidden":
        valid = list(_fields(model, place[:-1]))
        near = difflib.get_close_matches(str(place[-1]), valid, n=3, cutoff=0.5)
        guess = f"Did you mean {' or '.join(near)}? " if near else ""
        where = _dotted(place[:-1]) or "the file"
        return f"unknown key {key} (= {value})", f"{guess}Keys of {where}: {', '.join(valid)}."
    expected = dict.fromkeys(_PYDANTIC_OPENING.sub("", error["msg"]) for error in errors)
    return f"{key} is {value}, expected {' or '.join(expected)}", "Correct the value."


def _dotted(place: Place) -> str:
    """Place of a key as one would write it: ``effects[1].role``."""
    text = ""
    for part in place:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def _fields(model: type[BaseModel], place: Place) -> Iterator[str]:
    """Valid keys at a place below a model."""
    for part in place:
        if part in model.model_fields:
            inner = _models(model.model_fields[str(part)].annotation)
            model = next(inner, model)
    yield from model.model_fields


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """Models that a type is made of."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models(part)


# ---------------------------------------------------------------------- loop files
class LoopEffects(Settings):
    """``[[effects]]``: a measured screen."""

    #: An effects file.
    path: Name
    #: What it is called in tables; the file's name by default.
    name: Name | None = None
    #: Where it can be had; said when it is missing.
    source: str = ""
    #: ``judge``: results are scored on it. ``settings``: only settings are chosen on it.
    role: Literal["judge", "settings"] = "judge"


class LoopPanel(Settings):
    """``[panel]``: who proposed."""

    #: A panel folder, or the name of a shipped panel.
    path: Name
    #: Agents to use; all by default.
    agents: tuple[Name, ...] | None = None


class LoopFeatures(Settings):
    """``[features]``: what else is known of the genes."""

    path: Name


class LoopNetwork(Settings):
    """``[network]``: the prior network."""

    path: Name
    #: Links below this score are left out.
    min_score: float | None = None
    #: Where it can be had; said when it is missing.
    source: str = ""


class LoopVirtual(Settings):
    """``[virtual]``: a virtual lab in place of measured screens, panel and network."""

    genes: Annotated[int, Field(ge=10, le=9999)] = 200
    readouts: Annotated[int, Field(ge=20)] = 200
    #: Mean number of cells behind a perturbation.
    cells: Annotated[float, Field(ge=1)] = 100
    #: How much the simulated agents know, and how many vote.
    quality: Share = 0.6
    agents: Count = 3
    #: Share of the simulated literature's links that are no coincidence.
    informativeness: Share = 0.45


class LoopDesign(Settings):
    """``[design]``: how batches are chosen."""

    strategy: Name = "expected_coverage"
    #: Genes in a round.
    batch: Count = 10
    rounds: Count = 5
    must_include: tuple[Name, ...] = ()
    exclude: tuple[Name, ...] = ()


class LoopPrediction(Settings):
    """``[prediction]``: how unmeasured perturbations are predicted."""

    #: By default kriging, and co_kriging with another line.
    predictor: Name | None = None
    #: An effects file of another cell line that was measured already.
    other_line: Name | None = None


class LoopCompare(Settings):
    """``[compare]``: the comparison on held-out measurements."""

    #: All that can run by default.
    strategies: tuple[Name, ...] | None = None
    predictors: tuple[Name, ...] | None = None
    #: Numbers of measured genes.
    budgets: Annotated[tuple[Count, ...], Field(min_length=1)] = (10, 20, 30, 50, 100, 200)
    splits: Count = 6
    #: Share of the screen that no strategy may measure.
    test_fraction: Fraction = 0.4
    random_draws: Count = 50
    #: Above 1: strategies also run in that many rounds, learning in between.
    rounds: Count = 1
    #: How the panel is made worse in each split: random:SHARE, shuffled, permuted, one_random,
    #: one_inverted or one_copied.
    degraded: Name | None = None
    #: Whether the oracles are run for scale.
    oracles: bool = True


class LoopFile(Settings):
    """A loop file: what data, which panel, strategies, budgets, rounds, seed."""

    seed: Seed = 0
    effects: tuple[LoopEffects, ...] = ()
    panel: LoopPanel | None = None
    features: LoopFeatures | None = None
    network: LoopNetwork | None = None
    virtual: LoopVirtual | None = None
    design: LoopDesign = LoopDesign()
    prediction: LoopPrediction = LoopPrediction()
    compare: LoopCompare = LoopCompare()


# ---------------------------------------------------------------------- campaign files
class CampaignDesign(Settings):
    """``[design]``: how batches are chosen."""

    #: By default expected_coverage; with more than 5,000 candidates facility_location.
    strategy: Name | None = None
    #: Genes that are never proposed (not expressed, lethal …).
    exclude: tuple[Name, ...] = ()
    #: Genes that every batch measures again, so that batches can be compared.
    bridging: tuple[Name, ...] = ()
    #: A table with the columns gene, cost and, if wanted, group.
    cost: Name | None = None
    #: The most that a batch may cost.
    budget: Annotated[float, Field(gt=0)] | None = None
    #: The most genes of one group in a batch.
    max_per_group: Count | None = None


class CampaignPrediction(Settings):
    """``[prediction]``: what helps to predict."""

    #: An effects file of another cell line that was measured already.
    other_line: Name | None = None


class CampaignOrders(Settings):
    """``[orders]``: what goes to the people who make the guides."""

    #: The guide library.
    library: Name | None = None
    #: Control guides in every order: a number, or a share of all guides (0.05).
    control_guides: Annotated[int, Field(ge=0)] | Fraction | None = None
    #: The most guides of one gene.
    guides_per_gene: Count | None = None


class CampaignSettings(Settings):
    """A campaign's settings, ``campaign.toml``; what happened stands in its journal."""

    name: Name
    seed: Seed = 0
    #: A list of the genes that may be proposed; all candidates of the panel by default.
    candidates: Name | None = None
    panel: LoopPanel
    network: LoopNetwork | None = None
    design: CampaignDesign = CampaignDesign()
    prediction: CampaignPrediction = CampaignPrediction()
    orders: CampaignOrders = CampaignOrders()


# ---------------------------------------------------------------------- panel descriptions
#: A value that the server understands.
ModelOption = bool | int | float | str | tuple[str, ...]


class AgentDescription(Settings):
    """``[agent.NAME]``: one agent to ask."""

    #: ``mechanism``: it votes in the consensus. ``baseline``: it is kept for comparison only.
    role: Literal["mechanism", "baseline"] = "mechanism"
    #: Name of a lens, the file ``lenses/NAME.md``; the agent's own name by default.
    lens: Name | None = None
    #: The lens itself, in place of a file.
    lens_text: Name | None = None
    #: The panel's by default, as are the next three.
    model: Name | None = None
    seed: Seed | None = None
    think: bool | Literal["low", "medium", "high"] | None = None
    #: Model options that differ from the panel's.
    options: dict[str, ModelOption] = {}
    #: Addresses of servers for this agent alone, in place of the panel's.
    hosts: tuple[Name, ...] = ()


class PanelDescription(Settings):
    """A panel description: whom to ask, with which model, how.

    A *panel* is the folder of answers that comes of it.
    """

    name: Name
    #: As the server names it (``ollama list``).
    model: Name | None = None
    agent: Annotated[dict[Name, AgentDescription], Field(min_length=1)]
    seed: Seed = 0
    #: Addresses of servers; the environment variable OLLAMA_HOST by default.
    hosts: tuple[Name, ...] = ()
    #: Calls that one server answers at the same time.
    calls_per_host: Count = 1
    #: Model options, as the server names them; temperature is 0 unless it stands here.
    options: dict[str, ModelOption] = {}
    #: Whether a thinking model thinks before it answers.
    think: bool | Literal["low", "medium", "high"] | None = None
    #: What the agents should know of the experiment: cell line, kind of perturbation.
    context: str = ""
    #: A table with the columns gene and card: what is known of each gene, in a few words.
    cards: Name | None = None
    #: The most characters of a card that go into a prompt.
    card_length: Count = 400
    #: The prior network that chooses candidates where not all fit into a prompt.
    network: Name | None = None
    max_regulators: Count = 8
    #: Whether agents state the mechanism of each proposal in a few words.
    mechanisms: bool = True
    #: Targets asked about in one call.
    targets_per_call: Count = 1
    #: Candidates up to this number are an enumeration in the schema of answers.
    enumerate_up_to: Count = 1000
    #: Times that a question is asked before its targets count as unanswered.
    tries: Count = 3
    #: The most tokens of context that may be used; fewer if the model knows fewer.
    context_tokens: Annotated[int, Field(ge=256)] = 16_384
    #: The most tokens of an answer; by default what the answer may need.
    answer_tokens: Annotated[int, Field(ge=16)] | None = None
    #: Seconds until a server that does not respond counts as down.
    connect_timeout: Annotated[float, Field(gt=0)] = 3.0
    #: Seconds until the first word of an answer; loading the model and reading the prompt count.
    read_timeout: Annotated[float, Field(gt=0)] = 900.0
    #: Seconds between two words of an answer; never more than ``read_timeout``.
    stall_timeout: Annotated[float, Field(gt=0)] = 120.0
    #: Seconds that a whole answer may take.
    answer_timeout: Annotated[float, Field(gt=0)] = 3600.0
    #: Seconds for which a server that went away, or does nothing but fail, is waited for.
    outage: Annotated[float, Field(ge=0)] = 60.0
    #: How long the server keeps the model in memory.
    keep_alive: Name = "30m"
