"""The prior network: which human genes are already linked in the literature.

A simple undirected graph: no gene is linked to itself and a pair stands once, whatever the file
says and however often. It is the rival of the consensus network (the centrality baselines) and a
baseline neighbourhood of its own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from mechpert_al.errors import DataError, UsageError

if TYPE_CHECKING:
    from mechpert_al.symbols import Matching, SymbolTable


@dataclass(frozen=True)
class LeftOut:
    """A name of the file that did not become a gene of the network, and why."""

    name: str
    line: int
    why: str


@dataclass(frozen=True)
class Renamed:
    """A name of the file whose links were given to another gene of the file, and why."""

    name: str
    gene: str
    line: int
    why: str


@dataclass(frozen=True)
class Reading:
    """How a network file was read.

    Parameters
    ----------
    file
        Its name.
    recognised
        The format, such as ``STRING links``.
    because
        What gave it away.
    n_lines, n_names, n_pairs
        Links (lines, or pairs within complexes) that were read, distinct names and distinct pairs
        of names among them, before any is merged or left out for its score.
    unmapped
        Identifiers without a name in the companion table.
    not_matched
        Names that may be more than one gene, or that a spreadsheet damaged.
    renamed
        Outdated names merged into the gene they denote.
    notes
        What else a reader of the result must know, such as how weights were scaled.
    """

    file: str = ""
    recognised: str = ""
    because: str = ""
    n_lines: int = 0
    n_names: int = 0
    n_pairs: int = 0
    unmapped: tuple[LeftOut, ...] = ()
    not_matched: tuple[LeftOut, ...] = ()
    renamed: tuple[Renamed, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class PriorNetwork:
    """A simple undirected network of genes.

    Parameters
    ----------
    genes
        Unique names; row and column order of ``adjacency``.
    adjacency
        Symmetric CSR array (n_genes, n_genes), float64 weights in (0, 1], zero diagonal. Without
        weights in the file every link weighs 1.
    sources
        For each resource the number of links it contributed, where the file names resources.
    dropped
        What was left out while reading, by reason: number of lines, names or genes.
    reading
        How the file was read; None for a network made in memory.

    Raises
    ------
    DataError
        Repeated names, or an adjacency that is not what is said above.
    """

    genes: tuple[str, ...]
    adjacency: sparse.csr_array
    sources: Mapping[str, int] = field(default_factory=dict)
    dropped: Mapping[str, int] = field(default_factory=dict)
    reading: Reading | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "genes", tuple(map(str, self.genes)))
        links = sparse.csr_array(self.adjacency, dtype=np.float64, copy=True)
        links.sum_duplicates()
        links.eliminate_zeros()
        n_genes = len(self.genes)
        if links.shape != (n_genes, n_genes):
            raise DataError(f"the network has {n_genes} genes but links of shape {links.shape}")
        if len(set(self.genes)) < n_genes:
            raise DataError("a gene stands more than once in the network")
        if links.diagonal().any() or (links != links.T).nnz:
            raise DataError("a prior network is symmetric and links no gene to itself")
        if links.nnz and not (links.data.min() > 0 and links.data.max() <= 1):
            raise DataError("the weights of a prior network lie above 0 and up to 1")
        for part in (links.data, links.indices, links.indptr):
            part.setflags(write=False)
        object.__setattr__(self, "adjacency", links)

    @classmethod
    def from_edges(
        cls,
        edges: Iterable[tuple[str, str] | tuple[str, str, float]],
        genes: Sequence[str] | None = None,
    ) -> PriorNetwork:
        """A network from pairs of names, optionally with weights in (0, 1].

        Self-loops and repeats (in either direction; the highest weight is kept) are merged and
        counted in ``dropped``.

        Parameters
        ----------
        edges
            Pairs ``(a, b)`` or ``(a, b, weight)``.
        genes
            Order of the genes, and genes without links; by default all that are named, sorted.
        """
        rows = [(*edge, 1.0)[:3] for edge in edges]
        named = sorted({name for edge in rows for name in edge[:2]})
        order = tuple(genes) if genes is not None else tuple(named)
        index = {gene: row for row, gene in enumerate(order)}
        missing = [name for name in named if name not in index]
        if missing:
            raise DataError(f"links name genes that are not in the list: {', '.join(missing[:10])}")
        adjacency, dropped = simple_graph(
            np.array([index[str(edge[0])] for edge in rows], dtype=np.int64),
            np.array([index[str(edge[1])] for edge in rows], dtype=np.int64),
            np.array([edge[2] for edge in rows], dtype=np.float64),
            len(order),
        )
        return cls(order, adjacency, dropped=dropped)

    # ------------------------------------------------------------------ looking
    @property
    def n_genes(self) -> int:
        """Number of genes."""
        return len(self.genes)

    @property
    def n_edges(self) -> int:
        """Number of linked pairs."""
        return self.adjacency.nnz // 2

    @property
    def is_weighted(self) -> bool:
        """Whether any link weighs less than 1."""
        return bool((self.adjacency.data < 1).any())

    @cached_property
    def index(self) -> dict[str, int]:
        """Row of each gene."""
        return {gene: row for row, gene in enumerate(self.genes)}

    @cached_property
    def degree(self) -> np.ndarray:
        """Number of neighbours of each gene, int64, shape (n_genes,)."""
        return np.diff(self.adjacency.indptr).astype(np.int64)

    @cached_property
    def content_hash(self) -> str:
        """SHA-256 of genes and links: equal networks have equal hashes."""
        return hashlib.sha256("\n".join([self.links_hash, *self.genes]).encode()).hexdigest()

    @cached_property
    def links_hash(self) -> str:
        """SHA-256 of the links by position: other names for the genes do not change it."""
        digest = hashlib.sha256()
        for part, kind in (
            (self.adjacency.indptr, "<i8"),
            (self.adjacency.indices, "<i8"),
            (self.adjacency.data, "<f8"),
        ):
            digest.update(part.astype(kind).tobytes())
        return digest.hexdigest()

    def neighbours(self, gene: str) -> dict[str, float]:
        """The linked genes and the weights of the links, in the order of ``genes``.

        Raises
        ------
        UsageError
            If the gene is not in the network.
        """
        if gene not in self.index:
            raise UsageError(f"{gene!r} is not in the network")
        row = self.adjacency[[self.index[gene]]]
        return {
            self.genes[column]: float(weight)
            for column, weight in zip(row.indices, row.data, strict=True)
        }

    def edges(self) -> Iterator[tuple[str, str, float]]:
        """Every linked pair once, with its weight; names within a pair in alphabetical order."""
        upper = sparse.triu(self.adjacency, 1).tocoo()
        for row, column, weight in zip(*upper.coords, upper.data, strict=True):
            first, second = sorted((self.genes[row], self.genes[column]))
            yield first, second, float(weight)

    def info(self) -> dict[str, Any]:
        """Counts, as plain JSON: what was read, what is in the network and what was left out."""
        document: dict[str, Any] = {
            "n_nodes": self.n_genes,
            "n_edges": self.n_edges,
            "is_weighted": self.is_weighted,
            "sources": dict(self.sources),
            "dropped": dict(self.dropped),
            "content_hash": self.content_hash,
        }
        if self.reading is not None:
            document |= {
                "file": self.reading.file,
                "recognised": self.reading.recognised,
                "because": self.reading.because,
                "n_lines": self.reading.n_lines,
                "n_names": self.reading.n_names,
                "n_pairs": self.reading.n_pairs,
                "unmapped": [one.name for one in self.reading.unmapped],
                "not_matched": [one.name for one in self.reading.not_matched],
                "renamed": {one.name: one.gene for one in self.reading.renamed},
                "notes": list(self.reading.notes),
            }
        return document

    def __repr__(self) -> str:
        return f"PriorNetwork({self.n_genes} genes, {self.n_edges} links)"

    # ------------------------------------------------------------------ other networks from it
    def on(self, genes: Sequence[str]) -> sparse.csr_array:
        """The links among the given genes, letter for letter.

        Parameters
        ----------
        genes
            Any names, in any order; `aligned` first reconciles symbols of different age.

        Returns
        -------
        scipy.sparse.csr_array
            float64, shape (len(genes), len(genes)); a gene that is not in the network has an
            empty row and column.
        """
        rows = [row for row, gene in enumerate(genes) if gene in self.index]
        columns = [self.index[genes[row]] for row in rows]
        pick = sparse.csr_array(
            (np.ones(len(rows)), (rows, columns)), shape=(len(genes), self.n_genes)
        )
        links = sparse.csr_array(pick @ self.adjacency @ pick.T)
        links.sort_indices()
        return links

    def subnetwork(self, genes: Iterable[str]) -> PriorNetwork:
        """The network among those of the given genes that are in it, in the given order.

        Genes without a link among the others stay, with degree 0.
        """
        kept = tuple(dict.fromkeys(gene for gene in genes if gene in self.index))
        return replace(self, genes=kept, adjacency=self.on(kept))

    def renamed(self, mapping: Mapping[str, str]) -> PriorNetwork:
        """The same links under other names; genes that become one name are merged."""
        names = [mapping.get(gene, gene) for gene in self.genes]
        genes = tuple(dict.fromkeys(names))
        index = {gene: row for row, gene in enumerate(genes)}
        place = np.array([index[name] for name in names], dtype=np.int64)
        upper = sparse.triu(self.adjacency, 1).tocoo()
        first, second = upper.coords
        adjacency, _ = simple_graph(place[first], place[second], upper.data, len(genes))
        return replace(self, genes=genes, adjacency=adjacency)

    def aligned(
        self, genes: Sequence[str], table: SymbolTable | None = None, source: str = ""
    ) -> tuple[PriorNetwork, Matching]:
        """The network with its genes named as in the given list, wherever they are the same gene.

        Parameters
        ----------
        genes
            The names to go by, such as the candidates.
        table
            Symbol table; by default the installed one.
        source
            Where the given names come from, for messages.

        Returns
        -------
        PriorNetwork, Matching
            The network, and how each of the given names was found in it.
        """
        from mechpert_al.symbols import match

        matching = match(genes, self.genes, table, source)
        back = {ours: theirs for theirs, ours in matching.mapping.items() if theirs != ours}
        return self.renamed(back), matching


def simple_graph(
    first: np.ndarray, second: np.ndarray, weight: np.ndarray, n_genes: int
) -> tuple[sparse.csr_array, dict[str, int]]:
    """Adjacency of the simple undirected graph behind a list of links.

    Parameters
    ----------
    first, second
        int64 rows of the linked genes, shape (n_lines,).
    weight
        float64 in (0, 1], shape (n_lines,); of the repeats of a pair the highest is kept.
    n_genes
        Number of genes.

    Returns
    -------
    scipy.sparse.csr_array, dict
        Symmetric adjacency, and the numbers of self-loop and repeated lines.
    """
    loop = first == second
    low = np.minimum(first, second)[~loop]
    high = np.maximum(first, second)[~loop]
    strength = weight[~loop]
    order = np.lexsort((-strength, high, low))
    low, high, strength = low[order], high[order], strength[order]
    new = np.ones(len(low), dtype=bool)
    new[1:] = (np.diff(low) != 0) | (np.diff(high) != 0)
    low, high, strength = low[new], high[new], strength[new]
    links = sparse.csr_array((strength, (low, high)), shape=(n_genes, n_genes))
    dropped = {"self_loop_lines": int(loop.sum()), "repeated_lines": int((~new).sum())}
    return sparse.csr_array(links + links.T), dropped
