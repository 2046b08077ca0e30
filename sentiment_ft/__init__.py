"""Fine-tuning BERT for sentiment, from one T4 to a cluster."""

__version__ = "0.1.0"
