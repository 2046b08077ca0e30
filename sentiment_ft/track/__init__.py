"""Views of a run: record, progress, plots, model card."""
