"""Readers of measurement files, one module a kind; see `mechpert_al.effects.conversion.Reader`."""
