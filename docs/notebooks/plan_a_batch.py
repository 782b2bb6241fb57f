# %% [markdown]
# # Plan a batch
#
# Which genes should be perturbed next? The shipped panel is used here: three agents and a baseline were
# asked about 585 essential genes, and their answers were **recorded**. No measurement is needed to begin.

# %%
import mechpert_al as mp

panel = mp.read_panel("essential585")
panel

# %% [markdown]
# Each agent proposed regulators with a direction and a confidence. This is what they say of one gene:

# %%
panel.table().query("target == 'RPL18' or regulator == 'RPL18'").head(8)

# %% [markdown]
# ## Twelve genes to measure first
#
# The batch is ordered: if only half of it can be done, do the first half. *Coverage* is the expected
# explained fraction of all candidates once a gene and those before it are measured.

# %%
batch = mp.plan(panel, 12)
batch

# %% [markdown]
# The reasons, one by one, and the order as a file for the laboratory:

# %%
for pick in list(batch)[:3]:
    print(f"{pick.rank}. {pick.gene}: {pick.reason}")

batch.write("order.csv")

# %% [markdown]
# ## What a laboratory must respect
#
# Genes that must be in it, genes that must not:

# %%
limits = mp.Constraints(must_include=("SF3B1",), exclude=frozenset({"RPL18"}))
mp.plan(panel, 5, constraints=limits).frame()[["rank", "gene", "utility", "coverage_after"]]

# %% [markdown]
# ## The next batch, once something is measured
#
# Measurements are an *effects table*: rows are perturbations, columns readouts. Here they are **made up**,
# of noise, only to show how they go in; your own come from `mp.read_effects("effects.h5ad")`.

# %%
import numpy as np

noise = np.random.default_rng(0).normal(size=(12, 50))
measured = mp.EffectTable(batch.genes, tuple(f"READOUT{i}" for i in range(50)), noise)
mp.plan(panel, 5, effects=measured).frame()[["rank", "gene", "coverage_after", "newly_covered"]]

# %% [markdown]
# A whole experiment, with its journal, is a campaign: see [A campaign from files to
# orders](../campaign.md).
