"""What the Tab key completes: names of strategies, predictors, shipped panels and loops."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import click
from click.shell_completion import CompletionItem

Completer = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def _completer(names: Callable[[], Iterable[str]], *, or_files: bool = False) -> Completer:
    def complete(
        context: click.Context, parameter: click.Parameter, begun: str
    ) -> list[CompletionItem]:
        found = [CompletionItem(name) for name in sorted(names()) if name.startswith(begun)]
        return [*found, CompletionItem(begun, type="file")] if or_files else found

    return complete


def _strategies() -> Iterable[str]:
    from mechpert_al import plugins

    return plugins.names("mechpert_al.strategies")


def _predictors() -> Iterable[str]:
    from mechpert_al import plugins

    return plugins.names("mechpert_al.predictors")


def _panels() -> Iterable[str]:
    from mechpert_al.datasets import shipped_panels

    own = [str(place.parent) for place in Path().glob("*/panel.json")]
    return {*shipped_panels(), *own}


def _loops() -> Iterable[str]:
    from mechpert_al.datasets import shipped_loops

    return shipped_loops()


strategies = _completer(_strategies)
predictors = _completer(_predictors)
panels = _completer(_panels, or_files=True)
loops = _completer(_loops, or_files=True)
