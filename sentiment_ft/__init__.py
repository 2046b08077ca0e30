"""Fine-tuning BERT for the sentiment of movie reviews."""

__version__ = "0.1.0"
