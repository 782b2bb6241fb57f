"""The contract of readers: files of one kind turned into effects."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import numpy as np
import pytest

from mechpert_al.effects import EffectTable
from mechpert_al.effects.conversion import ConversionReport, ConvertOptions, Reader
from mechpert_al.effects.sources import sha256_of
from mechpert_al.errors import MechPertError


class ReaderContract:
    """What every reader must do.

    Subclass this and give the fixtures ``reader`` and ``file``, a sound file of its kind::

        class TestMyReader(ReaderContract):
            @pytest.fixture
            def reader(self):
                return my_package.my_reader

            @pytest.fixture
            def file(self, tmp_path):
                return write_my_format(tmp_path / "screen.mine")
    """

    options = ConvertOptions()
    recognises_its_files = True
    """False for a kind that only the user can name."""

    @pytest.fixture
    def reader(self) -> Reader:
        """The reader under test: the subclass overrides this."""
        raise TypeError(f"{type(self).__name__} does not give the fixture 'reader'")

    @pytest.fixture
    def file(self) -> Path:
        """A sound file of its kind: the subclass overrides this."""
        raise TypeError(f"{type(self).__name__} does not give the fixture 'file'")

    @pytest.fixture
    def read(self, reader: Reader, file: Path) -> tuple[EffectTable, ConversionReport]:
        """What the reader makes of the file."""
        return reader.read(file, self.options, "because of the test")

    def test_it_knows_its_files(self, reader: Reader, file: Path) -> None:
        """It says why a file is of its kind, in words, and says the same again."""
        why = reader.recognises(file)
        assert why == reader.recognises(file)
        if self.recognises_its_files:
            assert why
        else:
            assert why is None

    @pytest.mark.parametrize("content", [b"", b"\x00\x01\x02", b"\x89HDF\r\n\x1a\n"])
    def test_strangers_are_no_bug(self, reader: Reader, tmp_path: Path, content: bytes) -> None:
        """Bytes that are no measurements are not its kind, or an error that says so."""
        stranger = tmp_path / "stranger.bin"
        stranger.write_bytes(content)
        with contextlib.suppress(MechPertError):
            reader.recognises(stranger)
        with pytest.raises(MechPertError):
            reader.read(stranger, self.options, "")

    def test_effects_and_their_report(
        self, read: tuple[EffectTable, ConversionReport], file: Path
    ) -> None:
        """A table with values; a report that names the source, and says why it was read so."""
        table, report = read
        assert table.n_measured > 0
        assert table.values.dtype == np.float32
        assert Path(report.file).name == file.name
        assert report.sha256 == sha256_of(file)
        assert report.kind
        assert any("because of the test" in line for line in report.recognised)
        assert all(isinstance(line, str) and line for line in report.lines())

    def test_provenance_is_plain(self, read: tuple[EffectTable, ConversionReport]) -> None:
        """What goes into files is JSON, and the source is in it."""
        table, report = read
        assert json.loads(json.dumps(report.as_dict()))
        info = json.loads(json.dumps(dict(table.info)))
        assert {"sha256": report.sha256, "file": Path(report.file).name} in info["sources"]

    def test_counts_agree(self, read: tuple[EffectTable, ConversionReport]) -> None:
        """The cells of the table are those of the report; what has too few is not in it."""
        table, report = read
        assert not set(report.too_few_cells) & set(table.perturbations)
        if table.n_cells is not None:
            known = zip(table.perturbations, table.n_cells, strict=True)
            for name, n in known:
                assert np.isnan(n) or report.n_cells[name] == n

    def test_reading_again_is_the_same(
        self, reader: Reader, file: Path, read: tuple[EffectTable, ConversionReport]
    ) -> None:
        """Equal files give equal effects, and the file is left alone."""
        before = file.read_bytes()
        again, report = reader.read(file, self.options, "because of the test")
        assert again.content_hash == read[0].content_hash
        assert report == read[1]
        assert file.read_bytes() == before
