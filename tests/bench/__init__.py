"""`make bench-web`: what the API's own code costs, beside views that do as little as can be."""
