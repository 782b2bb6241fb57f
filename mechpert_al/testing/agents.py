"""A server that speaks Ollama's protocol over real sockets, answers at once and fails on command.

For tests of everything that asks agents, without a model::

    with FakeOllama(script=[status(503), hang(), cut()]) as server:
        ask(description, candidates, targets, folder, hosts=[server.host])

The acts of the script are played one a question; questions after its end get good answers, made
from the schema in the request and always the same for the same request.
"""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from mechpert_al.testing.made_up_answers import ending, good_answer, piece

#: Plays one answer to one question.
Act = Callable[["Handler", dict[str, Any]], None]

MODEL = "fake:1b"
DIGEST = "f" * 64


@dataclass
class FakeOllama:
    """The server; it runs while its ``with`` block does.

    Parameters
    ----------
    models
        Digest by name.
    script
        What to play instead of good answers: an act for each question (None is a good answer), or
        a function from the question's body to one.
    seconds
        How long a good answer takes.
    capabilities, context
        What it says of its models.
    shows
        What to play instead of saying so: an act for each time that it is asked what a model can
        (None is a good answer).
    """

    models: dict[str, str] = field(default_factory=lambda: {MODEL: DIGEST})
    script: Iterable[Act | None] | Callable[[dict[str, Any]], Act | None] = ()
    seconds: float = 0.0
    capabilities: tuple[str, ...] | None = ("completion",)
    context: int = 32_768
    shows: Iterable[Act | None] = ()
    #: Whether bodies are kept (below); many thousands of them need memory.
    keeps_bodies: bool = True
    #: Bodies of all questions, in the order in which they came.
    asked: list[dict[str, Any]] = field(default_factory=list)
    #: Bodies of all questions that got a good answer.
    answered: list[dict[str, Any]] = field(default_factory=list)
    #: Whether the server plays dead: connections are reset.
    is_dead: bool = False

    def __post_init__(self) -> None:
        self._acts = iter(()) if callable(self.script) else iter(self.script)
        self._shows = iter(self.shows)
        self._lock = threading.Lock()
        self.stopping = threading.Event()
        self._server = _Sockets(("127.0.0.1", 0), Handler)
        self._server.fake = self

    @property
    def host(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> FakeOllama:
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Let nobody connect any more, and cut all connections."""
        if not self.stopping.is_set():
            self.stopping.set()
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()
            self._server.cut_all()

    def next_act(self, body: dict[str, Any]) -> Act | None:
        """Note a question, and what the script has for it."""
        with self._lock:
            if self.keeps_bodies:
                self.asked.append(body)
            return self.script(body) if callable(self.script) else next(self._acts, None)

    def next_show(self) -> Act | None:
        """What is played when it is asked what a model can."""
        with self._lock:
            return next(self._shows, None)


class _Sockets(ThreadingHTTPServer):
    """Keeps its connections, so that they can be cut."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 64
    fake: FakeOllama

    def __init__(self, *settings: Any) -> None:
        super().__init__(*settings)
        self.connections: set[socket.socket] = set()

    def process_request(self, request: Any, client_address: Any) -> None:
        self.connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self.connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that went away: here they do so on purpose."""

    def cut_all(self) -> None:
        for connection in list(self.connections):
            _reset(connection)


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Sockets

    @property
    def fake(self) -> FakeOllama:
        """The server."""
        return self.server.fake

    def log_message(self, *_: Any) -> None:
        """Keep quiet."""

    def do_GET(self) -> None:
        """Version and models."""
        if self.fake.is_dead:
            _reset(self.connection)
        elif self.path == "/api/version":
            self.send_json({"version": "0.0.0-fake"})
        elif self.path == "/api/tags":
            details = {"quantization_level": "Q4_0", "parameter_size": "1B"}
            self.send_json(
                {
                    "models": [
                        {"name": name, "model": name, "digest": digest, "details": details}
                        for name, digest in self.fake.models.items()
                    ]
                }
            )
        else:
            self.send_json({"error": "not found"}, 404)

    def do_POST(self) -> None:
        """Questions, and what a model can do."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.fake.is_dead:
            _reset(self.connection)
            return
        if self.path == "/api/show":
            if (act := self.fake.next_show()) is not None:
                act(self, body)
                return
            self.send_json(
                {
                    "capabilities": self.fake.capabilities,
                    "model_info": {"fake.context_length": self.fake.context},
                }
            )
            return
        act = self.fake.next_act(body)
        if body["model"] not in self.fake.models:
            self.send_json({"error": f"model '{body['model']}' not found"}, 404)
        elif act is not None:
            act(self, body)
        else:
            time.sleep(self.fake.seconds)
            self.send_answer(body, good_answer(body))
            if self.fake.keeps_bodies:
                self.fake.answered.append(body)

    # ------------------------------------------------------------------ sending
    def send_json(self, document: Any, code: int = 200) -> None:
        """A whole answer."""
        self.send_whole(json.dumps(document).encode(), code)

    def send_whole(self, data: bytes, code: int = 200, kind: str = "application/json") -> None:
        """Bytes of a known length."""
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def begin_stream(self) -> None:
        """The head of an answer in pieces."""
        self.send_response(200)
        self.send_header("Content-Type", "application/x-ndjson")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def send_piece(self, record: Mapping[str, Any] | bytes) -> None:
        """A piece: one line."""
        line = record if isinstance(record, bytes) else json.dumps(record).encode() + b"\n"
        self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))

    def end_stream(self) -> None:
        """The end of an answer in pieces."""
        self.wfile.write(b"0\r\n\r\n")

    def send_answer(
        self, body: Mapping[str, Any], text: str, *, thinking: str = "", **last: Any
    ) -> None:
        """An answer as a server sends it; ``last`` changes what its last piece says."""
        half = len(text) // 2
        self.begin_stream()
        if thinking:
            self.send_piece(piece(body, "", thinking=thinking))
        self.send_piece(piece(body, text[:half]))
        self.send_piece(piece(body, text[half:], **{**ending(body, text), **last}))
        self.end_stream()


# ---------------------------------------------------------------------- acts
def status(code: int, error: str = "no reason", kind: str = "application/json") -> Act:
    """An error that the server states."""
    return lambda handler, body: handler.send_whole(
        json.dumps({"error": error}).encode() if kind == "application/json" else error.encode(),
        code,
        kind,
    )


def whole(data: bytes, kind: str = "application/json") -> Act:
    """These bytes, with HTTP 200."""
    return lambda handler, body: handler.send_whole(data, 200, kind)


def says(text: str, **last: Any) -> Act:
    """An answer with this text; ``last`` changes what its last piece says."""
    return lambda handler, body: handler.send_answer(body, text, **last)


def answers(change: Callable[[str], str]) -> Act:
    """A good answer, changed."""
    return lambda handler, body: handler.send_answer(body, change(good_answer(body)))


def ends(**last: Any) -> Act:
    """A good answer whose last piece says something else."""
    return lambda handler, body: handler.send_answer(body, good_answer(body), **last)


def hang(seconds: float = 3600.0, *, begun: bool = False) -> Act:
    """Silence, from the beginning or after the first piece."""

    def act(handler: Handler, body: dict[str, Any]) -> None:
        if begun:
            handler.begin_stream()
            handler.send_piece(piece(body, '{"target"'))
        handler.fake.stopping.wait(seconds)
        handler.close_connection = True

    return act


def breaks(*, begun: bool = False, in_chunk: bool = False, politely: bool = False) -> Act:
    """A connection that ends: at once, in the middle, within a piece; with or without a reset."""

    def act(handler: Handler, body: dict[str, Any]) -> None:
        if begun or in_chunk:
            handler.begin_stream()
            handler.send_piece(piece(body, '{"target"'))
        if in_chunk:
            handler.wfile.write(b'400\r\n{"model": ')
        handler.wfile.flush()
        handler.close_connection = True
        if not politely:
            _reset(handler.connection)

    return act


def drips(seconds: float, *, head: bool = False) -> Act:
    """An answer, or already its head, that comes byte by byte and never ends."""

    def act(handler: Handler, body: dict[str, Any]) -> None:
        with suppress(OSError):
            if head:
                handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Padding: ")
            else:
                handler.begin_stream()
            while not handler.fake.stopping.wait(seconds):
                handler.wfile.write(b"x") if head else handler.send_piece(piece(body, "x"))
        handler.close_connection = True

    return act


def endless(part: bytes) -> Act:
    """An answer of the same bytes again and again, without end."""

    def act(handler: Handler, body: dict[str, Any]) -> None:
        with suppress(OSError):
            handler.begin_stream()
            while not handler.fake.stopping.is_set():
                handler.send_piece(part)
        handler.close_connection = True

    return act


def stream(*pieces: Mapping[str, Any] | bytes) -> Act:
    """These lines as a stream."""

    def act(handler: Handler, body: dict[str, Any]) -> None:
        handler.begin_stream()
        for one in pieces:
            handler.send_piece(one if isinstance(one, bytes) else {**piece(body, ""), **one})
        handler.end_stream()

    return act


def dies() -> Act:
    """The server is gone from now on."""

    def act(handler: Handler, body: dict[str, Any]) -> None:
        handler.fake.is_dead = True
        _reset(handler.connection)

    return act


def restarts(seconds: float) -> Act:
    """The server is gone, and back after some time."""

    def act(handler: Handler, body: dict[str, Any]) -> None:
        fake = handler.fake
        fake.is_dead = True
        threading.Timer(seconds, lambda: setattr(fake, "is_dead", False)).start()
        _reset(handler.connection)

    return act


def moves_tag(digest: str = "e" * 64) -> Act:
    """A good answer, and another model under the same name."""

    def act(handler: Handler, body: dict[str, Any]) -> None:
        handler.fake.models[body["model"]] = digest
        handler.send_answer(body, good_answer(body))

    return act


def _reset(connection: socket.socket) -> None:
    """End a connection without a farewell."""
    with suppress(OSError):  # it may have ended already
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.shutdown(socket.SHUT_RD)
    connection.close()
