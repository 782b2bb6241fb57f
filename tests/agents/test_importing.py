import json
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mechpert_al.agents import importing, read_panel
from mechpert_al.agents.importing import import_panel
from mechpert_al.errors import DataError, SymbolError, UsageError

HEADER = "agent,target,regulator,direction,confidence,mechanism\n"


def written(folder: Path, text: str, name: str = "proposals.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_table_becomes_a_panel(tmp_path):
    source = written(
        tmp_path,
        HEADER
        + 'complex,TP53,MDM2,-1,0.9,"binds, ubiquitinates"\n'
        + "response,TP53,MDM2,1,.5,\n"
        + "complex,MDM2,TP53,+1,1,\n"
        + "complex,TP53,ATM,1,8e-1,kinase\n"
        + "response,ATM,,,,\n",
    )
    panel = import_panel(source, tmp_path / "deep" / "panel").panel
    assert panel.name == "panel"
    assert panel.candidates == ("TP53", "MDM2", "ATM")
    assert panel.voters == ("complex", "response")
    assert [tuple(one) for one in panel.hypotheses] == [
        ("complex", "TP53", "MDM2", -1, 0.9, "binds, ubiquitinates"),
        ("complex", "TP53", "ATM", 1, 0.8, "kinase"),
        ("complex", "MDM2", "TP53", 1, 1.0, ""),
        ("response", "TP53", "MDM2", 1, 0.5, ""),
    ]
    assert panel.answered == {
        "complex": frozenset({"TP53", "MDM2"}),
        "response": frozenset({"TP53", "ATM"}),
    }
    assert panel.dropped == ()
    assert panel.about["imported_from"] == "proposals.csv"
    again = read_panel(tmp_path / "deep" / "panel")
    assert again.hypotheses == panel.hypotheses
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["panel"]
    assert stat.S_IMODE((tmp_path / "deep" / "panel").stat().st_mode) & 0o555 == 0o555


def test_everything_dropped_is_counted(tmp_path):
    rows = [
        "a,TP53,MDM2,1,0.5,kept",
        "a,TP53,MDM2,1,0.4,duplicate",
        "a,TP53,TP53,1,0.4,self",
        "a,TP53,NOPE,1,0.4,no candidate",
        "a,TP53,ATM,1,0.4,contradiction",
        "a,TP53,ATM,-1,0.4,contradiction",
        "a,MDM2,ATM,0,0.4,direction",
        "a,MDM2,ATM,2.0,0.4,direction",
        "a,MDM2,ATM,1,1.5,confidence",
        "a,MDM2,ATM,1,0,confidence",
        "a,MDM2,ATM,up,0.4,malformed",
        "a,MDM2,ATM,1,high,malformed",
        "a,MDM2,ATM,1,nan,malformed",
        "a,MDM2,ATM,1,inf,malformed",
        "a,MDM2,ATM,1,,malformed",
        "a,ELSE,ATM,1,0.5,target is no candidate",
    ]
    source = written(tmp_path, HEADER + "\n".join(rows))
    genes = written(tmp_path, "TP53\nMDM2\nATM\n", "genes.txt")
    imported = import_panel(source, tmp_path / "panel", candidates=genes)
    counts = imported.panel.counts()
    assert counts["admitted"] == 1
    assert counts["dropped"] == {
        "malformed": 5,
        "confidence": 2,
        "direction": 2,
        "self_proposal": 1,
        "unknown_gene": 1,
        "duplicate": 1,
        "contradiction": 2,
    }
    assert counts["agents"]["a"]["unknown_targets"] == 1
    assert sum(counts["dropped"].values()) + counts["admitted"] + 1 == len(rows)
    assert any("NOPE" in notice for notice in imported.notices)


def test_outdated_symbols_are_matched_and_said(tmp_path):
    source = written(tmp_path, HEADER + "a,AARS1,HARS1,1,0.5,\na,HARS1,AARS1,1,0.5,\n")
    genes = written(tmp_path, "AARS\nHARS\n", "genes.txt")
    imported = import_panel(source, tmp_path / "panel", candidates=genes)
    assert [(one.target, one.regulator) for one in imported.panel.hypotheses] == [
        ("AARS", "HARS"),
        ("HARS", "AARS"),
    ]
    assert len(imported.notices) == 2
    assert imported.notices[0].startswith(f"{source}: AARS1 is AARS")


def test_agents_may_have_any_name(tmp_path):
    names = ["../a", "a/b", "a b", "ä", "..", "a" * 300]
    source = written(tmp_path, HEADER + "".join(f'"{name}",TP53,MDM2,1,0.5,\n' for name in names))
    panel = import_panel(source, tmp_path / "panel").panel
    assert list(panel.agents) == names
    assert len(panel.hypotheses) == len(names)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["panel", "proposals.csv"]


def test_baselines_do_not_vote(tmp_path):
    source = written(tmp_path, HEADER + "a,TP53,MDM2,1,0.5,\nb,TP53,MDM2,1,0.5,\n")
    panel = import_panel(source, tmp_path / "panel", name="mine", baselines=["b"]).panel
    assert (panel.name, panel.voters, panel.baselines) == ("mine", ("a",), ("b",))
    with pytest.raises(UsageError, match="no agent is called 'c'"):
        import_panel(source, tmp_path / "other", baselines=["c"])


def test_tables_of_other_dialects(tmp_path):
    text = "Agent;Target;Regulator;Direction;Confidence\na;TP53;MDM2;\u22121;0,5\n"
    panel = import_panel(written(tmp_path, text), tmp_path / "panel").panel
    assert panel.hypotheses == (("a", "TP53", "MDM2", -1, 0.5, ""),)


@pytest.mark.parametrize(
    ("text", "error", "told"),
    [
        ("agent,target,gene\na,B,C\n", DataError, "no column regulator, direction, confidence"),
        (HEADER + "a,TP53,MDM2,1,.5,\n,TP53,ATM,1,.5,\n", DataError, "line 3: no agent"),
        (HEADER + "a,,MDM2,1,.5,\n", DataError, "line 2: no target"),
        (HEADER + "a,TP53,9-Sep,1,.5,\n", SymbolError, "line 2: '9-Sep'"),
        (HEADER + "a,TP53,MDM2,up,.5,\n", DataError, "none of 1 proposals is admissible"),
        (HEADER, DataError, "no row below the header"),
        (HEADER + "a,TP53,,,,\n", DataError, "none of 0 proposals"),
        ("", DataError, "empty"),
    ],
)
def test_what_is_no_such_table_is_refused_and_leaves_nothing(tmp_path, text, error, told):
    source = written(tmp_path, text)
    with pytest.raises(error, match=told):
        import_panel(source, tmp_path / "panel")
    assert [*tmp_path.iterdir()] == [source]


def test_nothing_is_overwritten(tmp_path):
    source = written(tmp_path, HEADER + "a,TP53,MDM2,1,0.5,\n")
    import_panel(source, tmp_path / "panel")
    before = (tmp_path / "panel" / "panel.json").read_bytes()
    with pytest.raises(UsageError, match="is there already"):
        import_panel(source, tmp_path / "panel")
    assert (tmp_path / "panel" / "panel.json").read_bytes() == before


def test_an_interrupted_import_leaves_nothing(tmp_path, monkeypatch):
    source = written(tmp_path, HEADER + "a,TP53,MDM2,1,0.5,\n")

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(importing, "read_panel", interrupted)
    with pytest.raises(KeyboardInterrupt):
        import_panel(source, tmp_path / "panel")
    assert [*tmp_path.iterdir()] == [source]


@given(st.floats(allow_nan=False, allow_infinity=False, min_value=-1e6, max_value=1e6))
def test_numbers_are_read_as_written(value):
    assert importing._number(repr(value)) == value
    assert importing._number(repr(value).replace(".", ",")) == value


@given(st.text())
def test_what_is_read_can_be_written_as_json(text):
    value = importing._number(text)
    assert json.loads(json.dumps(value, allow_nan=False)) == value
    assert isinstance(value, str) or float(text.replace("\u2212", "-").replace(",", ".")) == value
