"""What people get wrong: each message has the place, the value and the remedy; nothing changes."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from mechpert_al.campaign import Campaign
from mechpert_al.errors import ConfigError, DataError, MechPertError, SymbolError, UsageError

HEADER = "perturbation,R0,R1,R2,R3\n"


class Bench:
    """A campaign with one measured and two pending genes, and a folder for files."""

    def __init__(self, campaign: Campaign, folder: Path, panel: Path) -> None:
        self.folder, self.panel = folder, panel
        self.path = campaign.folder.path
        self.measured, self.pending, self.other = campaign.propose(3).genes
        campaign.ingest(self.file("first.csv", f"{HEADER}{self.measured},-1,0.5,2,0.25\n"))
        self.strange = next(
            gene for gene in campaign.candidates if gene not in campaign.state.pending
            and gene != self.measured
        )  # fmt: skip

    def file(self, name: str, content: str | bytes) -> Path:
        path = self.folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def open(self) -> Campaign:
        return Campaign.open(self.path)

    def ingest(self, content: str | bytes, name: str = "bad.csv", **options: object) -> object:
        return self.open().ingest(self.file(name, content), **options)

    def design(self, line: str) -> Campaign:
        """A line in the section [design] of the settings."""
        settings = self.path / "campaign.toml"
        settings.write_text(settings.read_text().replace("[design]\n", f"[design]\n{line}\n"))
        return self.open()

    def constrained(self, n: int = 2, **files: object) -> object:
        campaign = self.open()
        return campaign.propose(n, constraints=campaign.constraints(**files)[0])


class Bad(NamedTuple):
    """What is done, the kind of error, what the message and the hint must hold."""

    do: Callable[[Bench], object]
    error: type[MechPertError]
    message: str
    hint: str


def row(gene: str) -> str:
    return f"{gene},-1,0.5,2,0.25\n"


BAD: dict[str, Bad] = {
    # ------------------------------------------------------------------ deliveries
    "delivery that is not there": Bad(
        lambda b: b.open().ingest(b.folder / "none.csv"), DataError, "none.csv", "Looked for"
    ),
    "empty delivery": Bad(lambda b: b.ingest(""), DataError, "bad.csv", ""),
    "delivery that is no text": Bad(
        lambda b: b.ingest(b"\xff\xfe\x00\x80" * 40), DataError, "bad.csv", ""
    ),
    "delivery with a word for a number": Bad(
        lambda b: b.ingest(HEADER + f"{b.pending},-1,high,2,0.25\n"), DataError, "line 2", ""
    ),
    "gene twice in a delivery": Bad(
        lambda b: b.ingest(HEADER + row(b.pending) + row(b.pending)), DataError,
        "line 2, line 3", "--duplicated-rows",
    ),
    "other numbers than before": Bad(
        lambda b: b.ingest(HEADER + f"{b.measured},-1,0.5,2,0.75\n"), DataError,
        "R3 is 0.75, was 0.25; 1 of 4 readouts differ", "--replicate",
    ),
    "both decisions at once": Bad(
        lambda b: b.ingest(HEADER + row(b.pending), replace=True, replicate=True), UsageError,
        "both replace and be pooled", "one of the two",
    ),
    "symbol in small letters": Bad(
        lambda b: b.ingest(HEADER + row(b.pending.lower()) + row("MED1")), SymbolError,
        "differs in upper and lower case", "Correct the names",
    ),
    "two names of one gene": Bad(
        lambda b: b.ingest(HEADER + row("AARS") + row("AARS1")), DataError, "line 2", ""
    ),
    "date for a symbol": Bad(
        lambda b: b.ingest(HEADER + row("9-Sep") + row("MED1")), DataError, "9-Sep", ""
    ),
    "readouts of another kind": Bad(
        lambda b: b.ingest(f"perturbation,X1,X2\n{b.pending},-1.5,2\n"), DataError,
        "none of its 2 readouts (X1, …) is among the 4 measured so far (R0, …)", "transposed",
    ),
    "nothing but missing values": Bad(
        lambda b: b.ingest(HEADER + f"{b.pending},NA,NA,NA,NA\n"), DataError, "bad.csv", ""
    ),
    "unknown option": Bad(
        lambda b: b.ingest(HEADER + row(b.pending), colour="red"), UsageError, "'colour'", "Valid"
    ),
    "unknown kind": Bad(
        lambda b: b.ingest(HEADER + row(b.pending), kind="magic"), UsageError, "'magic'",
        "Valid names",
    ),
    # ------------------------------------------------------------------ proposals
    "no genes": Bad(lambda b: b.open().propose(0), UsageError, "a batch of 0 genes", "at least 1"),
    "unknown strategy": Bad(
        lambda b: b.open().propose(1, strategy="expected_covrage"), UsageError,
        "'expected_covrage'", "Did you mean expected_coverage",
    ),
    "strategy without its network": Bad(
        lambda b: b.open().propose(1, strategy="degree_prior"), UsageError,
        "needs a prior network", "--network",
    ),
    "including what is measured": Bad(
        lambda b: b.constrained(include=b.file("in.txt", b.measured)), UsageError,
        "is measured or pending already", "nothing was proposed",
    ),
    "including what is pending": Bad(
        lambda b: b.constrained(include=b.file("in.txt", b.pending)), UsageError,
        "is measured or pending already", "nothing was proposed",
    ),
    "including and excluding": Bad(
        lambda b: b.constrained(
            include=b.file("in.txt", b.strange), exclude=b.file("out.txt", b.strange)
        ),
        UsageError, "must be included, but is excluded", "nothing was proposed",
    ),
    "including more than the batch": Bad(
        lambda b: b.constrained(
            1, include=b.file("in.txt", "\n".join(g for g in b.open().candidates
                              if g not in (b.measured, b.pending, b.other)))
        ),
        UsageError, "must be included in a batch of 1", "nothing was proposed",
    ),
    "including nobody": Bad(
        lambda b: b.constrained(include=b.file("in.txt", "NOBODY")), SymbolError,
        "in.txt: NOBODY not matched", "Correct the names",
    ),
    "list that is not there": Bad(
        lambda b: b.constrained(exclude=b.folder / "none.txt"), DataError, "none.txt", ""
    ),
    "cost that is no number": Bad(
        lambda b: b.constrained(cost=b.file("cost.csv", f"gene,cost\n{b.strange},cheap\n")),
        DataError, "cost.csv, line 2: cost is 'cheap'", "number",
    ),
    "cost of nothing": Bad(
        lambda b: b.constrained(cost=b.file("cost.csv", f"gene,cost\n{b.strange},0\n")),
        UsageError, "the cost of", "nothing was proposed",
    ),
    "budget without costs": Bad(
        lambda b: b.constrained(budget=3), UsageError, "a budget needs costs", "--cost"
    ),
    # ------------------------------------------------------------------ settings
    "unknown key": Bad(
        lambda b: b.design('stratgy = "random"'), ConfigError,
        'campaign.toml: unknown key design.stratgy (= "random")', "Did you mean strategy",
    ),
    "text for a number": Bad(
        lambda b: b.design('budget = "3"'), ConfigError, 'design.budget is "3"', ""
    ),
    "no TOML": Bad(lambda b: b.design("strategy ="), ConfigError, "campaign.toml: not TOML", ""),
    "bridging gene that nobody knows": Bad(
        lambda b: b.design('bridging = ["NOBODY"]').propose(1), SymbolError,
        "design.bridging: NOBODY not matched", "Correct the names",
    ),
    "settings that are gone": Bad(
        lambda b: ((b.path / "campaign.toml").unlink(), b.open()), ConfigError, "campaign.toml", ""
    ),
    "panel that is gone": Bad(
        lambda b: (shutil.rmtree(b.panel), b.open().propose(1)), DataError, "panel", "Looked for"
    ),
    # ------------------------------------------------------------------ withdrawals
    "withdrawing nobody": Bad(
        lambda b: b.open().withdraw(["NOBODY"], "failed", "x"), SymbolError,
        "NOBODY not matched", "Correct the names",
    ),
    "withdrawing what is measured": Bad(
        lambda b: b.open().withdraw([b.measured], "failed", "x"), UsageError,
        "is measured", "--drop-measurements",
    ),
    "failing what is not pending": Bad(
        lambda b: b.open().withdraw([b.strange], "failed", "x"), UsageError,
        "is not pending", "--abandoned",
    ),
    "withdrawing without a reason": Bad(
        lambda b: b.open().withdraw([b.pending], "failed", "  "), UsageError,
        "needs genes and a reason", "Say why",
    ),
    # ------------------------------------------------------------------ orders and folders
    "round that never was": Bad(
        lambda b: b.open().export(round=9), UsageError, "no round 9", "rounds 1 to 1"
    ),
    "guides without a library": Bad(
        lambda b: b.open().export("cellranger"), UsageError, "no guide library", "--library"
    ),
    "unknown format": Bad(
        lambda b: b.open().export("excel"), UsageError, "'excel'", "csv, cellranger, mageck"
    ),
    "library that is not there": Bad(
        lambda b: b.open().export("mageck", library=b.folder / "none.tsv"), DataError,
        "none.tsv", "Looked for",
    ),
    "campaign that is not there": Bad(
        lambda b: Campaign.open(b.folder / "nowhere"), DataError,
        "nowhere: no campaign there", "campaign new",
    ),
    "campaign that is there already": Bad(
        lambda b: Campaign.create(b.path, b.panel), DataError,
        "is a campaign already", "campaign status",
    ),
    "panel that is not there": Bad(
        lambda b: Campaign.create(b.folder / "new", b.folder / "none"), DataError, "none",
        "Looked for",
    ),
    "measurements from the start that are none": Bad(
        lambda b: Campaign.create(b.folder / "new", b.panel, effects=b.file("e.csv", "no effects")),
        DataError, "e.csv", "",
    ),
    "empty candidate list": Bad(
        lambda b: Campaign.create(b.folder / "new", b.panel, candidates=b.file("c.txt", "\n")),
        DataError, "c.txt", "",
    ),
    "settings of another program": Bad(
        lambda b: (
            (b.folder / "new").mkdir(), b.file("new/campaign.toml", "mine = true\n"),
            Campaign.create(b.folder / "new", b.panel),
        ),
        DataError, "campaign.toml: is there already, with another content", "Remove or rename",
    ),
    "folder that is a file": Bad(
        lambda b: Campaign.create(b.file("new", "a file"), b.panel), DataError, "new", ""
    ),
}  # fmt: skip


@pytest.fixture
def bench(toy_panel: Path, tmp_path: Path) -> Bench:
    panel = shutil.copytree(toy_panel, tmp_path / "panel")
    return Bench(Campaign.create(tmp_path / "campaign", panel), tmp_path, panel)


@pytest.mark.parametrize("what", BAD)
def test_bad_input_is_told_and_changes_nothing(bench, what):
    do, kind, message, hint = BAD[what]
    before = (bench.path / "journal.jsonl").read_bytes()
    stored = sorted(path.name for path in (bench.path / "ingested").iterdir())

    with pytest.raises(kind) as caught:
        do(bench)

    assert message in caught.value.message
    assert hint in caught.value.hint
    assert (bench.path / "journal.jsonl").read_bytes() == before
    assert sorted(path.name for path in (bench.path / "ingested").iterdir()) == stored
    new = bench.folder / "new"
    assert not new.is_dir() or [path.name for path in new.iterdir()] in (
        ["campaign.toml"], ["campaign.toml", "journal.jsonl.lock"],
    )  # fmt: skip
