"""What choices of the prompt are worth on a real server: enumerated genes, target last, lens late.

Run: MECHPERT_AL_TEST_OLLAMA=http://127.0.0.1:11434 python benchmarks/prompting.py [--model NAME]

Prints, for schemas that enumerate more and more genes, the time for each token written and the rest
of a call (the grammar is built in it); then the time in which the prompt of a further target is
read, with the target last and with the target first; then that in which the first prompt of another
agent is read, with its lens behind the candidates and before them. Without a server it says so and
ends.
"""

from __future__ import annotations

import argparse
import os
import statistics
from collections.abc import Sequence

import ollama

from mechpert_al.agents import prompts, read_panel
from mechpert_al.agents.description import read_description
from mechpert_al.agents.schema import answer_schema
from mechpert_al.symbols import SymbolTable

OPTIONS = {"temperature": 0, "num_thread": 1}


def seconds(nanoseconds: int | None) -> float:
    return (nanoseconds or 0) / 1e9


def grammar(client: ollama.Client, model: str, genes: Sequence[str], limit: int) -> None:
    """Cost of a schema."""
    schema = answer_schema(
        ["ATF4"], genes, max_regulators=2, enumerate_up_to=limit, mechanisms=False
    )
    each, rest = [], []
    for seed in range(2):
        told = client.chat(
            model=model,
            messages=[{"role": "user", "content": "Name genes near ATF4 as JSON."}],
            format=schema,
            options={**OPTIONS, "seed": seed, "num_ctx": 1024, "num_predict": 40},
        )
        each.append(seconds(told.eval_duration) / (told.eval_count or 1))
        known = (told.load_duration, told.prompt_eval_duration, told.eval_duration)
        rest.append(seconds(told.total_duration) - sum(map(seconds, known)))
    what = f"{len(genes)} genes" if limit else "pattern"
    print(f"{what:>12}  {1000 * min(each):6.0f} ms a token  {min(rest):5.2f} s beside it")


def prefix(client: ollama.Client, model: str, n_candidates: int, *, target_first: bool) -> float:
    """Median seconds in which the prompts of further targets are read."""
    common, genes = common_text("complex", n_candidates)
    found = []
    for target in genes[:4]:
        asked = prompts.question([target], {})
        order = [asked, common] if target_first else [common, asked]
        found.append(reading(client, model, "\n\n".join(order)))
    return statistics.median(found[1:])


def switch(client: ollama.Client, model: str, n_candidates: int, *, lens_first: bool) -> float:
    """Seconds in which the first prompt of a second agent is read."""
    found = []
    for agent in ("complex", "regulation"):
        text, genes = common_text(agent, n_candidates)
        if lens_first:
            lens = read_description("local").agents[agent].lens
            text = f"{lens}\n\n{text.replace(lens, '').strip()}"
        asked = prompts.question(genes[:1], {})
        found.append(reading(client, model, f"{text}\n\n{asked}"))
    return found[1]


def common_text(agent: str, n_candidates: int) -> tuple[str, Sequence[str]]:
    """What an agent of the shipped panel is told of any target, and the candidates."""
    description = read_description("local")
    genes = read_panel("essential585").candidates[:n_candidates]
    return prompts.common_text(description.agents[agent], description.settings, genes), genes


def reading(client: ollama.Client, model: str, text: str) -> float:
    """Seconds in which a prompt is read."""
    told = client.chat(
        model=model,
        messages=[{"role": "user", "content": text}],
        options={**OPTIONS, "num_ctx": 1024, "num_predict": 1},
    )
    return seconds(told.prompt_eval_duration)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="smollm2:135m")
    parser.add_argument(
        "--no-schemas", action="store_true", help="measure the order of prompts only"
    )
    given = parser.parse_args()
    model = given.model
    host = os.environ.get("MECHPERT_AL_TEST_OLLAMA")
    if not host:
        print("MECHPERT_AL_TEST_OLLAMA is not set (the address of an Ollama server)")
        return
    client = ollama.Client(host)
    if not given.no_schemas:
        everything = [gene for gene in SymbolTable.default().approved if gene.isalnum()]
        grammar(client, model, everything[:10], 0)
        for number in (14, 150, 585, 1200, 2400):
            grammar(client, model, everything[:number], number)
    last = prefix(client, model, 60, target_first=False)
    first = prefix(client, model, 60, target_first=True)
    print(
        f"prompt of a further target: last {last:.2f} s, first {first:.2f} s, {first / last:.0f}×"
    )
    late = switch(client, model, 60, lens_first=False)
    early = switch(client, model, 60, lens_first=True)
    print(f"first prompt of another agent: lens late {late:.1f} s, lens first {early:.1f} s")


if __name__ == "__main__":
    main()
