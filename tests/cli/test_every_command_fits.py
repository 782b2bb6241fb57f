"""What every command prints in a terminal of 80 columns: no line is wider, whatever it tells."""

from __future__ import annotations

import itertools
import re
import sys
from pathlib import Path

import pytest

from mechpert_al.cli import main
from mechpert_al.effects import write_effects
from mechpert_al.testing import ToyScreen

ANSI = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


@pytest.fixture(scope="module")
def place(toy: ToyScreen, toy_panel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with small inputs of every kind, and a campaign under way."""
    from mechpert_al.campaign import Campaign

    folder = tmp_path_factory.mktemp("narrow")
    write_effects(toy.effects, folder / "measured.h5ad")
    genes, readouts = toy.genes, toy.effects.readouts
    links = [f"{one}\t{other}" for one, other in itertools.pairwise(genes)]
    (folder / "network.tsv").write_text("\n".join(["gene1\tgene2", *links]) + "\n")
    (folder / "genes.txt").write_text("\n".join([*genes, "SEPT1", "QARS", "2-Mar", "NOGENE"]))
    rows = [f"{gene},{n}.5,-1.25,0.5,1" for n, gene in enumerate(genes[:5])]
    (folder / "table.csv").write_text(
        "\n".join([",".join(["perturbation", *readouts]), *rows]) + "\n"
    )
    said = [f"one,{genes[0]},{gene},1,0.5,{'a long mechanism ' * 9}" for gene in genes[1:4]]
    head = "agent,target,regulator,direction,confidence,mechanism"
    (folder / "said.csv").write_text("\n".join([head, *said]) + "\n")
    campaign = Campaign.create(folder / "screen", toy_panel)
    campaign.propose(4)
    campaign.ingest(folder / "table.csv")
    campaign.withdraw(list(campaign.state.pending)[:1], "failed", "no guide in the library")
    return folder


#: Each as it is typed; PANEL is the toy panel.
COMMANDS = [
    "",
    "data list",
    "doctor",
    "effects check measured.h5ad",
    "effects convert table.csv -o made.h5ad",
    "network check network.tsv --edges",
    "network centrality network.tsv --measure degree --measure betweenness --measure closeness "
    "--measure pagerank --measure eigenvector",
    "panel list",
    "panel check PANEL",
    "panel check PANEL --effects measured.h5ad --network network.tsv",
    "panel check essential585",
    "panel show PANEL",
    "panel show essential585",
    "panel show essential585 RPL18",
    "panel import said.csv -o imported",
    "plan --panel PANEL -n 4",
    "plan --panel PANEL -n 4 --out order.csv",
    "predict --effects table.csv --panel PANEL -o predicted.h5ad",
    "symbols check genes.txt",
    "ask local --candidates genes.txt --out asked --dry-run",
    "campaign new other --panel PANEL --effects table.csv",
    "campaign status screen",
    "campaign propose screen -n 3 --dry-run",
    "campaign propose screen -n 3",
    "campaign ingest screen table.csv",
    "campaign ask-again screen --most 5",
    "campaign export screen",
    "campaign verify screen",
    "campaign rebuild screen",
    "power --budget 4 --labs 1",
    # what goes wrong fits too
    "plan --panel PANEL -n 4 --strategy expected_covrage",
    "plan --panel PANEL -n 4 --exclude genes.txt",
    "effects convert tabel.csv -o made.h5ad",
    "campaign ingest screen tabel.csv",
]


def too_wide(line: str) -> bool:
    """Whether a line is wider than the terminal; what must be copied in one piece may be."""
    return len(line) > 80 and "mechpert-al " not in line and max(map(len, line.split())) <= 76


@pytest.mark.parametrize("command", COMMANDS)
def test_no_line_is_wider_than_the_terminal(command, place, toy_panel, monkeypatch, capsys):
    monkeypatch.chdir(place)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    with pytest.raises(SystemExit):
        main(command.replace("PANEL", str(toy_panel)).split())
    told = capsys.readouterr()
    lines = ANSI.sub("", told.out + told.err).splitlines()
    assert lines
    assert [line for line in lines if too_wide(line)] == []
