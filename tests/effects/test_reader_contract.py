"""All readers of the package keep the contract that foreign ones are held to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mechpert_al import plugins
from mechpert_al.effects import convert
from mechpert_al.effects.conversion import READERS, Reader
from mechpert_al.errors import DataError
from mechpert_al.testing import ReaderContract

Screen = tuple[np.ndarray, list[str], list[str]]
Write = Callable[..., Path]
GENES = ["ATF4", "DDIT3"]


class Contract(ReaderContract):
    name = ""

    @pytest.fixture
    def reader(self) -> Reader:
        return plugins.named(READERS, self.name, "reader")


class TestCounts(Contract):
    name = "counts"

    @pytest.fixture
    def file(self, write_cells: Write, screen: Screen) -> Path:
        return write_cells(*screen)


class TestExpression(Contract):
    name, recognises_its_files = "expression", False

    @pytest.fixture
    def file(self, write_cells: Write, screen: Screen) -> Path:
        counts, labels, genes = screen
        return write_cells(np.log1p(counts), labels, genes)


class TestPseudobulk(Contract):
    name = "pseudobulk"

    @pytest.fixture
    def file(self, write_rows: Write) -> Path:
        values = np.array([[5.0, 100], [1, 120]])
        return write_rows(values, ["control", "ATF4"], GENES, obs={"psbulk_cells": [20, 30]})


class TestEffects(Contract):
    name = "effects"

    @pytest.fixture
    def file(self, write_rows: Write) -> Path:
        return write_rows(np.array([[-1.0, 0.5]]), ["MED1"], GENES, obs={"n_cells": [12]})


class TestTable(Contract):
    name = "table"

    @pytest.fixture
    def file(self, write_text: Write) -> Path:
        return write_text("perturbation,ATF4,DDIT3\nMED1,1,2\nATF4,-3,1\n")


def test_no_reader_is_left_out() -> None:
    tested = {one.name for one in Contract.__subclasses__()}
    assert tested == set(plugins.names(READERS))


def test_two_readers_that_recognise_a_file_are_a_question(
    write_text: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mechpert_al.effects.readers import expression

    monkeypatch.setattr(expression, "recognises", lambda path: "It looks familiar.")
    path = write_text("perturbation,DDIT3\nMED1,1\n")
    with pytest.raises(DataError, match=r"several ways.*looks familiar") as caught:
        convert(path)
    assert caught.value.hint == "Say what it is: --kind expression|table."
    assert convert(path, kind="table")[0].perturbations == ("MED1",)
