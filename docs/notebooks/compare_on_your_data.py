# %% [markdown]
# # Compare strategies on your own data
#
# Is any of this better than choosing genes at random? Ask your own screen. Some genes are hidden from every
# strategy; each strategy chooses which of the others to measure, and the hidden ones are predicted.
#
# The screen, the agents and the network of this notebook are **simulated**: toy data of a virtual
# laboratory, so that it runs anywhere. The three marked lines are where your own files go.

# %%
import mechpert_al as mp

lab = mp.VirtualLab(seed=0, n_genes=80, n_readouts=60)
mp.write_effects(lab.effects(), "effects.h5ad")

effects = mp.read_effects("effects.h5ad")  # your own screen
panel = lab.panel(quality=0.6)  # mp.read_panel("my-panel")
network = lab.network()  # mp.read_network("network.tsv")
effects

# %%
panel

# %% [markdown]
# ## The comparison
#
# Two splits and few random draws keep this quick. For a result to tell others, leave the numbers out: the
# defaults are six splits and 50 random designs in each.

# %%
result = mp.compare(
    {"my screen (simulated)": effects},
    panel,
    network=network,
    strategies=("expected_coverage", "most_proposed", "degree_prior", "k_centre"),
    predictors=("kriging", "neighbours"),
    budgets=(5, 10, 20),
    n_splits=2,
    random_draws=10,
)
result

# %% [markdown]
# ## What came out, in words

# %%
from mechpert_al.report.sentences import results

for heading, sentences in results(result):
    print(heading, *sentences, sep="\n  ")

# %% [markdown]
# ## Learning curves
#
# Grey behind: where 95 % of random designs fall.

# %%
import altair as alt

from mechpert_al.report.figures import heat_map, learning_curves

alt.renderers.enable("svg")
learning_curves(result, "my screen (simulated)", "kriging")

# %%
heat_map(result, "my screen (simulated)")

# %% [markdown]
# ## All of it as one file, and as a table

# %%
from mechpert_al.report.comparison import comparison_report

comparison_report(result, "comparison.html")
table = result.frame()
stated = table.query("metric == 'pearson_centred' and budget == 20 and predictor == 'kriging'")
stated[["strategy", "mean", "low", "high"]].round(3)
