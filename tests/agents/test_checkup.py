"""The check-up of `doctor`: servers are looked for side by side."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from mechpert_al.agents import checkup as module
from mechpert_al.agents.checkup import Line, checkup
from mechpert_al.agents.description import Description, completed
from mechpert_al.agents.ollama import Server, Timeouts
from mechpert_al.config import PanelDescription
from mechpert_al.testing import agents as fake
from mechpert_al.testing.agents import MODEL, FakeOllama


def description() -> Description:
    asked = {"name": "toy", "model": MODEL, "agent": {"one": {"lens_text": "A"}}}
    return completed(PanelDescription.model_validate(asked))


def servers(*hosts: str) -> list[Line]:
    """What is found out about servers, in order."""
    return [one for one in checkup([description()], hosts) if one.what.startswith("server ")]


@pytest.fixture
def both_asked(monkeypatch: pytest.MonkeyPatch) -> threading.Barrier:
    """No server says its version before two were asked for it."""
    barrier = threading.Barrier(2)
    answer = fake.Handler.do_GET

    def wait(handler: Any) -> None:
        if handler.path == "/api/version":
            barrier.wait(timeout=60)  # asked one after the other, the first would wait for ever
        answer(handler)

    monkeypatch.setattr(fake.Handler, "do_GET", wait)
    return barrier


@pytest.mark.usefixtures("both_asked")
def test_two_servers_are_asked_at_the_same_time() -> None:
    with FakeOllama() as one, FakeOllama() as other:
        found = servers(one.host, other.host)
    assert [line.what for line in found] == [f"server {one.host}", f"server {other.host}"]
    assert all(line.is_well for line in found)


@pytest.fixture
def silent() -> Iterator[str]:
    """Address of a server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


def test_a_silent_server_does_not_keep_the_other_from_being_seen(
    silent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The silent one is given up only when the other has answered."""
    answered = threading.Event()
    look = module._seen

    def seen(address: str) -> Any:
        if address != silent:
            result = look(address)
            answered.set()
            return result
        assert answered.wait(60), "the other server was not asked meanwhile"
        return look(address)

    monkeypatch.setattr(module, "_seen", seen)
    monkeypatch.setattr(
        module, "Server", lambda address: Server(address, Timeouts(0.5, 0.5, 0.5, 0.5))
    )
    with FakeOllama() as other:
        first, second = servers(silent, other.host)
    assert (first.what, first.is_well) == (f"server {silent}", False)
    assert first.remedy
    assert (second.what, second.is_well) == (f"server {other.host}", True)
