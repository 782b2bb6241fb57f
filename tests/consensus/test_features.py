"""Gene features from tables, and the knowledge made from them and from another line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mechpert_al.agents import Agent, Hypothesis, Panel
from mechpert_al.consensus import Knowledge
from mechpert_al.consensus.features import read_features
from mechpert_al.consensus.knowledge import OTHER_LINE_WEIGHT
from mechpert_al.consensus.other_line import line_correlation
from mechpert_al.effects import EffectTable
from mechpert_al.errors import DataError

GENES = ("AARS", "TP53", "MED14", "RPL18")


def made_panel() -> Panel:
    said = tuple(
        Hypothesis("one", a, b, 1, c, "")
        for a, b, c in (("AARS", "TP53", 0.9), ("TP53", "MED14", 0.5), ("RPL18", "MED14", 0.4))
    )
    agents = {"one": Agent("one", "mechanism")}
    return Panel("made", agents, GENES, said, {"one": frozenset(GENES)})


def test_rows_are_matched_by_symbol_and_gaps_stay_gaps(tmp_path: Path) -> None:
    path = tmp_path / "features.csv"
    path.write_text("gene,a,b\nMED14,1,2\nAARS1,3,4.5\nTP53,,7\nBRAF,8,9\n")
    features, notices = read_features(path, GENES)
    assert features.shape == (4, 2)
    np.testing.assert_array_equal(features[0], [3, 4.5])  # AARS1 is the panel's AARS
    assert np.isnan(features[1]).all()  # one value is missing
    np.testing.assert_array_equal(features[2], [1, 2])
    assert np.isnan(features[3]).all()  # no row
    assert "2 of 4 candidates" in notices[0]
    assert any("AARS1" in notice and "AARS" in notice for notice in notices)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("gene,a\nTP53,1\nTP53,2\n", ["TP53", "more than one row"]),
        ("gene,a\nTP53,1\nMED14,high\n", ["line 3", "'a'", "'high'"]),
        ("gene,a\nBRAF,1\n", ["none of its 1 genes", "BRAF"]),
        ("gene\nTP53\n", ["no feature column"]),
        ("", ["not a readable table"]),
    ],
)
def test_bad_tables_name_the_place(tmp_path: Path, text: str, said: list[str]) -> None:
    path = tmp_path / "features.csv"
    path.write_text(text)
    with pytest.raises(DataError) as caught:
        read_features(path, GENES)
    assert all(part in str(caught.value) for part in [*said, "features.csv"])


def test_feature_kernel_is_linear_in_standardised_features() -> None:
    features = np.array([[1.0, 2.0], [2.0, -1.0], [4.0, 0.5], [np.nan, np.nan]])
    kernel = Knowledge.from_panel(made_panel(), features=features).feature_kernel
    known = (features[:3] - features[:3].mean(axis=0)) / features[:3].std(axis=0)
    gram = known @ known.T
    expected = gram / np.sqrt(np.outer(np.diag(gram), np.diag(gram)))
    np.testing.assert_allclose(kernel[:3, :3], expected, atol=1e-12)
    np.testing.assert_array_equal(kernel[3], [0, 0, 0, 1])


def test_another_line_joins_the_kernel() -> None:
    profiles = np.random.default_rng(1).normal(size=(3, 30)).astype(np.float32)
    other = EffectTable(("TP53", "AARS1", "RPL18"), tuple(f"R{i}" for i in range(30)), profiles)
    centred = profiles.astype(float) - profiles.astype(float).mean(axis=0)
    correlation = np.corrcoef(centred)
    values, vectors = np.linalg.eigh(correlation)
    correlation = (vectors * values.clip(0)) @ vectors.T
    found = line_correlation(other, GENES)
    np.testing.assert_allclose(found[1, 0], correlation[0, 1], atol=1e-6)
    np.testing.assert_array_equal(found[2], 0)  # not measured there

    plain = Knowledge.from_panel(made_panel())
    from dataclasses import replace

    kernel = replace(plain, other_line=other).kernel
    mixed = plain.kernel + OTHER_LINE_WEIGHT * found
    scale = np.sqrt(np.diag(mixed))
    np.testing.assert_allclose(kernel, mixed / np.outer(scale, scale), atol=1e-9)
