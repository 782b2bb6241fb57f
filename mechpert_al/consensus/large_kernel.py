"""The consensus kernel of very many genes: the same numbers, a few columns at a time.

What is known of it is how to solve with the sparse matrix I − αP. A column is one such solution;
only the diagonal, by which the kernel is scaled, would need all of them and is estimated. Sources:
conjugate gradients (Hestenes & Stiefel 1952), probing of a diagonal with one vector a colour (Tang
& Saad 2012).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import Any, NoReturn

import numpy as np
from scipy import sparse

from mechpert_al.consensus.kernel import ALPHA, positive_links
from mechpert_al.errors import UsageError

#: Relative residual at which a column counts as exact, and one of a probing vector as good enough.
EXACT, GOOD = 1e-11, 1e-3
#: Probing vectors, at most.
N_PROBES = 128
#: So many columns may be asked for at once.
MOST = 4_000
#: Right-hand sides that are solved together (so many fit a processor's cache).
BLOCK = 64


class LargeKernel:
    """Centred diffusion kernel of unit diagonal, as `diffusion_kernel`, without its n² numbers.

    It stands in for an array where a few columns are needed: ``kernel[np.ix_(rows, columns)]``,
    ``kernel[:, columns]`` and ``kernel[anchors]`` are as of the array, and so are its length and
    `diagonal`. What would need
    the whole raises a `UsageError`.

    Among the genes of one call of `columns` the kernel is exact to 1e-8. The row of any other gene
    is exact but for one positive factor, its scale, which is within 2 % for two genes in three
    (seen: standard error 1.0–1.5 % of generated panels, 2.5 % of the shipped one): so
    correlations with a prediction are exact, and coverage is within twice that.

    Parameters
    ----------
    weights
        Shape (n, n); made symmetric here, negative entries and the diagonal count as no link.
    genes
        Their names: computed in their order, so that it does not depend on that of rows.
    alpha
        Between 0 (no diffusion) and 1 (excluded).
    """

    def __init__(self, weights: sparse.sparray, genes: Sequence[str], alpha: float = ALPHA) -> None:
        by_name = np.argsort(np.asarray(genes))
        links = positive_links(sparse.csr_array(weights)[by_name][:, by_name])
        links.sort_indices()
        is_linked = np.asarray(links.sum(axis=1)).ravel() > 0
        self.size = len(by_name)
        #: The linked genes, by name; everything inside is in their order.
        self.linked = by_name[is_linked]
        self.place = np.full(self.size, -1)
        self.place[self.linked] = np.arange(len(self.linked))
        links = links[is_linked][:, is_linked]
        scale = sparse.diags_array(1 / np.sqrt(links.sum(axis=1)))
        self.walk = sparse.csr_array(alpha * (scale @ links @ scale))
        self._last: tuple[bytes, np.ndarray] = (b"", np.zeros((self.size, 0)))

    def __len__(self) -> int:
        return self.size

    def diagonal(self) -> np.ndarray:
        """The variances: all 1."""
        return np.ones(self.size)

    def columns(self, numbers: np.ndarray, tolerance: float = EXACT) -> np.ndarray:
        """K[:, numbers], shape (n, len(numbers)); the last result is kept.

        Parameters
        ----------
        numbers
            Indices of genes.
        tolerance
            Relative residual of each column before scaling.
        """
        numbers = np.asarray(numbers, dtype=int)
        key = numbers.tobytes() + np.float64(tolerance).tobytes()
        if self._last[0] != key:
            self._last = key, self._columns(numbers, tolerance)
        return self._last[1]

    def _columns(self, numbers: np.ndarray, tolerance: float) -> np.ndarray:
        places = self.place[numbers]
        inside = np.flatnonzero(places >= 0)
        found = np.zeros((self.size, len(numbers)))
        found[numbers, np.arange(len(numbers))] = 1
        if inside.size:
            places = places[inside]
            units = np.zeros((len(self.linked), len(inside)))
            units[places, np.arange(len(inside))] = 1
            raw = self._centred_solution(units, tolerance)
            variance = self.variance.copy()
            variance[places] = raw[places, np.arange(len(inside))]
            scale = 1 / np.sqrt(variance)
            found[np.ix_(self.linked, inside)] = scale[:, None] * raw * scale[places]
            found[numbers[inside], inside] = 1
        return found

    # ------------------------------------------------------------------ the diagonal
    @cached_property
    def colours(self) -> tuple[np.ndarray, np.ndarray]:
        """For each linked gene a colour and a random sign: near genes differ in colour."""
        generator = np.random.default_rng(0)
        n = len(self.linked)
        n_colours = min(N_PROBES, n)
        colours, sizes = np.full(n, -1), np.zeros(n_colours)
        order, signs = generator.permutation(n), generator.choice([-1.0, 1.0], n)
        for gene, near, weights in self._surroundings(order):
            taken = colours[near] >= 0
            clash = np.bincount(colours[near[taken]], weights[taken], n_colours)
            colours[gene] = np.argmin(clash + 1e-9 * sizes)
            sizes[colours[gene]] += 1
        return colours, signs

    def _surroundings(self, order: np.ndarray) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
        """Each gene with those up to two links away, and how near they are."""
        for part in np.array_split(order, len(order) // 1000 + 1):
            near = sparse.csr_array(self.walk[part] @ self.walk + self.walk[part])
            for row, gene in enumerate(part):
                span = slice(near.indptr[row], near.indptr[row + 1])
                yield int(gene), near.indices[span], near.data[span]

    @cached_property
    def variance(self) -> np.ndarray:
        """Diagonal of the centred kernel of the linked genes before it is scaled, estimated.

        A probing vector is ±1 at the genes of one colour; the solution, read at these genes, is
        their diagonal and what they share with others of their colour, which are far away.
        """
        colours, signs = self.colours
        raw = self._centred_solution(self._probes(np.ones(len(signs))), GOOD)
        estimate = signs * raw[np.arange(len(signs)), colours]
        # (I − αP)⁻¹ has a diagonal of 1 and more, and centring takes at most two means away.
        return np.maximum(estimate, 0.5)

    def _probes(self, sizes: np.ndarray) -> np.ndarray:
        colours, signs = self.colours
        probes = np.zeros((len(signs), colours.max() + 1))
        probes[np.arange(len(signs)), colours] = signs * sizes
        return probes

    def sketch(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Z and Kᵀ√v Z for probing vectors Z, shapes (n, n_probes).

        The squared norm of row b of the second estimates Σ_t v_t K[t,b]² (seen: standard error
        3 %).

        Parameters
        ----------
        values
            v_t, what each gene is worth, shape (n,).
        """
        root = np.sqrt(values)
        alone = np.flatnonzero(self.place < 0)
        scale = 1 / np.sqrt(self.variance)
        inner = self._probes(root[self.linked])
        found = np.zeros((2, self.size, inner.shape[1]))
        found[0, self.linked] = inner
        raw = self._centred_solution(inner * scale[:, None], GOOD)
        found[1, self.linked] = raw * scale[:, None]
        found[:, alone, 0] = root[alone]
        return found[0], found[1]

    # ------------------------------------------------------------------ solving
    def _centred_solution(self, right: np.ndarray, tolerance: float) -> np.ndarray:
        """H (I − αP)⁻¹ H times some columns; blocks of them in parallel."""
        starts = range(0, right.shape[1], BLOCK)
        with ThreadPoolExecutor() as pool:
            solved = pool.map(lambda a: self._solved(right[:, a : a + BLOCK], tolerance), starts)
            return np.concatenate(list(solved), axis=1)

    def _solved(self, right: np.ndarray, tolerance: float) -> np.ndarray:
        """Conjugate gradients for several right-hand sides at once."""
        residual = right - right.mean(axis=0)
        found, step = np.zeros_like(residual), residual.copy()
        square = np.einsum("ij,ij->j", residual, residual)
        enough = tolerance**2 * square
        while (square > enough).any():
            moved = step - self.walk @ step
            length = square / np.maximum(np.einsum("ij,ij->j", step, moved), 1e-300)
            found += length * step
            residual -= length * moved
            before, square = square, np.einsum("ij,ij->j", residual, residual)
            step *= square / np.maximum(before, 1e-300)
            step += residual
        return found - found.mean(axis=0)

    # ------------------------------------------------------------------ in place of an array
    def __getitem__(self, places: Any) -> np.ndarray:
        if isinstance(places, tuple):
            rows, columns = places
            if np.size(columns) <= MOST:
                found = self.columns(np.ravel(columns))
                return found[rows if isinstance(rows, slice) else np.ravel(rows)]
        elif np.ndim(places) == 1 and len(places) <= MOST:
            return self.columns(places).T
        self._whole()

    def _whole(self) -> NoReturn:
        raise UsageError(
            f"this method needs a matrix of all pairs, too large with {self.size:,} candidates",
            "Choose the strategy facility_location or expected_coverage and the predictor kriging "
            "or neighbours, or give a panel of fewer candidates.",
        )

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        self._whole()
