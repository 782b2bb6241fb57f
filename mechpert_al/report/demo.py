"""The report of the demonstration: one HTML file that asks for nothing from outside itself."""

from __future__ import annotations

from typing import Any

from mechpert_al.evaluation.demo import DemoResult
from mechpert_al.evaluation.inputs import SIMULATED

#: Nothing may be loaded, and no script run; agents' text is escaped besides.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
TITLE = "mechpert-al demonstration"
PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{{ policy }}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ title }} (simulated measurements)</title>
<style>
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 72rem; margin: auto; padding: 1rem;
  color: #1a1a1a; background: #fff }
.simulated { border: 3px solid #D55E00; padding: .5rem 1rem; font-weight: 600 }
.scroll { overflow-x: auto }
table { border-collapse: collapse; margin: 1rem 0 }
caption { text-align: left; font-weight: 600 }
th, td { text-align: left; vertical-align: top; padding: .25rem .8rem .25rem 0 }
thead th { border-bottom: 1px solid }
tbody tr + tr > * { border-top: 1px solid #ddd }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap }
svg { max-width: 100%; height: auto }
</style>
</head>
<body>
<main>
<h1>{{ title }}</h1>
<p class="simulated">Every measurement, agent and link of the virtual lab below is SIMULATED. The
first batch names real genes; no measurement stands behind it.</p>

<h2>1. A first batch of {{ batch | length }} real genes</h2>
<p>From the recorded panel {{ panel }}, by {{ batch.strategy }}, before anything is measured.
Coverage is the expected explained fraction of all {{ batch.n_candidates }} candidates.</p>
<div class="scroll"><table>
<caption>Measure these first, in this order</caption>
<thead><tr><th scope="col" class="n">#</th><th scope="col">gene</th>
<th scope="col" class="n">coverage</th><th scope="col" class="n">newly covered</th>
<th scope="col">agents</th><th scope="col">why</th></tr></thead>
<tbody>
{% for pick in batch %}<tr><td class="n">{{ pick.rank }}</td><th scope="row">{{ pick.gene }}</th>
<td class="n">{{ "%.1f %%" | format(100 * pick.coverage_after) }}</td>
<td class="n">{{ pick.newly_covered | length }}</td>
<td>{{ pick.agents | join(", ") }}</td><td>{{ pick.reason }}</td></tr>
{% endfor %}</tbody></table></div>

<h2>2. Five rounds in a virtual lab (simulated)</h2>
<p>{{ statement }}</p>
<p>The lab has {{ lab.n_genes }} simulated genes, {{ lab.n_readouts }} readouts and
{{ lab.n_cells }} cells a perturbation (seed {{ lab.seed }}). In each split 40 % of the genes are
kept for the test and no strategy may measure them.</p>
{% if figure %}<figure>{{ figure }}
<figcaption>Simulated: correlation with held-out profiles after each round, with 95 %
intervals.</figcaption></figure>{% endif %}
<div class="scroll"><table>
<caption>Simulated: mean Pearson correlation of centred profiles after each round</caption>
<thead><tr><th scope="col">strategy</th>
{% for budget in budgets %}<th scope="col" class="n">{{ budget }} genes</th>{% endfor %}
<th scope="col" class="n">95 % interval at the end</th>
<th scope="col">against random</th></tr></thead>
<tbody>
{% for name, rows in curves %}<tr><th scope="row">{{ name }}</th>
{% for row in rows %}<td class="n">{{ "%.3f" | format(row.mean) }}</td>{% endfor %}
<td class="n">{{ "%.3f to %.3f" | format(rows[-1].low, rows[-1].high) }}</td>
<td>{% if rows[-1].gain_over_random %}{{ "%+.3f" | format(rows[-1].gain_over_random.value) }},
{{ rows[-1].gain_over_random.verdict }}{% endif %}</td></tr>
{% endfor %}</tbody></table></div>
<p>The strategies named oracle see the test genes: they show how far anchors can go, and are no
designs.</p>
<div class="scroll"><table>
<caption>Simulated: what the default strategy measured, first split</caption>
<thead><tr><th scope="col" class="n">round</th><th scope="col">simulated genes, in order</th></tr>
</thead><tbody>
{% for row in batches %}<tr><td class="n">{{ row.round }}</td>
<td>{{ row.genes | join(", ") }}</td></tr>
{% endfor %}</tbody></table></div>
{% if notices %}<h2>Notes</h2><ul>{% for notice in notices %}<li>{{ notice }}</li>
{% endfor %}</ul>{% endif %}
</main>
</body>
</html>
"""


def demo_page(result: DemoResult, figure: str = "") -> str:
    """The demonstration as one HTML page.

    Parameters
    ----------
    result
        What is shown.
    figure
        An SVG drawing of our own (see `demo_figure`); it is put in as it is.
    """
    import jinja2
    from markupsafe import Markup

    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    return environment.from_string(PAGE).render(
        policy=POLICY,
        title=TITLE,
        panel=result.panel,
        batch=result.batch,
        statement=result.statement,
        lab=result.lab,
        budgets=result.budgets,
        curves=list(result.curves.items()),
        batches=result.first_batches,
        notices=result.notices,
        figure=Markup(figure),
    )


def demo_figure(result: DemoResult) -> str:
    """The learning curves of the virtual lab, as SVG."""
    import vl_convert

    from mechpert_al.report.figures import learning_curves

    chart: Any = learning_curves(result.comparison, SIMULATED, result.predictor)
    return vl_convert.vegalite_to_svg(chart.to_dict())
