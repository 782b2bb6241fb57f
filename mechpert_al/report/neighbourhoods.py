"""The map of a campaign: which genes the agents link, and how far measurements reach among them.

Genes lie near each other where the consensus kernel makes them alike (t-SNE on kernel distances,
begun from the kernel's leading eigenvectors). Genes that nobody links stand in rows below.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mechpert_al.agents.panel import Hypothesis
from mechpert_al.consensus.knowledge import Knowledge
from mechpert_al.design.batch import COVERED
from mechpert_al.display import visible
from mechpert_al.report.looks import GREY, Look, Size, sized, styled
from mechpert_al.report.page import INK

if TYPE_CHECKING:
    import altair as alt

#: What a gene can be, and how that looks.
STATES: dict[str, Look] = {
    "measured": Look("#0072B2", (1, 0), "circle"),
    "pending": Look("#E69F00", (1, 0), "square"),
    "proposed next": Look("#D55E00", (1, 0), "diamond"),
    "within reach": Look("#009E73", (1, 0), "circle"),
    "uncovered": Look(GREY, (1, 0), "circle"),
    "excluded": Look("#CC79A7", (1, 0), "cross"),
}
#: More genes than this are too many to draw; the least linked unmeasured ones are left out, and
#: that is said.
MOST = 2500
#: So many pending genes have their names beside them.
NAMED = 40
#: Partners that are drawn and named for each gene; characters of a mechanism that are shown.
N_LINKS, N_PARTNERS, SHOWN = 2, 5, 240


@dataclass(frozen=True, eq=False)
class GeneMap:
    """What is drawn.

    Parameters
    ----------
    genes
        Rows with gene, x, y, state, covered, why.
    links
        Rows with one, other, x, y, x2, y2.
    details
        For each gene what is said of it when it is searched for.
    n_left_out
        Genes that were too many to draw.
    """

    genes: list[dict[str, Any]]
    links: list[dict[str, Any]]
    details: dict[str, str]
    n_left_out: int


def gene_map(
    knowledge: Knowledge,
    states: Mapping[str, str],
    covered: np.ndarray,
    reasons: Mapping[str, str],
) -> GeneMap:
    """Place every gene and say what it is and why.

    Parameters
    ----------
    knowledge
        Genes and consensus.
    states
        A key of `STATES` for each gene that is measured, pending, proposed or excluded; the others
        are within reach or uncovered.
    covered
        Expected explained fraction of each gene, shape (n_genes,).
    reasons
        Why a gene was or would be chosen.
    """
    links = knowledge.consensus.symmetric.maximum(0).tocsr()
    degree = np.asarray(links.sum(axis=1)).ravel()
    told = np.array([gene in states for gene in knowledge.genes], dtype=bool)
    order = np.lexsort((-degree, ~told))
    shown = np.sort(order[:MOST])
    place = dict(zip(shown.tolist(), positions(knowledge.kernel, shown, degree > 0), strict=True))
    rows, details = [], {}
    for row in shown.tolist():
        gene = knowledge.genes[row]
        state = states.get(gene) or ("within reach" if covered[row] >= COVERED else "uncovered")
        partners = _partners(knowledge, links, row)
        why = reasons.get(gene) or _why_covered(state, partners)
        x, y = (round(float(value), 3) for value in place[row])
        share = round(float(covered[row]), 4)
        rows.append(
            {
                "gene": visible(gene), "x": x, "y": y, "state": state, "covered": share,
                "why": visible(_cut(why)),
            }
        )  # fmt: skip
        details[visible(gene)] = visible(_details(gene, state, share, why, partners))
    return GeneMap(rows, _links(knowledge, links, place), details, knowledge.n_genes - len(shown))


def positions(kernel: np.ndarray, shown: np.ndarray, is_linked: np.ndarray) -> np.ndarray:
    """Coordinates of genes, shape (n_shown, 2); those without a link stand in rows below."""
    linked = shown[is_linked[shown]]
    placed = _embedded(kernel[np.ix_(linked, linked)])
    where = {int(gene): point for gene, point in zip(linked, placed, strict=True)}
    low, left, right = (-1.0, -1.0, 1.0)
    if len(placed):
        low, left, right = placed[:, 1].min(), placed[:, 0].min(), placed[:, 0].max()
    width, across = right - left, 40
    for number, gene in enumerate(shown[~is_linked[shown]].tolist()):
        line, column = divmod(number, across)
        step = width / across
        where[gene] = np.array([left + column * step, low - (line + 2) * step])
    return np.array([where[int(gene)] for gene in shown]).reshape(-1, 2)


def _embedded(kernel: np.ndarray) -> np.ndarray:
    """Points of linked genes, alike ones near each other."""
    n = len(kernel)
    if n < 5:
        return np.column_stack([np.arange(n), np.zeros(n)]).astype(float)
    from scipy.sparse.linalg import eigsh
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    _, vectors = eigsh(kernel, k=2, v0=np.ones(n))
    signs = np.sign(vectors[np.abs(vectors).argmax(axis=0), [0, 1]])
    start = vectors * signs / np.maximum(vectors.std(axis=0), 1e-12) * 1e-4
    distances = np.sqrt(np.maximum(2 - 2 * kernel, 0))
    np.fill_diagonal(distances, 0)
    method = TSNE(
        perplexity=min(20, (n - 1) / 3),
        metric="precomputed",
        init=start,
        random_state=0,
        max_iter=500,
        n_jobs=1,
    )
    with threadpool_limits(1):  # its threads would wait for each other most of the time
        return np.asarray(method.fit_transform(distances), dtype=float)


def _partners(knowledge: Knowledge, links: Any, row: int) -> list[tuple[str, float]]:
    """The strongest partners of a gene, with their weights."""
    start, end = links.indptr[row : row + 2]
    found = [
        (knowledge.genes[column], float(weight))
        for column, weight in zip(links.indices[start:end], links.data[start:end], strict=True)
        if weight > 0 and column != row
    ]
    return sorted(found, key=lambda one: (-one[1], one[0]))[:N_PARTNERS]


def _why_covered(state: str, partners: Sequence[tuple[str, float]]) -> str:
    if not partners:
        return "no agent links it to another gene"
    named = ", ".join(gene for gene, _ in partners[:3])
    return f"nearest: {named}" if state != "uncovered" else f"not reached yet; nearest: {named}"


def _details(
    gene: str, state: str, share: float, why: str, partners: Sequence[tuple[str, float]]
) -> str:
    lines = [f"{gene}: {state}; expected explained fraction {100 * share:.0f} %.", _cut(why, 600)]
    if partners:
        named = ", ".join(f"{other} ({weight:.2f})" for other, weight in partners)
        lines.append(f"Strongest partners (weight): {named}.")
    return "\n".join(lines)


def _links(
    knowledge: Knowledge, links: Any, place: Mapping[int, np.ndarray]
) -> list[dict[str, Any]]:
    """The strongest links of each gene that is drawn."""
    index = knowledge.consensus.index
    pairs = {
        (min(row, index[other]), max(row, index[other]))
        for row in place
        for other, _ in _partners(knowledge, links, row)[:N_LINKS]
        if index[other] in place
    }
    return [
        {
            "one": visible(knowledge.genes[one]),
            "other": visible(knowledge.genes[other]),
            **dict(zip(("x", "y"), np.round(place[one], 3).tolist(), strict=True)),
            **dict(zip(("x2", "y2"), np.round(place[other], 3).tolist(), strict=True)),
        }
        for one, other in sorted(pairs)
    ]


def _cut(text: str, length: int = SHOWN) -> str:
    return text if len(text) <= length else f"{text[:length]} …"


def strongest_claims(evidence: Sequence[Hypothesis], n: int = 2) -> str:
    """What agents said, in a line."""
    return "; ".join(f"{one.agent}: {_cut(one.mechanism)}" for one in evidence[:n])


# ---------------------------------------------------------------------- drawing
def map_chart(found: GeneMap, size: Size) -> alt.LayerChart:
    """The map; it has a parameter ``searched``, the gene that stands out."""
    import altair as alt

    states = [name for name in STATES if any(row["state"] == name for row in found.genes)]
    looks = [STATES[name] for name in states]
    searched = alt.param(name="searched", value="")
    picked = alt.selection_point(name="picked", fields=["state"], bind="legend")
    none = alt.Axis(labels=False, ticks=False, grid=False, domain=False)
    scale = alt.Scale(zero=False, nice=False, padding=12)
    x, y = (
        channel(f"{name}:Q", title=None, axis=none, scale=scale)
        for channel, name in ((alt.X, "x"), (alt.Y, "y"))
    )
    legend = alt.Legend(orient="top", columns=alt.ExprRef("width > 600 ? 6 : 2"), symbolOpacity=1)
    channels: list[Any] = [
        channel("state:N", title=None, scale=alt.Scale(domain=states, range=looked), legend=legend)
        for channel, looked in (
            (alt.Color, [one.colour for one in looks]),
            (alt.Shape, [one.shape for one in looks]),
        )
    ]
    lines = (
        alt.Chart(alt.Data(values=found.links))
        .mark_rule(color=GREY)
        .encode(
            x=x,
            y=y,
            x2="x2:Q",
            y2="y2:Q",
            opacity=alt.condition(
                "datum.one === searched || datum.other === searched",
                alt.value(0.9),
                alt.value(0.18),
            ),
        )
    )
    genes = alt.Chart(alt.Data(values=found.genes))
    points = (
        genes.mark_point(filled=True, stroke=None)
        .encode(
            x=x,
            y=y,
            color=channels[0],
            shape=channels[1],
            size=alt.condition(
                "datum.state === 'within reach' || datum.state === 'uncovered'",
                alt.value(2.8 * size.font),
                alt.value(6 * size.font),
            ),
            opacity=alt.condition(picked, alt.value(0.95), alt.value(0.08)),
            order=alt.Order("rank:Q"),
            tooltip=[
                "gene:N",
                "state:N",
                alt.Tooltip("covered:Q", title="explained", format=".0%"),
                "why:N",
            ],
        )
        .transform_calculate(rank=f"-indexof({list(STATES)}, datum.state)")
        .add_params(searched, picked)
    )
    ordered = [row for row in found.genes if row["state"] == "pending"]
    names = genes.mark_text(dx=7, align="left", fontSize=0.8 * size.font, color=INK)
    names = names.transform_filter("datum.state === 'pending'").encode(
        x=x, y=y, text="gene:N", opacity=alt.condition(picked, alt.value(1), alt.value(0))
    )
    there = "datum.gene === searched"
    ring = (
        genes.transform_filter(there)
        .mark_point(size=30 * size.font, color=INK, strokeWidth=2.5, filled=False)
        .encode(x=x, y=y)
    )
    name = (
        genes.transform_filter(there)
        .mark_text(dy=-18, fontSize=size.font + 2, fontWeight="bold", color=INK)
        .encode(x=x, y=y, text="gene:N")
    )
    named = [names] if len(ordered) <= NAMED else []
    chart = alt.layer(lines, points, *named, ring, name)
    return styled(sized(chart, size, 1.8 * size.height), size)
