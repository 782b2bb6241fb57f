"""What is known of the models that answer."""

from __future__ import annotations

from typing import NamedTuple


class Model(NamedTuple):
    """A model as a server has it."""

    name: str
    digest: str
    quantisation: str
    parameters: str


class Abilities(NamedTuple):
    """What a model can; None where the server does not say."""

    can_think: bool | None = None
    #: The longest context that it knows, in tokens.
    context: int | None = None
