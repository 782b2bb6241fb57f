"""What came out of a comparison, in plain words: one sentence a result."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mechpert_al.evaluation.comparison import Comparison
from mechpert_al.evaluation.metrics import PRIMARY

#: How a comparison is to be read, for those who measure rather than predict.
READING = (
    "A strategy chooses genes to measure. From their measured profiles those of the other genes "
    "are predicted, and held against what was measured of them. r is the correlation of the two "
    "once what all perturbations share is taken out: 1 = predicted perfectly, 0 = nothing learnt. "
    "Square brackets are 95 % intervals; a difference whose interval contains 0 is called a tie."
)
#: How a verdict continues "… is".
WORDS = {"gain": "better than", "loss": "worse than", "tie": "a tie with"}


def results(comparison: Comparison) -> Iterator[tuple[str, list[str]]]:
    """The default strategy on each screen under each predictor: a heading, and its sentences."""
    protocol = comparison.protocol
    for dataset in comparison.datasets:
        for predictor in protocol["predictors"]:
            rows = comparison.rows(
                dataset=dataset,
                strategy=protocol["default_strategy"],
                predictor=predictor,
                budget=protocol["stated_budget"],
                metric=PRIMARY,
                rounds=1,
            )
            for row in rows:
                heading = (
                    f"{dataset}, predictor {predictor}: {row['budget']} measured genes, chosen by "
                    f"{row['strategy']}"
                )
                yield heading, list(_about(row))


def _about(row: Mapping[str, Any]) -> Iterator[str]:
    yield (
        f"Predictions of the other genes correlate with their measurements by r = "
        f"{row['mean']:.3f} [{row['low']:.3f}, {row['high']:.3f}] on average ({row['n_genes']} "
        f"held-out genes, {row['n']} tests)."
    )
    gain = row["gain_over_random"]
    if gain is not None:
        won = gain["win_rate"]
        yield (
            f"{_opening(gain)} random choices of as many genes: {difference(gain)}. It beats "
            f"{row['random_percentile']:.0f} % of the random designs"
            + ("." if won is None else f", and their average on {100 * won:.0f} % of the genes.")
        )
    best = row["gain_over_best_centrality"]
    if best is not None:
        ratio = row["ratio_to_best_centrality"]
        yield (
            f"{_opening(best)} the best centrality of the prior network ({best['which']}, chosen "
            f"in its favour): {difference(best)}"
            + ("." if ratio is None else f"; {_ratio(ratio)} times its score.")
        )
    heuristic = row["ratio_to_best_panel_heuristic"]
    if heuristic is not None:
        word = ratio_word(heuristic)
        yield (
            f"{'A tie with' if word == 'a tie' else f'{word.capitalize()} than'} the best plain "
            f"ranking of the same panel ({heuristic['which']}): {_ratio(heuristic)} times its "
            "score."
        )


def _opening(gain: Mapping[str, Any]) -> str:
    words = WORDS[gain["verdict"]]
    return words[0].upper() + words[1:]


def verdict(gain: Mapping[str, Any], rival: str) -> str:
    """Such as ``better than random`` or ``a tie with random``."""
    return f"{WORDS[gain['verdict']]} {rival}"


def difference(gain: Mapping[str, Any]) -> str:
    """A difference with its interval; whether it outlasts the number of strategies compared."""
    text = f"{gain['value']:+.3f} [{gain['low']:+.3f}, {gain['high']:+.3f}]"
    p = gain.get("p_holm")
    if p is None:
        return text
    text += f", p {_p(p)} after Holm's correction for all strategies compared"
    if gain["verdict"] != "tie" and p > 0.05:
        text += ", which this difference does not outlast"
    return text


def _p(p: float) -> str:
    return f"= {p:.3f}" if p >= 0.001 else "< 0.001"


def _ratio(ratio: Mapping[str, Any]) -> str:
    return f"{ratio['value']:.2f} [{ratio['low']:.2f}, {ratio['high']:.2f}]"


def ratio_word(ratio: Mapping[str, Any]) -> str:
    """``better``, ``worse``, or ``a tie`` where the interval includes 1."""
    if ratio["low"] is None or ratio["high"] is None:
        return "not known"
    if ratio["low"] > 1:
        return "better"
    return "worse" if ratio["high"] < 1 else "a tie"


def contrast_sentence(row: Mapping[str, Any]) -> str:
    """One contrast between two ways to choose or predict, in words."""
    return (
        f"{row['dataset']}: {row['predictor']} with anchors of {row['strategy']} "
        f"({row['value']:.3f}) is {verdict(row['gain'], row['against_predictor'])} with anchors of "
        f"{row['against_strategy']} ({row['against']:.3f}): {difference(row['gain'])}."
    )


def control_name(row: Mapping[str, Any]) -> str:
    """Such as ``permuted panel``."""
    name, _, strategy = row["control"].removeprefix("control:").partition(":")
    return name.replace("_", " ") + (f" for {strategy}" if strategy else "")


def control_sentence(row: Mapping[str, Any]) -> str:
    """What a control did, in words."""
    name = control_name(row)
    outcome = {
        True: "fails, as it must",
        False: "DOES NOT FAIL, though it must: do not trust these results",
        None: "is reported without a rule",
    }[row["fails_as_it_must"]]
    return f"{row['dataset']}: the control {name}, used as {row['as']}, {outcome}."


def adapting_sentences(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Rounds against one shot, in words; strategies that choose the same either way together."""
    unmoved: dict[str, list[str]] = {}
    for row in rows:
        gain = row["gain_over_one_shot"]
        if not row["learns"] and gain["low"] == gain["value"] == gain["high"] == 0:
            unmoved.setdefault(row["dataset"], []).append(row["strategy"])
            continue
        learns = "" if row["learns"] else " (it does not look at measurements)"
        yield (
            f"{row['dataset']}: {row['strategy']} in {row['rounds']} rounds is "
            f"{verdict(gain, 'choosing all at once')}{learns}: {difference(gain)}."
        )
    for dataset, names in unmoved.items():
        yield (
            f"{dataset}: {len(names)} strategies do not look at measurements and choose the same "
            f"genes in rounds as at once: {', '.join(names)}."
        )


def non_inferiority_sentence(row: Mapping[str, Any]) -> str:
    """Adapting against the best plain strategy, in words."""
    one = row["difference"]
    holds = "not inferior" if row["holds"] else "possibly inferior"
    return (
        f"{row['dataset']}, {row['budget']} measured genes in {row['rounds']} rounds: adapting "
        f"scores {row['value']:.3f}, the best plain strategy ({row['best']}) "
        f"{row['plain'][row['best']]:.3f}: {one['value']:+.3f} [{one['low']:+.3f}, "
        f"{one['high']:+.3f}], {holds} by a margin of {row['margin']}."
    )
