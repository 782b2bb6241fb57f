"""Reports and figures: what people look at."""
