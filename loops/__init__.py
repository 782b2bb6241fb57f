"""Ready loop files: what data, which panel, which comparisons."""
