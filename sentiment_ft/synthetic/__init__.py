"""The generator of synthetic reviews: grammar, template families, lexicon."""
