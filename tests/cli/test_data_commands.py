import functools
import hashlib
import json
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from mechpert_al import datasets


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def mirror(tmp_path):
    """A server of a folder, and that folder."""
    folder = tmp_path / "mirror"
    folder.mkdir()
    handler = functools.partial(Quiet, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", folder
        server.shutdown()
        thread.join()


def test_list_has_all_facts(run_cli):
    done = run_cli("data", "list", "--json")
    rows = {row["name"]: row for row in json.loads(done.stdout)}
    assert set(rows) == set(datasets.registry())
    row = rows["replogle2022_rpe1_normalized_bulk"]
    assert row["address"] == "https://ndownloader.figshare.com/files/35775512"
    assert row["size"] == 95_350_546
    assert row["md5"] == "6f1e7d6a09e2f869759e3c4526b7f171"
    assert row["licence"] == "CC BY 4.0"
    assert row["path"] is None
    plain = run_cli("data", "list").stdout
    assert len(plain.splitlines()) == len(rows) + 1
    assert "95.4 MB" in plain
    assert "65.8 GB" in plain


def test_fetch_and_path(run_cli, mirror, tmp_path):
    address, folder = mirror
    content = b"hgnc_id\tsymbol\n" * 1000
    (folder / "hgnc_complete_set.txt").write_bytes(content)
    place = tmp_path / "data"
    before = run_cli("data", "path", "hgnc", "--folder", place)
    assert (before.exit_code, before.stdout) == (3, "")
    assert "mechpert-al data fetch hgnc" in before.stderr
    done = run_cli("data", "fetch", "hgnc", "--folder", place, "--mirror", address)
    assert done.exit_code == 0
    assert done.stdout == f"{place / 'hgnc_complete_set.txt'}\n"
    assert "Licence: CC0" in done.stderr
    assert "nothing to check it by" in done.stderr
    assert (place / "hgnc_complete_set.txt").read_bytes() == content
    after = run_cli("data", "path", "hgnc", "--folder", place, "--json")
    assert json.loads(after.stdout)["path"] == str(place / "hgnc_complete_set.txt")
    rows = json.loads(run_cli("data", "list", "--folder", place, "--json").stdout)
    assert [row["name"] for row in rows if row["path"]] == ["hgnc"]


def test_a_wrong_checksum_ends_with_6(run_cli, mirror, tmp_path):
    address, folder = mirror
    known = datasets.dataset("string_links")
    (folder / known.file).write_bytes(b"something else")
    assert hashlib.md5(b"something else").hexdigest() != known.md5
    done = run_cli(
        "data", "fetch", "string_links", "--folder", tmp_path / "d", "--mirror", address, "--json"
    )
    assert done.exit_code == 6
    assert json.loads(done.stdout)["error"]["kind"] == "integrity"
    assert not (tmp_path / "d" / known.file).exists()


def test_path_of_everything(run_cli, own_cache):
    assert run_cli("data", "path").stdout == f"{own_cache / 'data'}\n"


def test_an_unknown_name_ends_with_2(run_cli):
    done = run_cli("data", "fetch", "strng_links", "--json")
    assert done.exit_code == 2
    assert "string_links" in json.loads(done.stdout)["error"]["hint"]
