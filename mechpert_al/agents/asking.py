"""Ask the agents of a description about many targets, until all is answered or given up.

Each server has a few threads; each takes the next open question, asks, examines the answer and
keeps it before anybody is told. What goes wrong is a `Fault`, whose kind says what follows.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import tenacity

from mechpert_al.agents.answers import TOLD, Judged, judge
from mechpert_al.agents.description import Description
from mechpert_al.agents.duty import Duty, Patience
from mechpert_al.agents.faults import KINDS, Fault, Follows
from mechpert_al.agents.hosts import Host, Hosts, none_left
from mechpert_al.agents.ollama import Reply, Stopped
from mechpert_al.agents.progress import Progress
from mechpert_al.agents.questions import Again, Question, Questions
from mechpert_al.agents.store import AnswerStore, key_of
from mechpert_al.agents.work import LOOK_AGAIN, Candidate, Task, Work
from mechpert_al.errors import MechPertError

#: Faults of answers that an agent is told of.
TOLD_OF = ("invalid", "rejected")
#: What follows where fewer targets may help.
ROOM = (Follows.MORE_ROOM, Follows.OTHER_CONTEXT)


@dataclass
class Run:
    """One run over all questions.

    Parameters
    ----------
    questions
        What to ask.
    digests
        What each model is.
    hosts
        Whom to ask.
    store
        Where answers are kept.
    tell
        Called with the progress after each event, by one thread at a time.
    """

    questions: Questions
    digests: Mapping[str, str]
    hosts: Hosts
    store: AnswerStore
    tell: Callable[[Progress], None] = lambda progress: None
    patience: Patience = Patience()  # noqa: RUF009 - it cannot change
    unanswered: dict[Question, Fault] = field(default_factory=dict)
    stopped_by: MechPertError | None = None
    has_crashed: bool = False

    def __post_init__(self) -> None:
        self.candidates = frozenset(self.questions.candidates)
        self.keys: dict[Question, str] = {}
        self._ratio: dict[str, float] = {}
        self._lock = threading.Lock()
        self.work = Work(self._open_tasks())
        self.progress = Progress(len(self.keys), stored=len(self.keys) - self.work.n_open)
        outage = self.description.settings.outage
        self.duty = Duty(self.hosts.there, self.work, self.patience, outage, self._note_servers)

    @property
    def description(self) -> Description:
        """Whom to ask, and how."""
        return self.questions.description

    def _open_tasks(self) -> list[Task]:
        """The questions without an answer; those divided before are asked in parts again."""
        answered, divided, tried = self.store.answered(), self.store.divided(), self.store.tried()
        tasks = []
        for question in self.questions:
            task = self._task(question)
            parts = self._parts(question) if task.key in divided else [task]
            for part in parts:
                self.keys[part.question] = part.key
            tasks += [part for part in parts if part.key not in answered]
        for task in tasks:
            task.before = tried.get(task.key, 0)
            task.again = self._taught(task) if task.before else None
        return tasks

    def _task(self, question: Question) -> Task:
        model = self.description.agents[question.agent].model
        body, _ = self.questions.request(question)
        return Task(question, key_of(body, self.digests[model]))

    def _parts(self, question: Question) -> list[Task]:
        return [self._task(Question(question.agent, (target,))) for target in question.targets]

    def _taught(self, task: Task) -> Again:
        """What the last try in an earlier run teaches, so that no request is sent twice."""
        last = self.store.last_failure(task.key)
        is_told = last.kind in TOLD_OF
        told = tuple(last.message.split("; ")) if is_told else ()
        return Again(task.before, KINDS[last.kind].follows, last.text if is_told else "", told)

    # ------------------------------------------------------------------ threads
    def start(self) -> list[threading.Thread]:
        """Begin to ask; the threads end when all is done, or after `stop`."""
        threads = [
            threading.Thread(target=self._serve_until_stopped, args=(host,), daemon=True)
            for host in self.hosts.there
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
        if self.duty.without:
            self._stop(none_left(tuple(self.duty.without.values())))

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
        while self.duty.is_on(host) and (task := self.work.take(host.agents)) is not None:
            if not self.duty.is_on(host) or task.agent not in host.agents:
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
            self._examine(task, Candidate(body, reply.text, reply.usage, host), judged)
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
        model = str(body["model"])
        ratio = self._ratio.get(model)
        reply = ask(host.server.chat, body, room, ratio, self.work.stopped.is_set)
        if reply.usage.prompt_tokens:  # the most, for one that was cut unseen reads fewer
            seen = reply.usage.prompt_tokens / room.prompt
            self._ratio[model] = max(seen, self._ratio.get(model, 0.0))
        return body, reply, self._judged(task.question, reply.text)

    def _judged(self, question: Question, text: str) -> Judged:
        is_directed = self.description.agents[question.agent].role == "mechanism"
        most = self.description.settings.max_regulators
        targets = question.targets
        return judge(text, targets, self.candidates, most=most, is_directed=is_directed)

    def _examine(self, task: Task, answer: Candidate, judged: Judged) -> None:
        """Keep a usable answer; one with some inadmissible proposals only after one more try.

        Raises
        ------
        Fault
            It is not usable, or may be had better.
        """
        answer.host.in_trouble.clear()
        told = tuple((judged.faults or judged.rejected)[:TOLD])
        is_usable = judged.is_whole and not judged.hollow
        if is_usable and (not judged.rejected or task.second_best):
            self._keep(task, answer)
            return
        if is_usable:
            task.second_best = answer
        raise Fault(
            "invalid" if judged.faults else "rejected",
            "; ".join(told),
            host=answer.host.server.host,
            text=answer.text,
            usage=answer.usage,
            told=told,
        )

    def _keep(self, task: Task, answer: Candidate) -> None:
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
            answer.host.origin(model),
        )
        with self._lock:
            self.progress.count(answer.usage)
        self._finished(task, answered=1)
        self._confirm(answer.host, task.key)

    # ------------------------------------------------------------------ faults
    def _failed(self, host: Host, task: Task, fault: Fault) -> None:
        """Note a failed try, and do what follows from it."""
        if self.work.stopped.is_set():
            return
        self._record(host, task, fault)
        follows = fault.follows
        if follows is Follows.LEAVE:
            self.work.put_back(task)
            self.duty.leave(host, fault, self._asked_of(task.agent))
        elif follows is Follows.PROBE and not host.is_alive():
            self.work.put_back(task)
            self.duty.wait_for(host, fault)
        elif follows is Follows.STOP and not self._is_its_own(fault):
            self._stop(fault)
        elif follows in ROOM and len(task.question.targets) > 1:
            self._divide(task)
        else:
            self._again(task, fault)
            if follows is Follows.PROBE:
                self.duty.spare(host, task.key, fault)

    def _again(self, task: Task, fault: Fault) -> None:
        """Ask once more, unless it was asked often enough or the same would come again."""
        tried = task.attempt + 1
        follows = fault.follows
        again = Again(tried, follows, fault.text if fault.told else "", fault.told)
        is_last = tried - task.before >= self.description.settings.tries
        is_in_vain = self.questions.is_in_vain(task.question, task.again, again)
        if is_last or is_in_vain or follows is Follows.STOP:
            self._give_up(task, fault)
            return
        task.again = again
        is_trouble = follows in (Follows.PROBE, Follows.WAIT)
        self.work.put_back(task, self.patience.before(tried - task.before) if is_trouble else 0.0)

    def _give_up(self, task: Task, fault: Fault) -> None:
        """No more tries: the second best answer counts, or parts, or it is unanswered."""
        if task.second_best is not None:
            self._keep(task, task.second_best)
            return
        if len(task.question.targets) > 1 and fault.name in TOLD_OF:
            self._divide(task)  # one target must not cost the others their answers
            return
        # It is kept to the end; where it was raised holds the whole call.
        fault.__traceback__ = fault.__cause__ = fault.__context__ = None
        with self._lock:
            self.unanswered[task.question] = fault
        self._finished(task, unanswered=1)

    def _is_its_own(self, fault: Fault) -> bool:
        """Whether a refused request is that of one question: others were answered."""
        return fault.name == "bad_request" and self.progress.answered + self.progress.stored > 0

    def _asked_of(self, agent: str) -> list[str]:
        """All agents that are asked of the same model."""
        agents = self.description.agents
        return [name for name, one in agents.items() if one.model == agents[agent].model]

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
        self.work.replace(task, parts)

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
            self.digests[model],
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

    def _note_servers(self) -> None:
        with self._lock:
            self.progress.away = tuple(self.duty.missing())
            self.tell(self.progress)

    def _finished(self, task: Task, **counts: int) -> None:
        self.store.release(task.key)
        with self._lock:
            for name, number in counts.items():
                setattr(self.progress, name, getattr(self.progress, name) + number)
            self.progress.agent, self.progress.targets = task.question
            self.tell(self.progress)
        self.work.replace(task)
