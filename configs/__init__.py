"""Ready panels: recorded ones as folders, descriptions of live ones as TOML files."""
