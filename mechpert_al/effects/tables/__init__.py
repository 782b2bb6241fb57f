"""Text tables of effects: dialects, numbers, the forms of the field's tools, long and wide."""
