"""The campaign commands: payload, talk, JSON and exit codes."""

from __future__ import annotations

import csv
import io
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mechpert_al.cli import main


class Outcome:
    """What a command did; ``document`` is its JSON."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    @property
    def document(self) -> Any:
        return json.loads(self.out)

    @property
    def said(self) -> str:
        return self.out + self.err


@pytest.fixture
def cli(capsys, monkeypatch) -> Callable[..., Outcome]:
    """Run ``mechpert-al campaign …`` in this process."""
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)

    def run(*arguments: object) -> Outcome:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(["campaign", *map(str, arguments)])
        out, err = capsys.readouterr()
        return Outcome(int(ended.value.code or 0), out, err)

    return run


@pytest.fixture(scope="module")
def partial(cases: Path) -> Path:
    return cases / "ingest-twice-partial"


#: What the agents of a small panel say: target, regulator, confidence.
LINKS = {
    "complex": [("QARS1", "MED1", 0.4), ("SMG5", "UPF1", 0.7), ("MED1", "MED4", 0.6)],
    "response": [("ATF4", "QARS1", 0.8), ("UPF1", "SMG5", 0.5), ("UBL5", "IK", 0.5)],
}
GENES = ("QARS1", "MED1", "UBL5", "SMG5", "ATF4", "IK", "UPF1", "MED4", "EPRS1", "TAF1")


@pytest.fixture(scope="module")
def panel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("panel")
    agents = {name: {"role": "mechanism", "file": f"{name}.jsonl"} for name in LINKS}
    (folder / "panel.json").write_text(
        json.dumps(
            {
                "format": "mechpert-al panel 1",
                "name": "small",
                "agents": agents,
                "candidates": list(GENES),
            }
        )
    )
    for name, links in LINKS.items():
        lines = []
        for gene in GENES:
            told = [
                {"gene": one, "direction": 1, "confidence": sure, "mechanism": f"{one} acts"}
                for target, one, sure in links
                if target == gene
            ]
            lines.append(json.dumps({"agent": name, "target": gene, "regulators": told}))
        (folder / f"{name}.jsonl").write_text("\n".join(lines))
    return folder


@pytest.fixture(scope="module")
def template(panel: Path, partial: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A campaign of five genes, all of them ordered."""
    from mechpert_al.campaign import Campaign

    folder = tmp_path_factory.mktemp("template") / "c"
    Campaign.create(folder, panel, candidates=partial / "order.csv").propose(5)
    return folder


@pytest.fixture
def ordered(template: Path, tmp_path: Path) -> Path:
    return shutil.copytree(template, tmp_path / "c")


def facts(cli: Callable[..., Outcome], folder: Path) -> dict[str, list[str]]:
    document = cli("status", folder, "--json").document
    return {key: document[key] for key in ("measured", "pending", "excluded")}


# ---------------------------------------------------------------------- parts and repeats
def test_deliveries_in_parts(cli, ordered, partial):
    first = cli("ingest", ordered, partial / "a_first_delivery.csv")
    after = facts(cli, ordered)
    journal = (ordered / "journal.jsonl").read_bytes()

    assert first.code == 0
    assert all(gene in first.said for gene in ("EIF2B4", "SMG5", "QARS1"))
    assert after == {
        "measured": ["ATF4", "EIF2B4", "MED1", "UBL5"],
        "pending": ["QARS1", "SMG5"],
        "excluded": [],
    }
    for name in ("a_first_delivery.csv", "b_same_numbers_reformatted.csv"):
        again = cli("ingest", ordered, partial / name)
        assert again.code == 0
        assert "nothing new" in again.said
    other = cli("ingest", ordered, partial / "c_other_numbers.csv")
    assert other.code == 3
    for text in ("c_other_numbers.csv", "ATF4", "a_first_delivery.csv"):
        assert text in other.err
    twice = cli("ingest", ordered, partial / "d_within_one_file_twice.csv")
    assert twice.code == 3
    for text in ("d_within_one_file_twice.csv", "SMG5", "line 2", "line 4"):
        assert text in twice.err
    assert facts(cli, ordered) == after
    assert (ordered / "journal.jsonl").read_bytes() == journal


def test_ingest_as_json(cli, ordered, partial):
    trial = cli("ingest", ordered, partial / "a_first_delivery.csv", "--json", "--dry-run")
    done = cli("ingest", ordered, partial / "a_first_delivery.csv", "--json").document

    assert trial.document["recorded"] is False
    assert done["recorded"] is True
    assert done["not_ordered"] == ["EIF2B4"]
    assert done["pending"] == ["QARS1", "SMG5"]
    assert done["nothing_new"] is False
    failure = cli("ingest", ordered, partial / "c_other_numbers.csv", "--json")
    assert failure.code == failure.document["error"]["exit"] == 3
    assert "ATF4" in failure.document["error"]["message"]
    assert "--replicate" in failure.document["error"]["hint"]
    replaced = cli("ingest", ordered, partial / "c_other_numbers.csv", "--json", "--replace")
    assert replaced.document["replaced"] == ["ATF4"]


# ---------------------------------------------------------------------- the case of the cut journal
@pytest.fixture
def journals(cli, ordered, cases, tmp_path) -> Path:
    """The case's damaged copies of a journal of 6 records, the last of them a delivery."""
    shutil.copytree(ordered, tmp_path / "work")
    work = tmp_path / "work"
    rows = "perturbation,DDIT3,ASNS,CHAC1\n{},1.5,-0.5,0.25\n"
    for name in ("ATF4", "MED1", "UBL5"):
        (tmp_path / f"{name}.csv").write_text(rows.format(name))
        assert cli("ingest", work, tmp_path / f"{name}.csv").code == 0
    (tmp_path / "last.csv").write_text(rows.format("SMG5") + "QARS1,0.5,1.5,-1.0\n")
    assert cli("ingest", work, tmp_path / "last.csv").code == 0
    folder = tmp_path / "journals"
    folder.mkdir()
    make = cases / "journal-cut" / "make.py"
    subprocess.run([sys.executable, make, work / "journal.jsonl", folder], check=True)
    return folder


def resume(cli, journals: Path, name: str) -> tuple[Outcome, Path]:
    """Put a copy into the campaign's place, and look at it."""
    work = journals.parent / "work"
    shutil.copy(journals / f"{name}.jsonl", work / "journal.jsonl")
    return cli("status", work, "--json"), work


@pytest.mark.parametrize("name", ["a_torn_tail", "c_nul_tail"])
def test_resume_after_a_torn_line(cli, journals, name):
    found, work = resume(cli, journals, name)

    assert found.code == 0
    assert "line 6" in found.said
    assert found.document["records"] == 5
    assert found.document["pending"] == ["QARS1", "SMG5"]
    again = cli("ingest", work, journals.parent / "last.csv")
    assert again.code == 0
    lines = (work / "journal.jsonl").read_text().split("\n")
    assert [json.loads(line)["seq"] for line in lines[:-1]] == [1, 2, 3, 4, 5, 6]
    assert cli("verify", work).code == 0


def test_resume_without_the_last_line_end(cli, journals):
    found, work = resume(cli, journals, "b_no_last_newline")

    assert (found.code, found.document["records"], found.document["pending"]) == (0, 6, [])
    assert cli("withdraw", work, "TP53", "--abandoned", "--reason", "x").code == 3  # no candidate
    assert cli("withdraw", work, "IK", "--abandoned", "--reason", "x").code == 0
    assert cli("status", work, "--json").document["records"] == 7


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("d_damaged_middle", "line 3"),
        ("e_not_a_record", "line 7"),
        ("f_empty", "empty"),
        ("g_lost_middle", "record 3 is missing"),
        ("h_two_writers", "line 6"),
    ],
)
def test_resume_after_damage_stops_and_changes_nothing(cli, journals, panel, name, said):
    found, work = resume(cli, journals, name)
    before = (work / "journal.jsonl").read_bytes()

    assert found.code == found.document["error"]["exit"] == 6
    assert found.document["error"]["kind"] == "integrity"
    assert said in found.err
    for command in (
        ("propose", work, "-n", 1),
        ("ingest", work, journals.parent / "last.csv"),
        ("verify", work),
        ("export", work),
        ("withdraw", work, "SMG5", "--failed", "--reason", "x"),
    ):
        assert cli(*command).code == 6
    assert cli("new", work, "--panel", panel).code == 3
    assert (work / "journal.jsonl").read_bytes() == before


def test_resume_beside_a_lock_file_of_nobody(cli, ordered, cases):
    shutil.copy(cases / "journal-cut" / "journal.jsonl.lock", ordered / "journal.jsonl.lock")

    assert cli("withdraw", ordered, "SMG5", "--failed", "--reason", "lost").code == 0


# ---------------------------------------------------------------------- the other commands
def test_new_and_propose(cli, tmp_path, panel, partial):
    made = cli("new", tmp_path / "c", "--panel", panel, "--json",
               "--candidates", partial / "order.csv")  # fmt: skip
    trial = cli("propose", tmp_path / "c", "-n", 2, "--json", "--dry-run").document
    done = cli("propose", tmp_path / "c", "-n", 2, "--json").document

    assert made.document["n_candidates"] == 5
    assert trial["order"] is None
    assert done["round"] == trial["round"] == 1
    assert done["batch"] == trial["batch"]
    assert {
        "rank",
        "gene",
        "utility",
        "coverage_after",
        "newly_covered",
        "agents",
        "reason",
    } <= set(done["batch"][0])
    with Path(done["order"]).open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["gene"] for row in rows] == [pick["gene"] for pick in done["batch"]]
    assert "left_out" in done
    again = cli("new", tmp_path / "c", "--panel", panel, "--json")
    assert (again.code, again.document["error"]["kind"]) == (3, "data")


def test_propose_shows_reasons_and_says_what_is_pending(cli, ordered):
    cli("withdraw", ordered, "SMG5", "--failed", "--reason", "lost")

    shown = cli("propose", ordered, "-n", 3)

    assert shown.code == 0
    assert "SMG5" in shown.out
    assert "UPF1 acts" in shown.out  # an agent's mechanism
    assert "3 genes were asked for and 1 could be proposed" in shown.err
    assert "orders/round-002.csv" in shown.err


def test_nothing_left_has_its_exit_code(cli, ordered):
    found = cli("propose", ordered, "-n", 1, "--json")

    assert (found.code, found.document["error"]["kind"]) == (5, "nothing left")


def test_status_for_people(cli, ordered, partial):
    cli("ingest", ordered, partial / "a_first_delivery.csv")

    shown = cli("status", ordered)

    assert "QARS1 (round 1), SMG5 (round 1)" in shown.out
    assert "Coverage" in shown.out
    assert "No candidate is left to propose." in shown.out


def test_status_of_what_may_follow(cli, panel, tmp_path):
    cli("new", tmp_path / "c", "--panel", panel)

    document = cli("status", tmp_path / "c", "-n", 4, "--json").document
    shown = cli("status", tmp_path / "c", "-n", 4)

    assert set(document["coverage"]) == {"now", "after_pending", "curve", "n_candidates"}
    assert [point["n"] for point in document["coverage"]["curve"]] == [0, 4, 8, 10]
    assert document["next"]["low"] <= document["next"]["high"]
    assert document["next"]["n_agents"] == len(document["next"]["by_agent"]) == 2
    assert "(2 agents)" in shown.out


def test_withdraw(cli, ordered):
    done = cli("withdraw", ordered, "SMG5", "UBL5", "--failed", "--reason", "lost", "--json")

    assert done.document == {
        "withdrawn": ["SMG5", "UBL5"],
        "fate": "failed",
        "pending": ["ATF4", "MED1", "QARS1"],
    }
    assert cli("status", ordered, "--json").document["failed"] == {"SMG5": "lost", "UBL5": "lost"}
    assert cli("withdraw", ordered, "ATF4", "--abandoned", "--reason", "lethal").code == 0
    assert facts(cli, ordered)["excluded"] == ["ATF4"]


def test_export_of_the_order(cli, ordered, tmp_path):
    shown = cli("export", ordered)
    written = cli("export", ordered, "-o", tmp_path / "order.csv")

    assert shown.out == (ordered / "orders" / "round-001.csv").read_text()
    assert (tmp_path / "order.csv").read_text() == shown.out
    assert written.out == ""


def test_withdrawn_genes_are_not_exported(cli, ordered):
    cli("withdraw", ordered, "SMG5", "--failed", "--reason", "lost")

    shown = cli("export", ordered)

    assert "SMG5" not in [row["gene"] for row in csv.DictReader(io.StringIO(shown.out))]
    assert "left out, withdrawn since: SMG5" in shown.err


@pytest.fixture(scope="module")
def guided(panel: Path, cases: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A campaign whose order is the case's chosen genes."""
    from mechpert_al.campaign import Campaign

    folder = tmp_path_factory.mktemp("guided") / "c"
    chosen = cases / "guide-order" / "chosen.txt"
    Campaign.create(folder, panel, candidates=chosen).propose(6)
    return folder


def test_export_lists_all_problems_and_writes_nothing(cli, guided, cases, tmp_path):
    found = cli("export", guided, "--format", "cellranger", "-o", tmp_path / "features.csv",
                "--library", cases / "guide-order" / "library.tsv")  # fmt: skip

    assert found.code == 3
    for text in (
        "library.tsv", *(f"line {line}" for line in range(8, 16)), "HBB_g2", "ENSG00000128272",
        "MED1", "CD99_X", "CD99_Y",
    ):  # fmt: skip
        assert text in found.err
    assert not (tmp_path / "features.csv").exists()


@pytest.mark.parametrize("format", ["csv", "cellranger", "mageck"])
def test_export_of_a_mended_order(cli, guided, cases, format):
    found = cli("export", guided, "--format", format, "--mend", "--json",
                "--library", cases / "guide-order" / "library.tsv")  # fmt: skip

    document = found.document
    assert found.code == 0
    assert document["genes_without_guides"] == ["MED1"]
    assert (len(document["guides"]), document["n_controls"]) == (12, 2)
    assert len(document["text"].splitlines()) == (12 if format == "mageck" else 13)


def test_mageck_gets_a_list_of_controls_beside_its_library(cli, guided, cases, tmp_path):
    found = cli("export", guided, "--format", "mageck", "--mend", "-o", tmp_path / "lib.csv",
                "--library", cases / "guide-order" / "library.tsv")  # fmt: skip

    assert found.code == 0
    assert (tmp_path / "lib.controls.txt").read_text() == "NT_1\nNT_2\n"
    assert (tmp_path / "lib.csv").read_text().splitlines()[
        -1
    ] == "NT_2,TACGCGTAATCGACGGTATA,Non-Targeting"


def test_library_of_the_settings(cli, guided, cases, tmp_path):
    folder = shutil.copytree(guided, tmp_path / "c")
    shutil.copy(cases / "guide-order" / "library.tsv", folder)
    settings = folder / "campaign.toml"
    settings.write_text(
        settings.read_text().replace(
            "[orders]\n", '[orders]\nlibrary = "library.tsv"\ncontrol_guides = 1\n'
        )
    )

    document = cli("export", folder, "--format", "mageck", "--mend", "--json").document

    assert document["n_controls"] == 1


def test_verify_and_rebuild(cli, ordered, partial):
    cli("ingest", ordered, partial / "a_first_delivery.csv")
    (ordered / "orders" / "round-001.csv").unlink()

    found = cli("verify", ordered, "--json")

    assert found.document["intact"] is True
    assert (found.document["n_records"], found.document["n_files"]) == (3, 2)
    shutil.rmtree(ordered / "orders")
    assert cli("rebuild", ordered).code == 0
    assert (ordered / "orders" / "round-001.csv").exists()
    blob = next((ordered / "ingested").glob("*.csv"))
    blob.write_text("forged")
    broken = cli("verify", ordered, "--json")
    assert (broken.code, broken.document["error"]["kind"]) == (6, "integrity")
    assert blob.name in broken.err


def test_report_is_one_file_of_escaped_text(cli, panel, partial, tmp_path):
    text = (panel / "complex.jsonl").read_text()
    hostile = shutil.copytree(panel, tmp_path / "panel")
    (hostile / "complex.jsonl").write_text(text.replace("acts", "<script>alert(1)</script>"))
    folder = tmp_path / "c"
    cli("new", folder, "--panel", hostile)
    cli("propose", folder, "-n", 4)
    cli("ingest", folder, partial / "a_first_delivery.csv")

    written = cli("report", folder)

    page = (folder / "report.html").read_text()
    assert written.out == f"{folder / 'report.html'}\n"
    for shown in ("EIF2B4", "a_first_delivery.csv", "Round 1: 4 genes", "&lt;script&gt;"):
        assert shown in page
    assert "<script>alert" not in page
    assert 'src="http' not in page
    assert "default-src &#39;none&#39;" in page


@pytest.mark.parametrize(
    "command",
    ["new", "propose", "ingest", "status", "report", "export", "verify", "withdraw", "rebuild"],
)
def test_help_has_an_example(cli, command):
    shown = cli(command, "--help")

    assert shown.code == 0
    assert f"Example: mechpert-al campaign {command} my-campaign" in " ".join(shown.out.split())


def test_help_of_the_group_loads_nothing_heavy(run_cli):
    code = (
        "import sys; sys.argv = ['mechpert-al', 'campaign', '--help']\n"
        "from mechpert_al.cli import main\n"
        "try:\n    main()\n"
        "except SystemExit:\n"
        "    heavy = {'pandas', 'anndata', 'sklearn', 'modAL', 'scipy', 'numpy', 'pydantic'}\n"
        "    print(sorted(heavy & set(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stderr == "[]\n"
    assert "ingest" in done.stdout
