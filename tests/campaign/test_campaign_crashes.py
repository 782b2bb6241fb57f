"""Kills, full disks, read-only folders, two writers: nothing is lost, nothing is half done.

A kill is a SIGKILL to a forked process that runs a campaign step by step, at a random moment, or
just before (or in the middle of) one of the calls by which things get onto the disk. The campaign
that is found afterwards must be one that a whole number of steps leads to: at least as many as the
process reported, at most one more.
"""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from mechpert_al.campaign import Campaign
from mechpert_al.campaign.lock import BusyError
from mechpert_al.errors import DataError, IntegrityError

# Forking a process with threads is safe here: the threads are idle ones of the numerics libraries.
pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")

Step = Callable[[Campaign], object]


# ---------------------------------------------------------------------- the campaign that is killed
@pytest.fixture(scope="module")
def deliveries(toy, tmp_path_factory) -> dict[str, Path]:
    """Tables of all candidates, so that whatever is proposed can be delivered."""
    folder = tmp_path_factory.mktemp("deliveries")
    table = toy.effects
    files = {}
    for gene in toy.genes:
        for name, shift in (("", 0.0), ("_again", 1.0)):
            values = [f"{value + shift:.4f}" for value in table.values[table.row_of[gene]]]
            path = folder / f"{gene}{name}.csv"
            path.write_text(f"perturbation,R0,R1,R2,R3,n_cells\n{gene},{','.join(values)},20\n")
            files[gene + name] = path
    return files


@pytest.fixture(scope="module")
def steps(deliveries) -> list[Step]:
    """A short life: batches, deliveries, a correction, a replicate, a withdrawal."""

    def ingest(place: int, suffix: str = "", **decision: bool) -> Step:
        def step(campaign: Campaign) -> object:
            gene = campaign.order(1).genes[place]
            return campaign.ingest(deliveries[gene + suffix], **decision)

        return step

    return [
        lambda campaign: campaign.propose(4),
        ingest(0),
        ingest(1),
        lambda campaign: campaign.withdraw([campaign.order(1).genes[3]], "failed", "lost"),
        lambda campaign: campaign.propose(3),
        ingest(0, "_again", replace=True),
        ingest(2),
        ingest(1, "_again", replicate=True),
    ]


def picture(campaign: Campaign) -> dict[str, object]:
    """Everything that must be right, without the times."""
    state, effects = campaign.state, campaign.effects
    return {
        "measured": {gene: [one.file for one in parts] for gene, parts in state.measured.items()},
        "pending": dict(state.pending),
        "failed": dict(state.failed),
        "batches": [one.genes for one in state.rounds],
        "effects": None if effects is None else dict(
            zip(effects.perturbations, effects.values.tolist(), strict=True)
        ),
        "cells": None if effects is None else effects.n_cells.tolist(),
    }  # fmt: skip


@pytest.fixture(scope="module")
def pictures(steps, toy_panel, tmp_path_factory) -> list[dict[str, object]]:
    """What is right after each number of steps."""
    campaign = Campaign.create(tmp_path_factory.mktemp("right") / "c", toy_panel)
    found = [picture(campaign)]
    for step in steps:
        step(campaign)
        found.append(picture(campaign))
    return found


@pytest.fixture
def begun(toy_panel, tmp_path) -> Path:
    return Campaign.create(tmp_path / "c", toy_panel).folder.path


# ---------------------------------------------------------------------- killing
def run(folder: Path, steps: list[Step], arm: Callable[[], None], kill_after: float | None) -> int:
    """Run the steps in a process of their own, killed on the way; how many were reported done."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(reader)
            campaign = Campaign.open(folder)
            os.write(writer, b"0")
            arm()
            for step in steps:
                step(campaign)
                os.write(writer, b".")
            os._exit(0)
        except BaseException:  # noqa: BLE001 - the child must never come back
            traceback.print_exc()
            os._exit(1)
    os.close(writer)
    with os.fdopen(reader, "rb") as reports:
        assert reports.read(1) == b"0"
        if kill_after is not None:
            time.sleep(kill_after)
            os.kill(pid, signal.SIGKILL)
        done = len(reports.read())
    _, status = os.waitpid(pid, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return done


#: The calls by which things get onto the disk, or off it.
DURABLE = ("fsync", "replace", "ftruncate", "unlink", "pwrite")


def killed_at(number: int, *, is_half_written: bool = False) -> Callable[[], None]:
    """Make the process kill itself at its number-th durable call."""

    def arm() -> None:
        left = [number]

        def strike(name: str, call: Callable[..., object]) -> Callable[..., object]:
            def struck(*arguments: object, **more: object) -> object:
                left[0] -= 1
                if left[0] < 0:
                    if is_half_written and name == "fsync":
                        size = os.fstat(arguments[0]).st_size  # type: ignore[arg-type]
                        with suppress(OSError):  # a folder, or opened for reading
                            os.truncate(arguments[0], max(0, size - 7))  # type: ignore[arg-type]
                    os.kill(os.getpid(), signal.SIGKILL)
                return call(*arguments, **more)

            return struck

        for name in DURABLE:
            setattr(os, name, strike(name, getattr(os, name)))

    return arm


def assert_nothing_lost(folder: Path, done: int, steps, pictures) -> None:
    """The campaign is one that a whole number of steps leads to, and can be finished."""
    campaign = Campaign.open(folder)
    found = picture(campaign)
    assert found in pictures[done : done + 2]
    number = done + pictures[done : done + 2].index(found)
    assert campaign.verify().n_records == number + 1
    for step in steps[number:]:
        step(campaign)
    assert picture(campaign) == pictures[-1]
    assert picture(Campaign.open(folder)) == pictures[-1]
    assert not list(folder.rglob("*.part"))
    orders = [path.name for path in sorted((folder / "orders").iterdir())]
    assert orders == ["round-001.csv", "round-002.csv"]


@pytest.fixture(scope="module")
def uninterrupted(steps, toy_panel, tmp_path_factory) -> tuple[float, int]:
    """How long all steps take, and how many durable calls they make."""
    folder = Campaign.create(tmp_path_factory.mktemp("timed") / "c", toy_panel).folder.path
    counted = folder.parent / "calls"

    def count() -> None:
        calls = [0]
        for name in DURABLE:
            call = getattr(os, name)

            def counting(*arguments, _call=call, **more):
                calls[0] += 1
                counted.write_text(str(calls[0]))
                return _call(*arguments, **more)

            setattr(os, name, counting)

    run(folder, steps, lambda: None, None)
    shutil.rmtree(folder)
    folder = Campaign.create(folder, toy_panel).folder.path
    begun = time.monotonic()
    run(folder, steps, count, None)
    return time.monotonic() - begun, int(counted.read_text())


def kill_randomly(seed: int, folder: Path, steps, pictures, uninterrupted) -> None:
    random = np.random.default_rng(seed)
    seconds, n_calls = uninterrupted
    kind = random.choice(["moment", "call", "half"])
    if kind == "moment":
        done = run(folder, steps, lambda: None, random.uniform(0, seconds))
    else:
        arm = killed_at(int(random.integers(n_calls)), is_half_written=kind == "half")
        done = run(folder, steps, arm, None)
    assert_nothing_lost(folder, done, steps, pictures)


@pytest.mark.parametrize("seed", range(40))
def test_killed(seed, begun, steps, pictures, uninterrupted):
    kill_randomly(seed, begun, steps, pictures, uninterrupted)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(40, 200))
def test_killed_more_often(seed, begun, steps, pictures, uninterrupted):
    kill_randomly(seed, begun, steps, pictures, uninterrupted)


@pytest.mark.slow
def test_killed_at_every_durable_call(toy_panel, steps, pictures, uninterrupted, tmp_path):
    _, n_calls = uninterrupted
    for number in range(n_calls):
        folder = Campaign.create(tmp_path / f"{number}", toy_panel).folder.path
        done = run(folder, steps, killed_at(number), None)
        assert_nothing_lost(folder, done, steps, pictures)


def test_killed_while_it_begins(toy_panel, tmp_path):
    """A campaign is begun, or it is not and can be."""
    for number in range(12):
        folder = tmp_path / f"{number}"
        pid = os.fork()
        if pid == 0:
            killed_at(number)()
            Campaign.create(folder, toy_panel)
            os._exit(0)
        _, status = os.waitpid(pid, 0)
        if os.WIFEXITED(status):
            break
        if (folder / "journal.jsonl").exists():
            Campaign.open(folder)
        else:
            Campaign.create(folder, toy_panel)
        assert Campaign.open(folder).propose(2).genes
    assert number > 3


# ---------------------------------------------------------------------- full disks
@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 1 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", place], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("a small disk cannot be mounted here")
    yield place
    subprocess.run(["umount", place], check=True)


def fill(disk: Path, free: int) -> Path:
    """Leave so many bytes on a disk."""
    ballast = disk / "ballast"
    space = shutil.disk_usage(disk).free - free
    ballast.write_bytes(bytes(max(0, space)))
    return ballast


@pytest.mark.parametrize("free", [0, 4096, 8192, 16384, 32768, 49152, 65536, 81920])
def test_full_disk(free, small_disk, toy, toy_panel, deliveries):
    campaign = Campaign.create(small_disk / "c", toy_panel)
    one, other = campaign.propose(2).genes
    campaign.ingest(deliveries[one])
    ballast = fill(small_disk, free)
    outcomes = []
    third = next(gene for gene in toy.genes if gene not in (one, other))
    for step in (
        lambda: campaign.ingest(deliveries[other]),
        lambda: campaign.propose(2),
        lambda: campaign.withdraw([third], "abandoned", "x" * 5000),
    ):
        before = campaign.folder.journal.path.read_bytes()
        try:
            step()
            outcomes.append(True)
        except DataError:
            outcomes.append(False)
            assert campaign.folder.journal.path.read_bytes() == before
    if not 8192 <= free < 65536:  # between the two the ingest may just fit
        assert outcomes[0] == (free >= 65536)

    ballast.unlink()
    again = Campaign.open(small_disk / "c")

    assert (other in again.state.measured) == outcomes[0]
    assert len(again.state.rounds) == 1 + outcomes[1]
    assert again.verify().n_records == 3 + sum(outcomes)
    again.ingest(deliveries[other])
    assert set(again.effects.perturbations) == {one, other}
    assert not list(small_disk.rglob("*.part"))


@pytest.mark.parametrize("limit", [10, 100, 1000, 5000, 20_000])
def test_file_that_may_not_grow(limit, begun, deliveries):
    """The same by a limit on the size of files: whatever cannot be written whole is not there."""
    campaign = Campaign.open(begun)
    gene = campaign.propose(3).genes[0]
    size = campaign.folder.journal.path.stat().st_size
    pid = os.fork()
    if pid == 0:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        try:
            campaign.ingest(deliveries[gene])
        except DataError:
            os._exit(3)
        os._exit(0)
    _, status = os.waitpid(pid, 0)

    again = Campaign.open(begun)

    assert os.WIFEXITED(status)
    assert (gene in again.state.measured) == (os.WEXITSTATUS(status) == 0)
    if limit < size:
        assert os.WEXITSTATUS(status) == 3
    again.ingest(deliveries[gene])
    assert again.verify().n_records == 3


# ---------------------------------------------------------------------- read-only folders
@pytest.fixture
def read_only(begun, deliveries) -> Iterator[Path]:
    """A campaign with measurements, on a read-only disk and without derived files."""
    campaign = Campaign.open(begun)
    gene = campaign.propose(2).genes[0]
    campaign.ingest(deliveries[gene])
    campaign.folder.effects_file.unlink()
    campaign.folder.order_file(1).unlink()
    bound = subprocess.run(["mount", "--bind", begun, begun], capture_output=True, check=False)
    if bound.returncode:
        if os.geteuid() == 0:
            pytest.skip("neither mounts nor permissions bind here")
        begun.chmod(0o555)
        yield begun
        begun.chmod(0o755)
        return
    subprocess.run(["mount", "-o", "remount,ro,bind", begun], check=True)
    yield begun
    subprocess.run(["umount", begun], check=True)


def test_read_only_folder_can_be_read(read_only):
    campaign = Campaign.open(read_only)

    assert len(campaign.effects.perturbations) == 1
    assert len(campaign.status().state.pending) == 1
    assert len(campaign.order()) == 2
    assert campaign.export().text.startswith("rank,gene")
    assert campaign.propose(3, dry_run=True).genes


def test_read_only_folder_can_be_verified(read_only):
    found = Campaign.open(read_only).verify()

    assert found.n_records == 3
    assert any("could not be written again" in notice for notice in found.notices)


def test_read_only_folder_refuses_what_would_write(read_only, deliveries):
    campaign = Campaign.open(read_only)

    for step in (
        lambda: campaign.propose(3),
        lambda: campaign.ingest(deliveries[campaign.order().genes[1]]),
        campaign.rebuild,
    ):
        with pytest.raises(DataError, match="cannot be written to"):
            step()


# ---------------------------------------------------------------------- two writers
def test_two_writers_at_once(begun, deliveries, toy):
    """Six processes take in a gene each and propose two: everything is there, nothing twice."""
    campaign = Campaign.open(begun)
    genes = campaign.propose(6).genes
    children = []
    for gene in genes:
        pid = os.fork()
        if pid == 0:
            try:
                mine = Campaign.open(begun, patience=60)
                mine.ingest(deliveries[gene])
                mine.propose(2)
                os._exit(0)
            except BaseException:  # noqa: BLE001 - the child must never come back
                traceback.print_exc()
                os._exit(1)
        children.append(pid)
    assert [os.waitpid(pid, 0)[1] for pid in children] == [0] * len(children)

    state = Campaign.open(begun).state

    assert set(state.measured) == set(genes)
    assert len(state.pending) == 12
    assert [one.round for one in state.rounds] == [1, 2, 3, 4, 5, 6, 7]
    assert Campaign.open(begun).verify().n_records == 2 + 12


def test_readers_beside_a_writer_never_see_half_a_campaign(begun, deliveries, toy):
    """One process takes in gene after gene; another one opens the campaign as often as it can."""
    pid = os.fork()
    if pid == 0:
        try:
            mine = Campaign.open(begun, patience=60)
            for gene in toy.genes[:8]:
                mine.ingest(deliveries[gene])
            os._exit(0)
        except BaseException:  # noqa: BLE001 - the child must never come back
            traceback.print_exc()
            os._exit(1)
    numbers = []
    while not os.waitpid(pid, os.WNOHANG)[0]:
        campaign = Campaign.open(begun)
        effects = campaign.effects
        numbers.append(0 if effects is None else effects.n_perturbations)
        assert numbers[-1] == len(campaign.state.measured)
    assert len(numbers) > 5
    assert numbers == sorted(numbers)
    assert len(Campaign.open(begun).state.measured) == 8


def test_a_second_writer_gets_a_clear_error_and_readers_none(begun, deliveries):
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, time\n"
            "from mechpert_al.campaign.folder import CampaignFolder\n"
            "with CampaignFolder(sys.argv[1]).writing():\n"
            "    print('held', flush=True)\n"
            "    time.sleep(60)\n",
            begun,
        ],
        stdout=subprocess.PIPE,
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        campaign = Campaign.open(begun, patience=0.1)
        with pytest.raises(BusyError, match=f"process {holder.pid}"):
            campaign.propose(2)
        assert campaign.status().outlook.next is not None
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close()
    assert Campaign.open(begun).propose(2).genes  # and the lock died with it


# ---------------------------------------------------------------------- what is derived
@pytest.mark.parametrize("lost", [("effects",), ("order",), ("effects", "order")])
def test_derived_files_that_are_missing_are_made_again(begun, deliveries, lost):
    campaign = Campaign.open(begun)
    gene = campaign.propose(2).genes[0]
    campaign.ingest(deliveries[gene])
    effects, order = campaign.folder.effects_file, campaign.folder.order_file(1)
    right = order.read_bytes()
    if "effects" in lost:
        effects.unlink()
    if "order" in lost:
        order.unlink()

    again = Campaign.open(begun)

    assert order.read_bytes() == right
    assert effects.exists()
    assert picture(again) == picture(campaign)
    assert any("written again" in notice for notice in again.notices)


@pytest.mark.parametrize("content", [b"", b"no effects", b"\x89HDF\r\n\x1a\n" + b"\0" * 99])
def test_broken_effects_are_made_again(begun, deliveries, content):
    campaign = Campaign.open(begun)
    gene = campaign.propose(2).genes[0]
    campaign.ingest(deliveries[gene])
    campaign.folder.effects_file.write_bytes(content)

    assert picture(Campaign.open(begun)) == picture(campaign)
    assert campaign.folder.effects_file.read_bytes() != content


def test_changed_effects_are_not_believed(begun, deliveries):
    from mechpert_al.effects import read_effects, write_effects

    campaign = Campaign.open(begun)
    gene = campaign.propose(2).genes[0]
    campaign.ingest(deliveries[gene])
    right = picture(campaign)
    table = read_effects(campaign.folder.effects_file)
    forged = type(table)(
        table.perturbations, table.readouts, table.values + 1, table.n_cells, None, table.info
    )
    write_effects(forged, campaign.folder.effects_file)

    assert picture(Campaign.open(begun)) == right
    notices = campaign.verify().notices
    assert any("effects.h5ad: not what follows" in notice for notice in notices)
    assert read_effects(campaign.folder.effects_file).values.tolist() == table.values.tolist()


def test_an_order_changed_by_hand_is_reported_and_kept(begun):
    campaign = Campaign.open(begun)
    campaign.propose(2)
    path = campaign.folder.order_file(1)
    path.write_text("my notes")

    assert any("changed by hand" in notice for notice in campaign.verify().notices)
    assert path.read_text() == "my notes"
    campaign.rebuild()
    assert path.read_text() == campaign.order().as_csv()
    assert campaign.verify().notices == ()


def test_everything_follows_from_journal_and_accepted_files(begun, deliveries, toy_panel, tmp_path):
    campaign = Campaign.open(begun)
    genes = campaign.propose(3).genes
    for gene in genes[:2]:
        campaign.ingest(deliveries[gene])
    bare = tmp_path / "bare"
    bare.mkdir()
    for name in ("journal.jsonl", "campaign.toml"):
        shutil.copy(begun / name, bare)
    shutil.copytree(begun / "ingested", bare / "ingested")

    assert picture(Campaign.open(bare)) == picture(campaign)


@pytest.mark.parametrize("kind", ["copy_of", "effects"])
@pytest.mark.parametrize("damage", ["changed", "missing"])
def test_damaged_accepted_files_are_found(begun, deliveries, kind, damage):
    campaign = Campaign.open(begun)
    campaign.ingest(deliveries[campaign.propose(2).genes[0]])
    path = campaign.folder.store.folder / getattr(campaign.state.deliveries[0], kind)
    if damage == "changed":
        path.write_bytes(path.read_bytes()[:-1] + b"?")
    else:
        path.unlink()

    with pytest.raises(IntegrityError, match=path.name) as caught:
        Campaign.open(begun).verify()

    assert damage in caught.value.message
    assert "backup" in caught.value.hint


def test_damage_that_shows_only_after_a_record_is_told_then_and_later(begun, deliveries):
    campaign = Campaign.open(begun)
    one, other, third = campaign.propose(3).genes
    campaign.ingest(deliveries[one])
    campaign.ingest(deliveries[other])
    path = campaign.folder.store.folder / campaign.state.deliveries[0].effects
    right = path.read_bytes()
    path.write_bytes(b"forged")
    campaign = Campaign.open(begun)  # the derived file is there: nobody looked at the accepted one

    campaign.withdraw([other], "abandoned", "contaminated", drop_measurements=True)

    assert other in campaign.state.abandoned
    assert path.name in campaign.notices[-1]
    with pytest.raises(IntegrityError, match=path.name):
        Campaign.open(begun)
    path.write_bytes(right)
    assert set(Campaign.open(begun).effects.perturbations) == {one}
    assert third in Campaign.open(begun).state.pending


def test_a_delivery_is_not_compared_with_damaged_files(begun, deliveries):
    campaign = Campaign.open(begun)
    one, other = campaign.propose(2).genes
    campaign.ingest(deliveries[one])
    path = campaign.folder.store.folder / campaign.state.deliveries[0].effects
    right, before = path.read_bytes(), campaign.folder.journal.path.read_bytes()
    path.write_bytes(b"forged")
    with pytest.raises(IntegrityError, match=path.name):
        Campaign.open(begun).ingest(deliveries[other])
    assert campaign.folder.journal.path.read_bytes() == before
    path.write_bytes(right)
    assert Campaign.open(begun).ingest(deliveries[other]).delivery.new == (other,)


def test_a_journal_that_lost_whole_records_is_found(begun, deliveries):
    """A cut at a line's end looks whole; but the derived effects know their record."""
    campaign = Campaign.open(begun)
    campaign.ingest(deliveries[campaign.propose(2).genes[0]])
    journal = campaign.folder.journal.path
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[:-1]))

    with pytest.raises(IntegrityError, match="line 3: records are missing"):
        Campaign.open(begun)
    campaign.folder.effects_file.unlink()  # what the message says, if the journal is right
    assert len(Campaign.open(begun).state.pending) == 2


def test_a_lost_journal_is_never_a_new_campaign(begun, deliveries, toy_panel):
    campaign = Campaign.open(begun)
    campaign.ingest(deliveries[campaign.propose(2).genes[0]])
    campaign.folder.journal.path.unlink()

    with pytest.raises(IntegrityError, match="journal is missing"):
        Campaign.open(begun)
    with pytest.raises(IntegrityError, match="journal is missing"):
        Campaign.create(begun, toy_panel)


def test_an_accepted_file_that_no_record_names_is_told(begun):
    campaign = Campaign.open(begun)
    campaign.folder.store.folder.mkdir()
    (campaign.folder.store.folder / "0123.csv").write_text("left behind")

    assert any("0123.csv: belongs to no record" in notice for notice in campaign.verify().notices)
