"""How a trial is started: a list of words, a folder, a run id."""

from __future__ import annotations

import shlex

from sentiment_ft.launch.sweep_server import Place
from sentiment_ft.launch.trial import Plan

PLAN = Plan("t4", ("data=a b; rm -rf /",), Place("team", "films", "ab12"), "accuracy", lower=False)


def test_the_argv_is_a_list_in_a_folder_of_its_own():
    argv = PLAN.argv("r1", {"learning_rate": 1e-05, "warmup_steps": None})
    assert argv[1:] == [
        "-m", "sentiment_ft", "train", "--recipe", "t4", "-o", "data=a b; rm -rf /", "-o", "learning_rate=1e-05",
        "-o", "warmup_steps=null", "-o", "report_to=wandb", "-o", "wandb_project=null", "-o", "wandb_entity=null",
        "-o", "wandb_mode=null", "--output", "runs/sweep-ab12/r1", "--resume", "auto", "--quiet",
    ]  # fmt: skip


def test_the_command_to_repeat_reads_back_in_a_shell():
    words = shlex.split(PLAN.again({"learning_rate": 1e-05}))
    assert words == ["sentiment-ft", "train", "--recipe", "t4", "-o", "data=a b; rm -rf /", "-o", "learning_rate=1e-05"]


def test_the_environment_names_the_run_of_the_agent_only():
    given = {"WANDB_API_KEY": "k", "WANDB_RUN_ID": "mine", "WANDB_SERVICE": "x", "WANDB_NAME": "n", "PATH": "/bin",
             "WANDB_PROJECT": "other"}  # fmt: skip
    assert PLAN.environment("r1", given) == {
        "WANDB_API_KEY": "k", "PATH": "/bin", "WANDB_RUN_ID": "r1", "WANDB_SWEEP_ID": "ab12",
        "WANDB_PROJECT": "films", "WANDB_ENTITY": "team",
    }  # fmt: skip
