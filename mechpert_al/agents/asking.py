"""Ask the agents of a description about many targets, until all is answered or given up.

Each server has a few threads; each takes the next open question, asks, examines the answer and
keeps it before anybody is told. What goes wrong is a `Fault`, whose kind says what follows.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import tenacity

from mechpert_al.agents.answers import TOLD, Judged, judge
from mechpert_al.agents.description import Description
from mechpert_al.agents.faults import Fault, Follows
from mechpert_al.agents.hosts import Host, Hosts, none_left
from mechpert_al.agents.ollama import Reply, Stopped
from mechpert_al.agents.progress import Progress
from mechpert_al.agents.questions import Again, Question, Questions
from mechpert_al.agents.store import AnswerStore, key_of
from mechpert_al.agents.work import LOOK_AGAIN, Candidate, Task, Work
from mechpert_al.errors import MechPertError

#: Questions in a row that a server may fail, for reasons of its own, before it is left out.
PATIENCE = 3
#: What follows where fewer targets may help.
ROOM = (Follows.MORE_ROOM, Follows.OTHER_CONTEXT)


@dataclass(frozen=True)
class Patience:
    """How long to wait between tries, in seconds.

    Parameters
    ----------
    pause
        Before a question is asked again after trouble with a server; doubled each time, and
        scattered, so that many clients do not come back together.
    longest
        The longest such pause.
    busy_tries
        Times that a busy server is asked before the try counts.
    """

    pause: float = 0.5
    longest: float = 60.0
    busy_tries: int = 8


@dataclass
class Run:
    """One run over all questions.

    Parameters
    ----------
    questions
        What to ask.
    hosts
        Whom to ask.
    store
        Where answers are kept.
    tell
        Called with the progress after each event, by one thread at a time.
    """

    questions: Questions
    hosts: Hosts
    store: AnswerStore
    tell: Callable[[Progress], None] = lambda progress: None
    patience: Patience = Patience()
    unanswered: dict[Question, Fault] = field(default_factory=dict)
    left_out: dict[str, Fault] = field(default_factory=dict)
    stopped_by: MechPertError | None = None
    has_crashed: bool = False

    def __post_init__(self) -> None:
        self.candidates = frozenset(self.questions.candidates)
        self.keys: dict[Question, str] = {}
        self._ratio: dict[str, float] = {}
        self._lock = threading.Lock()
        self._alive = list(self.hosts.there)
        self.work = Work(self._open_tasks())
        self.progress = Progress(len(self.keys), hosts=len(self._alive))
        self.progress.stored = len(self.keys) - self.work.n_open

    @property
    def description(self) -> Description:
        """Whom to ask, and how."""
        return self.questions.description

    def _open_tasks(self) -> list[Task]:
        """The questions without an answer; those divided before are asked in parts again."""
        answered, divided = self.store.answered(), self.store.divided()
        tasks = []
        for question in self.questions:
            task = self._task(question)
            parts = self._parts(question) if task.key in divided else [task]
            for part in parts:
                self.keys[part.question] = part.key
            tasks += [part for part in parts if part.key not in answered]
        return tasks

    def _task(self, question: Question) -> Task:
        model = self.description.agents[question.agent].model
        body, _ = self.questions.request(question)
        return Task(question, key_of(body, self.hosts.there[0].models[model].digest))

    def _parts(self, question: Question) -> list[Task]:
        return [self._task(Question(question.agent, (target,))) for target in question.targets]

    # ------------------------------------------------------------------ threads
    def start(self) -> list[threading.Thread]:
        """Begin to ask; the threads end when all is done, or after `stop`."""
        threads = [
            threading.Thread(target=self._serve_until_stopped, args=(host,), daemon=True)
            for host in self._alive
            for _ in range(self.description.settings.calls_per_host)
        ]
        for thread in threads:
            thread.start()
        return threads

    def stop(self) -> None:
        """Take no more questions; leave those on their way when the server says its next word."""
        self.work.stop()

    def keys_now(self) -> dict[Question, str]:
        """The key of each question, at this moment."""
        with self._lock:
            return dict(self.keys)

    def confirm(self) -> None:
        """See that all answers are of the models that they are said to be of."""
        for host in self.hosts.there:
            self._confirm(host, None)

    def _serve_until_stopped(self, host: Host) -> None:
        """Serve; when a thread ends in an error the others end too."""
        has_ended = False
        try:
            self._serve(host)
            has_ended = True
        except MechPertError as error:  # of the store
            self._stop(error)
            has_ended = True
        finally:
            if not has_ended:
                self.has_crashed = True
                self.stop()

    def _serve(self, host: Host) -> None:
        """Ask one question after another."""
        while host in self._alive and (task := self.work.take()) is not None:
            if host not in self._alive:
                self.work.put_back(task)
            elif self.store.claim(task.key):  # until it is finished, however many tries that takes
                self._one(host, task)
            else:
                self.work.put_back(task, LOOK_AGAIN)  # another process is asking it

    def _one(self, host: Host, task: Task) -> None:
        """One try of one question."""
        if self.store.get(task.key) is not None:  # another process has asked it
            self._finished(task, stored=1)
            return
        try:
            body, reply, judged = self._reply(host, task)
            self._examine(host, task, Candidate(body, reply.text, reply.usage), judged)
        except Stopped:
            return
        except Fault as fault:
            self._failed(host, task, fault)

    def _reply(self, host: Host, task: Task) -> tuple[dict, Reply, Judged]:
        """Ask; a busy server is asked again after a while."""
        body, room = self.questions.request(task.question, task.again)
        ask = tenacity.Retrying(
            retry=tenacity.retry_if_exception(
                lambda error: isinstance(error, Fault) and error.follows is Follows.WAIT
            ),
            wait=tenacity.wait_random_exponential(self.patience.pause, self.patience.longest),
            stop=tenacity.stop_after_attempt(self.patience.busy_tries)
            | tenacity.stop_when_event_set(self.work.stopped),
            sleep=tenacity.sleep_using_event(self.work.stopped),
            before_sleep=lambda state: self._note("busy"),
            reraise=True,
        )
        ratio = self._ratio.get(task.question.agent)
        reply = ask(host.server.chat, body, room, ratio, self.work.stopped.is_set)
        if ratio is None and reply.usage.prompt_tokens:
            self._ratio[task.question.agent] = reply.usage.prompt_tokens / room.prompt
        return body, reply, judge(reply.text, task.question.targets, self.candidates)

    def _examine(self, host: Host, task: Task, answer: Candidate, judged: Judged) -> None:
        """Keep a usable answer; one with inadmissible proposals only after one more try.

        Raises
        ------
        Fault
            It is not usable, or may be had better.
        """
        host.in_trouble.clear()
        told = tuple((judged.faults or judged.rejected)[:TOLD])
        if judged.is_whole and (not judged.rejected or task.second_best):
            self._keep(host, task, answer)
            return
        if judged.is_whole:
            task.second_best = answer
        raise Fault(
            "invalid" if judged.faults else "rejected",
            "; ".join(told),
            host=host.server.host,
            text=answer.text,
            usage=answer.usage,
            told=told,
        )

    def _keep(self, host: Host, task: Task, answer: Candidate) -> None:
        model = self.description.agents[task.question.agent].model
        first = answer.body if task.again is None else self.questions.request(task.question)[0]
        self.store.add(
            task.key,
            task.question.agent,
            task.question.targets,
            first,
            answer.body,
            answer.text,
            task.attempt + 1,
            answer.usage,
            host.origin(model),
        )
        with self._lock:
            self.progress.count(answer.usage)
        self._finished(task, answered=1)
        self._confirm(host, task.key)

    # ------------------------------------------------------------------ faults
    def _failed(self, host: Host, task: Task, fault: Fault) -> None:
        """Note a failed try, and do what follows from it."""
        if self.work.stopped.is_set():
            return
        self._record(host, task, fault)
        follows = fault.follows
        if follows is Follows.LEAVE or (follows is Follows.PROBE and self._is_lost(host, task)):
            self._leave(host, fault)
            self.work.put_back(task)
        elif follows is Follows.STOP and not self._is_its_own(fault):
            self._stop(fault)
        elif follows in ROOM and len(task.question.targets) > 1:
            self._divide(task)
        else:
            self._again(host, task, fault)

    def _again(self, host: Host, task: Task, fault: Fault) -> None:
        """Ask once more, unless it was asked often enough."""
        tried = task.attempt + 1
        follows = fault.follows
        if tried >= self.description.settings.tries or follows is Follows.STOP:
            self._give_up(host, task, fault)
            return
        task.again = Again(tried, follows, fault.text if fault.told else "", fault.told)
        pause = 0.0
        if follows in (Follows.PROBE, Follows.WAIT):
            pause = min(self.patience.pause * 2**tried, self.patience.longest)
            pause *= random.uniform(0.5, 1)  # only time hangs on it, no result
        self.work.put_back(task, pause)

    def _give_up(self, host: Host, task: Task, fault: Fault) -> None:
        """No more tries: the second best answer counts, or the question is unanswered."""
        if task.second_best is not None:
            self._keep(host, task, task.second_best)
            return
        with self._lock:
            self.unanswered[task.question] = fault
        self._finished(task, unanswered=1)

    def _is_its_own(self, fault: Fault) -> bool:
        """Whether a refused request is that of one question: others were answered."""
        return fault.name == "bad_request" and self.progress.answered + self.progress.stored > 0

    def _is_lost(self, host: Host, task: Task) -> bool:
        """Whether a server is gone, or failed too many questions in a row."""
        if not host.is_alive():
            return True
        host.in_trouble.add(task.key)
        return len(host.in_trouble) >= PATIENCE

    def _leave(self, host: Host, fault: Fault) -> None:
        with self._lock:
            if host in self._alive:
                self._alive.remove(host)
                self.left_out[host.server.host] = fault
                self.progress.hosts = len(self._alive)
            is_last = not self._alive
        if is_last:
            self._stop(none_left(tuple(self.left_out.values())))

    def _stop(self, fault: MechPertError) -> None:
        with self._lock:
            self.stopped_by = self.stopped_by or fault
        self.stop()

    def _divide(self, task: Task) -> None:
        """Ask target by target, in this run and in later ones."""
        self.store.divide(task.key)
        self.store.release(task.key)
        parts = self._parts(task.question)
        with self._lock:
            del self.keys[task.question]
            self.keys.update({part.question: part.key for part in parts})
            self.progress.total += len(parts) - 1
        self.work.replace(parts)

    def _confirm(self, host: Host, key: str | None) -> None:
        message, doubtful = host.moved(key)
        if message:
            self.store.withdraw(doubtful)
            self._stop(Fault("moved_tag", message, host=host.server.host))

    # ------------------------------------------------------------------ telling
    def _record(self, host: Host, task: Task, fault: Fault) -> None:
        body, _ = self.questions.request(task.question, task.again)
        model = self.description.agents[task.question.agent].model
        self.store.add_failure(
            task.key,
            body,
            host.models[model].digest,
            task.question.agent,
            task.question.targets,
            task.attempt + 1,
            fault,
        )
        self._note(fault.name)

    def _note(self, name: str) -> None:
        with self._lock:
            self.progress.failures[name] += 1
            self.tell(self.progress)

    def _finished(self, task: Task, **counts: int) -> None:
        self.store.release(task.key)
        with self._lock:
            for name, number in counts.items():
                setattr(self.progress, name, getattr(self.progress, name) + number)
            self.progress.agent, self.progress.targets = task.question
            self.tell(self.progress)
        self.work.done()
