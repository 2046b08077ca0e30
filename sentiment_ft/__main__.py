"""`python -m sentiment_ft` is `sentiment-ft`."""

from sentiment_ft.cli import main

main(prog_name="sentiment-ft")
