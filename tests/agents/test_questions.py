"""Descriptions, prompts, schemas, token budgets and short-lists."""

from __future__ import annotations

import itertools
import json
import tracemalloc
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from mechpert_al.agents import budget, prompts
from mechpert_al.agents.description import completed, own_seed, read_description, seeded
from mechpert_al.agents.faults import KINDS, Follows
from mechpert_al.agents.listing import listed_panels
from mechpert_al.agents.live import matched_targets, outlook, questions_of
from mechpert_al.agents.models import Abilities
from mechpert_al.agents.questions import Again, Question, Questions
from mechpert_al.agents.schema import SYMBOL, answer_schema
from mechpert_al.agents.shortlist import ShortLists
from mechpert_al.agents.store import canonical
from mechpert_al.config import PanelDescription
from mechpert_al.datasets import shipped_configs
from mechpert_al.errors import ConfigError, DataError
from mechpert_al.networks import PriorNetwork

GENES = tuple(f"GENE{number}" for number in range(1, 41))


def description(**settings: object) -> Any:
    agents = {"one": {"lens_text": "Look."}, "base": {"lens_text": "Like.", "role": "baseline"}}
    base = {"name": "toy", "model": "m:1", "agent": agents}
    return completed(PanelDescription.model_validate({**base, **settings}))


def written(folder: Path, text: str) -> Path:
    file = folder / "panel.toml"
    file.write_text(text, encoding="utf-8")
    return file


# ---------------------------------------------------------------------- descriptions
def test_shipped_descriptions_can_be_asked() -> None:
    names = set(shipped_configs())
    assert {"local", "smollm-test"} <= names
    for name in names:
        told = read_description(name)
        assert told.settings.name == name
        assert all(agent.lens.startswith("# ") for agent in told.agents.values())
    local = read_description("local")
    assert list(local.agents) == ["regulation", "complex", "response", "similarity"]
    assert local.agents["similarity"].role == "baseline"
    assert read_description("smollm-test").models == ("smollm2:135m",)


def test_shipped_descriptions_are_listed_as_live() -> None:
    live = {one.name: one for one in listed_panels() if one.kind == "live"}
    assert live["smollm-test"].models == ["smollm2:135m"]
    assert live["smollm-test"].agents == ["regulation", "complex", "response"]


def test_lenses_differ_and_do_not_name_each_other() -> None:
    lenses = [agent.lens for agent in read_description("local").agents.values()]
    assert len(set(lenses)) == 4
    assert len({agent.title for agent in read_description("local").agents.values()}) == 4


def test_agents_take_from_the_panel_what_they_do_not_say(tmp_path: Path) -> None:
    file = written(
        tmp_path,
        'name = "x"\nmodel = "m:1"\nseed = 3\noptions = { top_k = 5, temperature = 0.2 }\n'
        '[agent.a]\nlens_text = "A."\n'
        '[agent.b]\nlens_text = "B."\nmodel = "n:2"\nseed = 0\noptions = { temperature = 0.7 }\n',
    )
    told = read_description(file)
    a, b = told.agents["a"], told.agents["b"]
    assert (a.model, a.options) == ("m:1", {"temperature": 0.2, "top_k": 5})
    assert a.seed == own_seed(3, "a") != own_seed(3, "b")  # its own, from the panel's
    assert (b.model, b.seed, b.options) == ("n:2", 0, {"temperature": 0.7, "top_k": 5})
    assert told.models == ("m:1", "n:2")
    assert {n: agent.seed for n, agent in seeded(told, 9).agents.items()} == {
        name: own_seed(9, name) for name in "ab"
    }


@pytest.mark.parametrize(
    ("text", "mention"),
    [
        ('name = "x"\n[agent.a]\nlens_text = "A"\n', "no model"),
        ('name = "x"\nmodel = "m"\n[agent]\n', "agent"),
        ('name = "x"\nmodel = "m"\n[agent.a]\nlens = "b"\nlens_text = "A"\n', "both"),
        ('name = "x"\nmodel = "m"\n[agent.a]\nlens_text = " # "\n', "empty"),
        ('name = "x"\nmodel = "m"\n[agent.a]\nrole = "judge"\n', "agent.a.role"),
        ('name = "x"\nmodel = "m"\ntrys = 3\n[agent.a]\n', "Did you mean tries"),
        ('name = "x"\nmodel = "m"\n[options]\nnum_ctx = 9\n[agent.a]\nlens_text="A"\n', "num_ctx"),
        ('name = "x"\nmodel = "m"\n[options]\nseed = 9\n[agent.a]\nlens_text="A"\n', "seed"),
    ],
)
def test_wrong_descriptions_say_what_is_wrong(tmp_path: Path, text: str, mention: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_description(written(tmp_path, text))
    assert mention in str(caught.value)
    assert "panel.toml" in str(caught.value)


def test_a_missing_lens_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"lenses/mine\.md"):
        read_description(written(tmp_path, 'name = "x"\nmodel = "m"\n[agent.mine]\n'))


def test_cards_are_cut_to_their_budget(tmp_path: Path) -> None:
    (tmp_path / "cards.csv").write_text(f"gene,card\nGENE1,{'word ' * 50}\nGENE2,short\n")
    file = written(
        tmp_path,
        'name = "x"\nmodel = "m"\ncards = "cards.csv"\ncard_length = 20\n'
        '[agent.a]\nlens_text = "A"\n',
    )
    cards = read_description(file).cards
    assert cards == {"GENE1": "word word word word…", "GENE2": "short"}
    body, _ = questions_of(read_description(file), GENES, GENES[:2]).request(
        Question("a", ("GENE2",))
    )
    assert body["messages"][1]["content"] == "About GENE2: short\n\nTarget: GENE2"


# ---------------------------------------------------------------------- prompts
def test_all_targets_share_everything_but_the_end() -> None:
    asked = questions_of(description(context="K562, CRISPRi"), GENES, GENES)
    texts = ["\n".join(m["content"] for m in asked.request(q)[0]["messages"]) for q in asked]
    of_first = texts[: len(GENES)]
    shared = len(_common_start(of_first))
    assert all(len(text) - shared <= len("GENE40") for text in of_first)
    assert "K562, CRISPRi" in of_first[0]
    assert all(gene in of_first[0] for gene in GENES)


def test_evidence_stands_just_before_the_target_and_changes_its_request_alone() -> None:
    plain = questions_of(description(), GENES, GENES[:3])
    told = questions_of(description(), GENES, GENES[:3], evidence={"GENE2": "Raised p53."})
    for question in plain:
        first, second = plain.request(question)[0], told.request(question)[0]
        if question.targets == ("GENE2",):
            assert second["messages"][1]["content"] == (
                "Evidence on GENE2: Raised p53.\n\nTarget: GENE2"
            )
            assert second["messages"][0] == first["messages"][0]
            assert canonical(second) != canonical(first)
        else:
            assert canonical(second) == canonical(first)
    with pytest.raises(DataError, match="GENE9"):
        questions_of(description(), GENES, GENES[:3], evidence={"GENE9": "x"})


@pytest.mark.parametrize(("context", "is_short"), [(4096, True), (16384, False), (10300, None)])
def test_evidence_takes_room_from_its_own_question_alone(
    context: int, is_short: bool | None
) -> None:
    genes = tuple(f"LONGNAME{number}" for number in range(1000))
    told = description(context_tokens=context)
    plain = questions_of(told, genes, genes[:3])
    long = questions_of(told, genes, genes[:3], evidence={genes[1]: "It was contradicted. " * 80})
    for question in plain:
        first, (second, room) = plain.request(question)[0], long.request(question)
        assert room.prompt + room.answer <= room.context <= context
        assert (canonical(first) == canonical(second)) is (question.targets != (genes[1],))
    n_plain, n_long = (len(one.listed(Question("one", (genes[1],)))) for one in (plain, long))
    assert (n_plain < 1000, n_long < 1000) == {
        True: (True, True), False: (False, False), None: (False, True),
    }[is_short]  # fmt: skip


def test_the_network_chooses_also_where_only_evidence_takes_the_room(tmp_path: Path) -> None:
    genes = tuple(f"LONGNAME{number}" for number in range(1000))
    near = tuple(f"NEAR{number}" for number in range(5))  # of no family of the target
    links = "".join(f"{genes[1]}\t{gene}\t0.9\n" for gene in near)
    (tmp_path / "links.tsv").write_text(f"gene_a\tgene_b\tweight\n{links}")
    told = description(context_tokens=10350, network=str(tmp_path / "links.tsv"))
    candidates, evidence = genes + near, {genes[1]: "It was contradicted. " * 80}
    plain = questions_of(told, candidates, genes[:3])
    assert set(plain.shown.values()) == {1005}
    assert plain.network is None
    asked = questions_of(told, candidates, genes[:3], evidence=evidence)
    listed = asked.listed(Question("one", (genes[1],)))
    assert len(listed) < 1005
    assert set(near) <= set(listed)


def _common_start(texts: list[str]) -> str:
    first, last = min(texts), max(texts)
    for place, (one, two) in enumerate(zip(first, last, strict=False)):
        if one != two:
            return first[:place]
    return first


@pytest.mark.parametrize("per_call", [1, 3])
def test_the_prompt_names_the_form_that_the_schema_of_each_call_wants(per_call: int) -> None:
    asked = questions_of(description(targets_per_call=per_call), GENES, GENES[:4])
    calls = list(asked)
    calls += [Question("one", (gene,)) for gene in calls[0].targets]  # as after a division
    assert {len(call.targets) for call in calls} == {1, per_call}
    for call in calls:
        body, _ = asked.request(call)
        told = body["messages"][0]["content"].split("of this form: ")[1:]
        several, single = told[0], told[-1]
        assert several.startswith('{"answers": [{"target": ') == (per_call > 1)
        assert single.startswith('{"target": ')
        assert len(told) == (2 if per_call > 1 else 1)
        wanted = several if len(call.targets) > 1 else single
        assert wanted.startswith(f'{{"{body["format"]["required"][0]}": ')


def test_an_answer_is_echoed_only_so_far() -> None:
    first = prompts.messages("common", "asked")
    told = prompts.asked_again(first, "x" * 9999, ["wrong", "bad"])
    assert told[:2] == first
    assert len(told[2]["content"]) == prompts.ECHO
    assert "- wrong\n- bad" in told[3]["content"]


def test_requests_are_the_same_each_time_and_differ_between_tries() -> None:
    one, two = (questions_of(description(), GENES, GENES[:3]) for _ in range(2))
    for question in one:
        assert canonical(one.request(question)[0]) == canonical(two.request(question)[0])
    question = Question("one", ("GENE1",))
    bodies = [
        canonical(one.request(question, again)[0])
        for again in (
            None,
            *(Again(n, follows) for n in (1, 2) for follows in (Follows.MORE_ROOM, Follows.PROBE)),
        )
    ]
    assert len(set(bodies)) == 5


def test_a_cut_answer_is_asked_for_shorter_where_its_room_cannot_grow() -> None:
    genes = tuple(f"GENE{number}" for number in range(1, 2001))
    told = description(context_tokens=2048, max_regulators=8)
    asked = questions_of(told, genes, genes[:1])
    question = Question("one", ("GENE1",))
    tries = [None, Again(1, Follows.MORE_ROOM), Again(2, Follows.MORE_ROOM)]
    bodies = [asked.request(question, again)[0] for again in tries]
    most = [body["format"]["properties"]["regulators"]["maxItems"] for body in bodies]
    assert most == [8, 4, 2]
    for body, number in zip(bodies[1:], most[1:], strict=True):
        assert f"at most {number}," in body["messages"][-1]["content"]
        # what is asked for has as much room for each regulator as the first try had, or more
        first = bodies[0]["options"]["num_predict"]
        assert body["options"]["num_predict"] / number > 1.5 * first / 8
    assert not any(asked.is_in_vain(question, *pair) for pair in itertools.pairwise(tries))
    third = Again(3, Follows.MORE_ROOM)
    assert asked.is_in_vain(question, tries[2], third)  # nothing is left that could change
    assert not asked.is_in_vain(question, tries[2], Again(3, Follows.PROBE))
    chance = questions_of(
        description(context_tokens=2048, max_regulators=8, options={"temperature": 0.5}),
        genes,
        genes[:1],
    )
    assert not chance.is_in_vain(question, tries[2], third)
    # where the context is large enough the room grows instead, and nothing less is asked for
    roomy = questions_of(description(max_regulators=8), GENES, GENES[:1])
    rooms = [roomy.request(question, again)[0] for again in tries]
    assert [b["format"]["properties"]["regulators"]["maxItems"] for b in rooms] == [8, 8, 8]
    assert [b["options"]["num_predict"] for b in rooms] == [
        n * rooms[0]["options"]["num_predict"] for n in (1, 2, 4)
    ]
    assert all(len(b["messages"]) == 2 for b in rooms)


def test_all_questions_of_a_model_have_one_context() -> None:
    agents = {"short": {"lens_text": "Look."}, "long": {"lens_text": "Look again. " * 200}}
    asked = questions_of(description(agent=agents), GENES, GENES)
    contexts = {asked.request(question)[1].context for question in asked}
    assert len(contexts) == 1
    # also when an answer is shown again, with what was wrong with it
    again = Again(1, Follows.ASK_AGAIN, '{"target": "GENE1", "regulators": []}', ("wrong",) * 5)
    assert {asked.request(question, again)[1].context for question in asked} == contexts


def test_neither_cards_nor_evidence_nor_later_tries_change_the_context(tmp_path: Path) -> None:
    rows = "".join(f"{gene},{'word ' * number}\n" for number, gene in enumerate(GENES))
    (tmp_path / "cards.csv").write_text(f"gene,card\n{rows}")
    file = written(
        tmp_path,
        'name = "x"\nmodel = "m"\ncards = "cards.csv"\n[agent.a]\nlens_text = "A"\n'
        f'[agent.b]\nlens_text = "{"B " * 300}"\n',
    )
    told = read_description(file)
    asked = questions_of(told, GENES, GENES, evidence={GENES[3]: "It was contradicted. " * 5})
    faults = ("wrong",) * 8
    contexts = set()
    for question in asked:
        for attempt in range(1, 6):
            for again in (
                None,
                Again(attempt, Follows.ASK_AGAIN, "word, " * 500, faults),
                Again(attempt, Follows.MORE_ROOM),
                Again(attempt, Follows.PROBE),
            ):
                _, room = asked.request(question, again)
                assert room.prompt + room.answer <= room.context
                contexts.add(room.context)
    assert len(contexts) == 1


def test_a_question_does_not_hang_on_what_else_is_asked(tmp_path: Path) -> None:
    rows = "".join(f"{gene},{'word ' * number}\n" for number, gene in enumerate(GENES))
    (tmp_path / "cards.csv").write_text(f"gene,card\n{rows}")
    for context in (16384, 1536):  # where all candidates fit, and where they do not
        file = written(
            tmp_path,
            f'name = "x"\nmodel = "m"\ncards = "cards.csv"\ncontext_tokens = {context}\n'
            'max_regulators = 2\n[agent.a]\nlens_text = "A"\n',
        )
        told = read_description(file)
        question = Question("a", (GENES[1],))
        bodies = {
            canonical(questions_of(told, GENES, targets).request(question)[0])
            for targets in (GENES, GENES[1:2], GENES[:7])
        }
        assert len(bodies) == 1


def test_an_answer_that_does_not_fit_is_not_shown_again() -> None:
    again = Again(1, Follows.ASK_AGAIN, "word, " * 250, ("wrong",))
    question = Question("one", ("GENE1",))
    for limit, roles in ((4096, ["assistant", "user"]), (1536, ["user"])):
        asked = questions_of(description(context_tokens=limit), GENES, GENES)
        body, room = asked.request(question, again)
        assert [message["role"] for message in body["messages"][2:]] == roles
        assert room.prompt + room.answer <= room.context <= limit
        assert "- wrong" in body["messages"][-1]["content"]


def test_think_is_sent_only_where_it_means_something() -> None:
    question = Question("one", ("GENE1",))

    def sent(think: object, can_think: bool | None) -> object:
        abilities = {"m:1": Abilities(can_think)}
        asked = questions_of(description(think=think), GENES, GENES[:1], abilities)
        return asked.request(question)[0].get("think", "not sent")

    assert sent(None, True) is False
    assert sent(None, False) == "not sent"
    assert sent(None, None) == "not sent"
    assert sent(True, True) is True
    assert sent("low", True) == "low"
    assert sent(False, False) == "not sent"
    assert sent(True, None) is True


# ---------------------------------------------------------------------- schema
def schema(targets: tuple[str, ...], **settings: Any) -> dict[str, Any]:
    return answer_schema(
        targets, GENES, **{"max_regulators": 3, "enumerate_up_to": 100, **settings}
    )


def answer(**changes: object) -> dict[str, Any]:
    one = {"gene": "GENE2", "direction": "same", "confidence_percent": 50, "mechanism": "m"}
    return {"target": "GENE1", "regulators": [{**one, **changes}]}


def test_the_schema_accepts_what_is_right() -> None:
    jsonschema.validate(answer(), schema(("GENE1",)))
    jsonschema.validate({"target": "GENE1", "regulators": []}, schema(("GENE1",)))
    both = {"answers": [answer(), {"target": "GENE2", "regulators": []}]}
    jsonschema.validate(both, schema(("GENE1", "GENE2")))


@pytest.mark.parametrize(
    "changes",
    [
        {"gene": "GENE1"},
        {"gene": "TP53"},
        {"direction": "up"},
        {"confidence_percent": 0},
        {"confidence_percent": 100},
        {"confidence_percent": 0.5},
        {"mechanism": None},
        {"more": 1},
    ],
)
def test_the_schema_refuses(changes: dict[str, object]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(answer(**changes), schema(("GENE1",)))


def test_baselines_have_no_direction() -> None:
    undirected = schema(("GENE1",), is_directed=False)
    jsonschema.validate(answer(), undirected)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(answer(direction="opposite"), undirected)


def test_long_lists_are_a_pattern() -> None:
    gene = schema(("GENE1",), enumerate_up_to=38)["properties"]["regulators"]["items"]
    assert gene["properties"]["gene"] == {"type": "string", "pattern": SYMBOL}
    gene = schema(("GENE1",), enumerate_up_to=39)["properties"]["regulators"]["items"]
    assert gene["properties"]["gene"]["enum"] == list(GENES[1:])


# ---------------------------------------------------------------------- tokens
@given(st.text())
def test_estimates_grow_with_the_text(text: str) -> None:
    assert 0 <= budget.estimate(text) <= 3 * len(text)
    assert budget.estimate(text + " GENE1") > budget.estimate(text)


def test_estimates_by_hand() -> None:
    assert budget.estimate("PSMA3") == 3  # two for four capitals, one for a digit
    assert budget.estimate("the cell, twice") == 1 + 1 + 1 + 2
    assert budget.estimate("α") == 3


@given(st.integers(1, 50_000), st.integers(16, 10_000))
def test_the_context_holds_prompt_and_answer(prompt: int, answer: int) -> None:
    room = budget.room(prompt, answer)
    assert prompt + answer <= room.context < prompt + answer + budget.STEP
    assert room.context % budget.STEP == 0


@pytest.mark.parametrize(
    ("read", "ratio", "is_cut"),
    [
        (None, None, False),  # all of it was read before: nothing can be said
        (1000, None, False),
        (500, None, False),
        (449, None, True),
        (450, None, False),
        (700, 0.8, False),
        (679, 0.8, True),
        (2048, None, True),
        (1026, None, False),  # all of it, and half of the context by chance
    ],
)
def test_signs_of_a_cut_prompt(read: int | None, ratio: float | None, is_cut: bool) -> None:
    sent = budget.Room(prompt=1000, answer=500, context=2048, fewest=500)
    assert bool(budget.truncation(read, sent, ratio)) is is_cut


@pytest.mark.parametrize(
    ("prompt", "read", "ratio", "is_cut"),
    [
        (2050, 2050, None, False),  # a whole prompt of just that length
        (2050, 2050, 1.0, False),
        (2500, 2050, None, False),
        (3000, 2050, None, True),  # where a context of 4096 is cut to half
        (3000, 2060, None, False),
        (3000, 2050, 0.7, False),  # as many as other prompts of that length have
        (3000, 2050, 0.9, True),
    ],
)
def test_a_count_of_half_the_context(
    prompt: int, read: int, ratio: float | None, is_cut: bool
) -> None:
    sent = budget.Room(prompt=prompt, answer=500, context=4096, fewest=800)
    assert bool(budget.truncation(read, sent, ratio)) is is_cut


@given(st.text(alphabet="ABCXYZabcxyz0189 ,.-\n"))
def test_the_fewest_tokens_are_fewer_than_the_estimate(text: str) -> None:
    assert budget.fewest(text) <= budget.estimate(text)


@pytest.mark.parametrize("context", [2048, 4096])
def test_candidates_that_do_not_fit_are_short_listed(context: int) -> None:
    genes = tuple(f"LONGNAME{number}" for number in range(2000))
    asked = questions_of(description(context_tokens=context), genes, genes[:3])
    for name, n_shown in asked.shown.items():
        assert 20 <= n_shown < 2000
        question = Question(name, (genes[0],))
        body, room = asked.request(question)
        assert room.prompt + room.answer <= room.context <= context
        listed = asked.listed(question)
        assert len(listed) == n_shown
        assert genes[0] not in listed
        assert body["messages"][1]["content"].startswith(f"Candidates: {listed[0]}, ")
        assert "Candidates: " not in body["messages"][0]["content"]


def test_the_model_may_know_less_than_the_description_allows() -> None:
    genes = tuple(f"LONGNAME{number}" for number in range(2000))
    abilities = {"m:1": Abilities(False, 2048)}
    asked = questions_of(description(), genes, genes[:3], abilities)
    assert asked.request(Question("one", (genes[0],)))[1].context <= 2048
    with pytest.raises(DataError, match="leaves room for"):
        _ = questions_of(description(), genes, genes[:3], {"m:1": Abilities(False, 512)}).shown


# ---------------------------------------------------------------------- short-lists
def shortlist(
    targets: list[str], candidates: tuple[str, ...], size: int, linked: PriorNetwork | None = None
) -> tuple[str, ...]:
    return ShortLists(candidates, linked).of(targets, size)


def network(links: list[tuple[int, int, float]]) -> PriorNetwork:
    matrix = np.zeros((len(GENES), len(GENES)))
    for one, two, weight in links:
        matrix[one, two] = matrix[two, one] = weight
    return PriorNetwork(GENES, sparse.csr_matrix(matrix))


def test_neighbours_in_the_network_come_first() -> None:
    linked = network([(0, 7, 0.2), (0, 9, 0.9), (0, 11, 0.5), (3, 4, 1.0)])
    assert shortlist([GENES[0]], GENES, 2, linked) == (GENES[9], GENES[11])
    assert set(shortlist([GENES[0], GENES[3]], GENES, 2, linked)) == {GENES[4], GENES[9]}


def test_name_families_come_next() -> None:
    genes = ("AAA1", "PSMA3", "PSMB1", "PSMD2", "PSPC1", "RPL5", "ZZZ1", "PSMA1", "PS1")
    assert shortlist(["PSMA3"], genes, 1) == ("PSMA1",)
    assert set(shortlist(["PSMA3"], genes, 3)) == {"PSMA1", "PSMB1", "PSMD2"}


@given(st.integers(1, 60), st.sets(st.sampled_from(GENES), min_size=1, max_size=3))
def test_short_lists_are_full_and_in_order(size: int, targets: set[str]) -> None:
    chosen = shortlist(sorted(targets), GENES, size)
    available = len(GENES) - (len(targets) == 1)
    assert len(chosen) == min(size, available)
    assert list(chosen) == sorted(chosen, key=GENES.index)
    if len(targets) == 1:
        assert not targets & set(chosen)


# ---------------------------------------------------------------------- the rest
def test_targets_are_matched_to_candidates() -> None:
    targets, said = matched_targets(["HARS", "ATF4"], ["ATF4", "HARS1"])
    assert targets == ("HARS1", "ATF4")
    assert "HARS1" in "".join(said)
    with pytest.raises(DataError, match="TP53"):
        matched_targets(["TP53"], ["ATF4", "HARS1"])


def test_outlook_counts_without_a_server(tmp_path: Path) -> None:
    found = outlook(questions_of(description(targets_per_call=3), GENES, GENES[:7]), tmp_path)
    assert [(one.agent, one.n_questions, one.n_shown) for one in found] == [
        ("one", 3, 40),
        ("base", 3, 40),
    ]
    assert all(one.seconds > 0 for one in found)
    assert list(tmp_path.iterdir()) == []


def test_outlook_of_many_targets_builds_one_request_an_agent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    genes = tuple(f"GENE{number}" for number in range(20_000))
    agents = {name: {"lens_text": f"Look at {name}."} for name in "abcd"}
    built: list[Question] = []
    request = Questions.request

    def counted(self: Questions, question: Question, *more: Any) -> Any:
        built.append(question)
        return request(self, question, *more)

    monkeypatch.setattr(Questions, "request", counted)
    asked = questions_of(description(agent=agents), genes, genes)
    tracemalloc.start()
    found = outlook(asked, tmp_path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert [one.n_questions for one in found] == [20_000] * 4
    assert len(built) == 4
    assert peak < 20_000_000  # the requests alone would be thousands of megabytes


def test_every_kind_of_fault_has_a_remedy() -> None:
    assert all(len(kind.remedy) > 10 for kind in KINDS.values())
    json.dumps({name: kind.remedy for name, kind in KINDS.items()})
