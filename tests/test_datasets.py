import hashlib
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import tenacity

from mechpert_al import datasets
from mechpert_al.datasets import fetching, transfer
from mechpert_al.datasets.registry import Dataset
from mechpert_al.errors import DataError, IntegrityError, UsageError

CONTENT = b"\x89HDF" + bytes(range(256)) * 2000
PAGE = b"<!DOCTYPE html><html><title>Are you human?</title></html>"


class Server(ThreadingHTTPServer):
    """Serves CONTENT as ``/data.h5ad``; what goes wrong is set by the test."""

    daemon_threads = True
    content = CONTENT
    mark: str | None = '"version 1"'
    modified: str | None = None
    #: Statuses to answer with before the file, and the bytes after which a transfer breaks.
    statuses: list[int]
    breaks: list[int]
    page: tuple[int, str, bytes] | None = None
    has_ranges = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.statuses, self.breaks, self.asked = [], [], []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        server = self.server
        server.asked.append(self.headers.get("Range"))
        if server.page:
            status, kind, body = server.page
            self.answer(status, {"Content-Type": kind}, body)
            return
        if server.statuses:
            self.answer(server.statuses.pop(0), {}, b"")
            return
        marks = {"ETag": server.mark, "Last-Modified": server.modified}
        headers = {name: value for name, value in marks.items() if value}
        start = self.start()
        if start is not None:
            last = len(server.content) - 1
            headers["Content-Range"] = f"bytes {start}-{last}/{len(server.content)}"
        self.answer(200 if start is None else 206, headers, server.content[start or 0 :])

    def start(self) -> int | None:
        """First byte asked for, if the same version is meant."""
        asked = self.headers.get("Range")
        same = self.headers.get("If-Range") in (self.server.mark, self.server.modified)
        if not asked or not same or not self.server.has_ranges:
            return None
        return int(re.fullmatch(r"bytes=(\d+)-", asked).group(1))

    def answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "application/octet-stream", **headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.server.breaks and body:
            body = body[: self.server.breaks.pop(0)]
            self.close_connection = True
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    monkeypatch.setattr(transfer, "WAIT", tenacity.wait_none())


@pytest.fixture
def known(monkeypatch) -> dict:
    """Facts of the one data set of the registry here; a test may change them."""
    facts = {
        "address": "https://nowhere.invalid/1",
        "file": "data.h5ad",
        "licence": "CC0",
        "what": "Made up",
        "size": len(CONTENT),
        "md5": hashlib.md5(CONTENT).hexdigest(),
    }
    monkeypatch.setattr(fetching, "dataset", lambda name: Dataset(name, **facts))
    return facts


def left(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} - {"data.h5ad.lock"}


# ---------------------------------------------------------------------- fetching
def test_a_file_is_fetched_once(server, known, tmp_path):
    seen = []
    path = datasets.fetch(
        "it", tmp_path, base_url=server.address, on_bytes=lambda *n: seen.append(n)
    )
    assert path == tmp_path / "data.h5ad" == datasets.fetched("it", tmp_path)
    assert path.read_bytes() == CONTENT
    assert left(tmp_path) == {"data.h5ad"}
    assert seen[0] == (0, len(CONTENT))
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert datasets.fetch("it", tmp_path, base_url=server.address) == path
    assert server.asked == [None]


def test_it_goes_to_the_cache_by_default(server, known, own_cache):
    path = datasets.fetch("it", base_url=server.address)
    assert path == own_cache / "data" / "data.h5ad" == datasets.fetched("it")
    path.unlink()


def test_a_broken_transfer_goes_on_where_it_broke(server, known, tmp_path):
    server.breaks = [1000, 2000]
    path = datasets.fetch("it", tmp_path, base_url=server.address)
    assert path.read_bytes() == CONTENT
    assert server.asked == [None, "bytes=1000-", "bytes=3000-"]
    assert left(tmp_path) == {"data.h5ad"}


def test_a_later_call_goes_on_too(server, known, tmp_path):
    server.breaks = [100] * transfer.N_TRIES
    with pytest.raises(DataError, match="broke 5 times") as caught:
        datasets.fetch("it", tmp_path, base_url=server.address)
    assert "goes on from there" in caught.value.hint
    assert datasets.fetched("it", tmp_path) is None
    assert left(tmp_path) == {"data.h5ad.part", "data.h5ad.part.tag"}
    assert (tmp_path / "data.h5ad.part").read_bytes() == CONTENT[:500]
    path = datasets.fetch("it", tmp_path, base_url=server.address)
    assert server.asked[-1] == "bytes=500-"
    assert path.read_bytes() == CONTENT
    assert left(tmp_path) == {"data.h5ad"}


@pytest.mark.parametrize(
    "change",
    [
        {"mark": '"version 2"'},
        {"mark": None},
        {"mark": 'W/"weak"'},
        {"has_ranges": False},
    ],
)
def test_two_versions_are_never_mended_together(server, known, tmp_path, change):
    known |= {"size": None, "md5": None}
    for name, value in change.items():
        if name != "mark" or value != '"version 2"':
            setattr(server, name, value)
    server.breaks = [700] * transfer.N_TRIES
    with pytest.raises(DataError):
        datasets.fetch("it", tmp_path, base_url=server.address)
    server.breaks = []
    server.content = CONTENT[::-1]
    server.mark = change.get("mark", server.mark)
    path = datasets.fetch("it", tmp_path, base_url=server.address)
    assert path.read_bytes() == CONTENT[::-1]


def test_a_modification_time_marks_a_version_too(server, known, tmp_path):
    server.mark, server.modified = None, "Wed, 25 Nov 2026 06:00:00 GMT"
    server.breaks = [10]
    datasets.fetch("it", tmp_path, base_url=server.address)
    assert server.asked == [None, "bytes=10-"]


def test_a_part_longer_than_the_file_is_begun_anew(server, known, tmp_path):
    known |= {"size": None}
    (tmp_path / "data.h5ad.part").write_bytes(b"x" * (len(CONTENT) + 5))
    (tmp_path / "data.h5ad.part.tag").write_text(server.mark)
    server.statuses = [416]
    assert datasets.fetch("it", tmp_path, base_url=server.address).read_bytes() == CONTENT


def test_a_whole_part_is_only_checked(server, known, tmp_path):
    (tmp_path / "data.h5ad.part").write_bytes(CONTENT)
    (tmp_path / "data.h5ad.part.tag").write_text("anything")
    assert datasets.fetch("it", tmp_path, base_url=server.address).read_bytes() == CONTENT
    assert server.asked == []


def test_a_wrong_checksum_is_refused(server, known, tmp_path):
    known["md5"] = "0" * 32
    with pytest.raises(IntegrityError, match="MD5") as caught:
        datasets.fetch("it", tmp_path, base_url=server.address)
    assert caught.value.exit_code == 6
    assert left(tmp_path) == set()


def test_a_disputed_checksum_is_not_enforced(server, known, tmp_path):
    known |= {"md5": "0" * 32, "md5_is_disputed": True}
    assert datasets.fetch("it", tmp_path, base_url=server.address).read_bytes() == CONTENT


def test_a_file_of_another_size_is_refused_before_it_comes(server, known, tmp_path):
    known["size"] = len(CONTENT) + 1
    with pytest.raises(IntegrityError, match=f"{len(CONTENT)} bytes, expected {len(CONTENT) + 1}"):
        datasets.fetch("it", tmp_path, base_url=server.address)
    assert left(tmp_path) == set()


def test_a_damaged_file_is_replaced(server, known, tmp_path):
    for damaged in (CONTENT[:-1], CONTENT[:-1] + b"?"):
        (tmp_path / "data.h5ad").write_bytes(damaged)
        path = datasets.fetch("it", tmp_path, base_url=server.address)
        assert path.read_bytes() == CONTENT
    assert len(server.asked) == 2


@pytest.mark.parametrize(
    "page",
    [
        (200, "text/html; charset=utf-8", PAGE),
        (200, "application/octet-stream", b"\n  <html><body>challenge"),
        (202, "application/octet-stream", b""),
    ],
)
def test_a_web_page_is_not_taken_for_the_file(server, known, tmp_path, page):
    known |= {"size": None, "md5": None}
    server.page = page
    with pytest.raises(DataError, match="a web page came in place of the file") as caught:
        datasets.fetch("it", tmp_path, base_url=server.address)
    assert f"save the file as {tmp_path / 'data.h5ad'} " in caught.value.hint
    assert left(tmp_path) == set()


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (404, "there is no such file"),
        (410, "there is no such file"),
        (403, "refuses"),
        (401, "401"),
    ],
)
def test_refusals_are_told_at_once(server, known, tmp_path, status, told):
    server.statuses = [status] * 9
    with pytest.raises(DataError, match=told):
        datasets.fetch("it", tmp_path, base_url=server.address)
    assert len(server.asked) == 1
    assert left(tmp_path) == set()


def test_what_may_pass_is_tried_again(server, known, tmp_path):
    server.statuses = [503, 429, 500]
    assert datasets.fetch("it", tmp_path, base_url=server.address).read_bytes() == CONTENT
    server.statuses = [503] * 9
    (tmp_path / "data.h5ad").unlink()
    with pytest.raises(DataError, match="503 Service Unavailable"):
        datasets.fetch("it", tmp_path, base_url=server.address)
    assert len(server.statuses) == 9 - transfer.N_TRIES


def test_a_server_that_cannot_be_reached_is_told(known, tmp_path):
    with Server() as closed:
        address = closed.address
    with pytest.raises(DataError, match=re.escape(address)):
        datasets.fetch("it", tmp_path, base_url=address)


def test_a_full_disk_is_seen_beforehand(server, known, tmp_path, monkeypatch):
    monkeypatch.setattr(
        transfer.shutil, "disk_usage", lambda path: transfer.shutil._ntuple_diskusage(9, 8, 1)
    )
    with pytest.raises(DataError, match=f"{len(CONTENT)} bytes are to come and 1 are free"):
        datasets.fetch("it", tmp_path, base_url=server.address)


def test_two_at_once_do_not_mix(known, server, tmp_path):
    with (
        fetching._alone(tmp_path / "data.h5ad.lock"),
        pytest.raises(DataError, match="fetched by another process"),
    ):
        datasets.fetch("it", tmp_path, base_url=server.address)
    assert server.asked == []


# ---------------------------------------------------------------------- the registry
def test_the_registry_is_sound():
    known = datasets.registry()
    assert len({one.file for one in known.values()}) == len(known)
    for name, one in known.items():
        assert re.fullmatch("[a-z0-9_]+", name)
        assert one.name == name
        assert one.address.startswith("https://")
        assert Path(one.file).name == one.file
        assert one.size is None or one.size > 10**6
        assert one.md5 is None or re.fullmatch("[0-9a-f]{32}", one.md5)
        assert one.licence
        assert one.what
        assert one.note or not one.md5_is_disputed


def test_checksums_are_of_one_file_each():
    sums = [one.md5 for one in datasets.registry().values() if one.md5]
    assert len(set(sums)) == len(sums)


def test_an_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(UsageError, match="hgcn") as caught:
        datasets.dataset("hgcn")
    assert "hgnc" in caught.value.hint


# ---------------------------------------------------------------------- what is shipped
def test_the_shipped_panel_and_loops_are_found():
    assert (datasets.shipped_panels()["essential585"] / "panel.json").is_file()
    assert {"k562", "rpe1"} <= set(datasets.shipped_loops())
    assert all(path.suffix == ".toml" for path in datasets.shipped_loops().values())
    assert all(path.is_file() for path in datasets.shipped_configs().values())


@pytest.fixture
def places(tmp_path, monkeypatch) -> dict[str, Path]:
    """A folder with a loop file, a data folder, and a working directory."""
    folders = {name: tmp_path / name for name in ("loops", "data", "here")}
    for folder in folders.values():
        folder.mkdir()
    (folders["loops"] / "loop.toml").touch()
    monkeypatch.setenv("MECHPERT_AL_DATA", str(folders["data"]))
    monkeypatch.chdir(folders["here"])
    return folders


def test_files_are_looked_for_beside_the_file_first(places):
    loop = places["loops"] / "loop.toml"
    for place in ("data", "loops"):  # each goes before those that came before
        (places[place] / "x.h5ad").touch()
        assert datasets.resolve("x.h5ad", loop) == places[place] / "x.h5ad"
        assert datasets.resolve("x.h5ad", places["loops"]) == places[place] / "x.h5ad"
    assert datasets.resolve("x.h5ad") == places["data"] / "x.h5ad"
    (places["here"] / "x.h5ad").touch()
    assert datasets.resolve("x.h5ad").resolve() == places["here"] / "x.h5ad"


def test_shipped_examples_come_last(places):
    panel = datasets.shipped_panels()["essential585"]
    assert datasets.resolve("essential585").samefile(panel)
    assert datasets.resolve("panels/essential585/panel.json").samefile(panel / "panel.json")
    assert datasets.resolve("k562.toml") == datasets.shipped_loops()["k562"]
    (places["data"] / "essential585").mkdir()
    assert datasets.resolve("essential585") == places["data"] / "essential585"


def test_absolute_paths_are_taken_as_they_are(places):
    path = places["loops"] / "loop.toml"
    assert datasets.resolve(path, places["data"]) == path
    with pytest.raises(DataError) as caught:
        datasets.resolve(places["here"] / "absent", path)
    assert caught.value.hint == f"Looked for {places['here'] / 'absent'}."


def test_a_missing_file_is_told_with_the_places(places, monkeypatch):
    with pytest.raises(DataError, match=r"absent\.h5ad: no such file") as caught:
        datasets.resolve("absent.h5ad", places["loops"] / "loop.toml")
    for place in ("loops", "data"):
        assert str(places[place] / "absent.h5ad") in caught.value.hint
    monkeypatch.delenv("MECHPERT_AL_DATA")
    with pytest.raises(DataError) as caught:
        datasets.resolve("absent.h5ad")
    assert "MECHPERT_AL_DATA is not set." in caught.value.hint


def test_the_cache_folder_can_be_chosen(monkeypatch, tmp_path):
    monkeypatch.setenv("MECHPERT_AL_CACHE", str(tmp_path))
    assert datasets.cache_dir() == tmp_path
    monkeypatch.delenv("MECHPERT_AL_CACHE")
    assert datasets.cache_dir().name == "mechpert-al"


def test_a_path_through_a_folder_to_come(tmp_path: Path) -> None:
    (tmp_path / "panel").mkdir()
    found = datasets.resolve("../../panel", tmp_path / "new" / "campaign" / "campaign.toml")
    assert found == tmp_path / "panel"
