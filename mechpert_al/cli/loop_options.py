"""Options of the commands that run a loop on held-out data, and how they change its settings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mechpert_al.cli import completion

if TYPE_CHECKING:
    from mechpert_al.evaluation.inputs import LoopInputs

_file = click.Path(path_type=Path)


def loop_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The argument LOOP, and options that replace what it says."""
    for option in (
        click.option(
            "--seed",
            type=click.IntRange(min=0),
            help="Everything random follows from it.  [default: the loop's, or 0]",
        ),
        click.option("--features", type=_file, help="Gene × feature table, for ridge."),
        click.option(
            "--other-line",
            type=_file,
            help="Effects of another cell line that was measured already.",
        ),
        click.option("--network", type=_file, help="Prior network."),
        click.option(
            "--panel",
            shell_complete=completion.panels,
            help="A panel folder, or the name of a shipped panel.",
        ),
        click.option(
            "--effects", type=_file, multiple=True, help="Measured screen to judge by; repeatable."
        ),
        click.option(
            "--splits",
            type=click.IntRange(min=1),
            help="Random splits into pool and test set.  [default: the loop's, or 6]",
        ),
        click.option(
            "--test-fraction",
            type=click.FloatRange(0, 1, min_open=True, max_open=True),
            help="Share of the screen that no strategy may measure.  [default: the loop's, or 0.4]",
        ),
        click.option(
            "--random-draws",
            type=click.IntRange(min=1),
            help="Random batches in each split.  [default: the loop's, or 50]",
        ),
        click.argument("loop", required=False, shell_complete=completion.loops),
    ):
        command = option(command)
    return command


def load_loop(
    loop: str | None,
    *,
    effects: tuple[Path, ...] = (),
    panel: str | None = None,
    network: Path | None = None,
    features: Path | None = None,
    other_line: Path | None = None,
    seed: int | None = None,
    splits: int | None = None,
    test_fraction: float | None = None,
    random_draws: int | None = None,
    **sections: dict[str, Any],
) -> LoopInputs:
    """The inputs of a loop file, with what was given on the command line in place of its own.

    Parameters
    ----------
    loop
        Name or path of the loop file.
    sections
        Further keys by section, such as ``design={"batch": 10}``; None = as in the file.
    """
    from mechpert_al.cli.output import say
    from mechpert_al.config import LoopFile, validated
    from mechpert_al.evaluation.inputs import find_loop, load_inputs

    found, path = find_loop(loop)
    document = found.model_dump(exclude_unset=True)
    if seed is not None:
        document["seed"] = seed
    if effects:
        document["effects"] = [{"path": str(Path(one).absolute())} for one in effects]
    for key, value in (("network", network), ("features", features)):
        if value is not None:
            document[key] = {**document.get(key, {}), "path": str(Path(value).absolute())}
    if other_line is not None:
        line = str(Path(other_line).absolute())
        sections["prediction"] = {**sections.get("prediction", {}), "other_line": line}
    if panel is not None:
        place = str(Path(panel).absolute()) if Path(panel).exists() else panel
        document["panel"] = {**document.get("panel", {}), "path": place}
    protocol = {"splits": splits, "test_fraction": test_fraction, "random_draws": random_draws}
    for section, keys in {
        **sections,
        "compare": {**sections.get("compare", {}), **protocol},
    }.items():
        given = {key: value for key, value in keys.items() if value is not None}
        if given:
            document[section] = {**document.get(section, {}), **given}
    return load_inputs(validated(document, LoopFile, "the command line"), path, say)
