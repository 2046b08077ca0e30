"""The train command with a fault in one process: FAULT=PLACE:RANK, PLACE one of build, step, evaluate, prepare."""

import os

from sentiment_ft import evaluation, train
from sentiment_ft.cli.training import train as command
from sentiment_ft.errors import DataError

place, _, rank = os.environ["FAULT"].partition(":")
calls = 0


def failing(real, at_call):
    def call(*arguments, **settings):
        global calls
        calls += 1
        if calls == at_call and os.environ.get("RANK", "0") == rank:
            if os.environ.get("KIND") == "bug":
                raise ZeroDivisionError("a bug on purpose")
            raise DataError("a fault on purpose", where=place, way_out="none")
        return real(*arguments, **settings)

    return call


if place == "build":
    train.build = failing(train.build, 1)
elif place == "prepare":
    train.prepare = failing(train.prepare, 1)
elif place == "step":
    train.train_step = failing(train.train_step, 3)
elif place == "evaluate":
    evaluation.probabilities = failing(evaluation.probabilities, 2)
command(prog_name="train")
