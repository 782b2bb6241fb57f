"""The command line: one file a command group, none of them imported before it is called."""

from __future__ import annotations

import click

from mechpert_al.cli.groups import Lazy, LazyGroup

#: Every command: the module and object it lives in, and its line in the overview.
COMMANDS = {
    "demo": Lazy("mechpert_al.cli.demo:demo", "The whole loop, without data: see it work."),
    "plan": Lazy("mechpert_al.cli.plan:plan", "The next batch of genes, with reasons."),
    "compare": Lazy("mechpert_al.cli.compare:compare", "Strategies on held-out measurements."),
    "simulate": Lazy("mechpert_al.cli.simulate:simulate", "Design rounds on held-out data."),
    "power": Lazy("mechpert_al.cli.power:power", "How good, how many: planned in virtual labs."),
    "predict": Lazy("mechpert_al.cli.predict:predict", "Profiles of unmeasured perturbations."),
    "campaign": Lazy("mechpert_al.cli.campaign:campaign", "A screen, batch by batch, in a folder."),
    "data": Lazy("mechpert_al.cli.data:data", "Public data sets: list, fetch, find."),
    "ask": Lazy("mechpert_al.cli.ask:ask", "Query live agents into a panel folder."),
    "panel": Lazy("mechpert_al.cli.panel:panel", "What the agents of a panel say; check, import."),
    "effects": Lazy("mechpert_al.cli.effects:effects", "Measurements: convert to effects, check."),
    "network": Lazy("mechpert_al.cli.network:network", "Prior networks: check, rank genes."),
    "symbols": Lazy("mechpert_al.cli.symbols:symbols", "Gene symbols: outdated, damaged, unknown."),
    "doctor": Lazy("mechpert_al.cli.doctor:doctor", "What live agents need: is it all there?"),
}

WELCOME = """\
mechpert-al tells a laboratory which genes to perturb next. People come for three things:

  plan a batch      mechpert-al plan --panel essential585 -n 24
  compare on data   mechpert-al compare k562
  run a campaign    mechpert-al campaign new my-campaign --panel essential585

See it work with no data at all: mechpert-al demo
All commands:                    mechpert-al --help
"""


@click.group(
    cls=LazyGroup,
    lazy=COMMANDS,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Example: mechpert-al plan --panel essential585 -n 24",
)
@click.pass_context
def main(context: click.Context) -> None:
    """Tell which genes to perturb next, from the mechanistic consensus of several agents."""
    if context.invoked_subcommand is None:
        click.echo(WELCOME, nl=False)
