"""Gene symbols: one table, one rule.

Names are matched, never rewritten silently: by the same text, else by the gene they denote, where a
former symbol counts before an alias and only if one reading is left. An approved symbol is always
itself, whatever other gene once had it as a name.
"""

from __future__ import annotations

from mechpert_al.symbols.checking import SymbolCheck, check_symbols
from mechpert_al.symbols.damage import Damage
from mechpert_al.symbols.gene_list import GeneList, read_gene_list, refuse_damaged
from mechpert_al.symbols.matching import Collision, Matching, Renaming, Unmatched, match
from mechpert_al.symbols.table import Identity, SymbolTable

__all__ = [
    "Collision",
    "Damage",
    "GeneList",
    "Identity",
    "Matching",
    "Renaming",
    "SymbolCheck",
    "SymbolTable",
    "Unmatched",
    "check_symbols",
    "match",
    "read_gene_list",
    "refuse_damaged",
]
