"""The Weights & Biases mirror: real wandb and wandb-core, offline or against a server on a loopback port."""

from __future__ import annotations

import json
import shutil
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from sentiment_ft.track import tracked as tracking
from sentiment_ft.track.wandb_offline import are_whole, rows_end
from sentiment_ft.track.wandb_run import Link, NotTaken
from tests.mirrored import (
    family,
    kill,
    make_run,
    offline_records,
    offline_rows,
    record,
    recording,
    service_of,
    sync,
    syncing,
    wait_for,
)  # fmt: skip
from tests.wandb_server import KEY, Server, serving

EVERY = list(range(1, 21))
FIVES = [5, 10, 15, 20]


@pytest.fixture
def server():
    with serving() as found:
        yield found


@pytest.fixture
def run(tmp_path) -> Path:
    return make_run(tmp_path / "run")


def id_of(run: Path) -> str:
    known = tracking.read(run)
    assert known is not None
    return known.id


def check_whole(server: Server, run: Path, updates: list[int] = EVERY) -> None:
    """All is there, once, in order, and nothing was sent twice."""
    id = id_of(run)
    assert list(server.runs) == [id]
    assert server.updates(id, "train") == updates
    assert server.updates(id, "eval") == server.updates(id, "checkpoint") == [u for u in updates if u % 5 == 0]
    axis = [row["update"] for row in server.history(id)]
    assert axis == sorted(axis)
    assert server.rewritten == [] and server.unknown == []


# --- what is shown --------------------------------------------------------------------------------------------------


def test_an_online_run_shows_each_record_and_what_was_found(tmp_path, server):
    run = make_run(
        tmp_path / "run",
        wandb_project="films",
        wandb_group="g",
        wandb_tags="a,b",
        wandb_notes="n",
        wandb_job_type="try",
    )
    said, err = record(run, 20, **server.variables())
    check_whole(server, run)
    id = id_of(run)
    rows = server.history(id)
    train = next(row for row in rows if row["update"] == 7)
    mine = {key: value for key, value in train.items() if not key.startswith(("_", "row/", "place/"))}
    assert mine == {"update": 7, "train/epoch": 0.5, "train/loss": 1 / 7}
    late = next(row for row in rows if "checkpoint/bytes" in row)
    assert (late["update"], late["checkpoint/update"], late["checkpoint/bytes"]) == (5, 3, 5)
    judged = next(row for row in rows if "eval/accuracy" in row)
    assert (judged["eval/accuracy"], judged["eval/best"]) == (0.5, 1)
    assert rows[0]["lengths"]["values"] == [4, 5]
    shown = {key for row in rows for key in row}
    assert {"validation/predictions", "validation/roc_table", "validation/calibration_table"} <= shown
    assert {"validation/precision_recall_table", "validation/confusion_matrix_table"} <= shown

    summary, config, opened = server.summary(id), server.config(id), server.runs[id]
    assert (summary["validation/accuracy"], summary["validation/accuracy_low"]) == (0.75, 0.3)
    assert (summary["rows/train"], summary["best_update"]) == (9, 10) and "folder" not in summary
    assert "validation/mcc" not in summary and server.exit_codes[id] == 0
    assert (config["global_batch_size"], config["origins"]["learning_rate"]) == (16, "--lr")
    assert config["environment"] == {"python": "3.11"} and config["learning_rate"] == 2e-5
    assert (opened["project"], opened["groupName"], opened["jobType"]) == ("films", "g", "try")
    assert opened["tags"] == ["a", "b"] and opened["notes"] == "n" and opened["displayName"] == "run"
    assert [entry["name"] for entry in server.artifacts.values() if entry["type"] == "code"] == ["sentiment_ft"]

    known = tracking.read(run)
    assert known is not None and known.complete and known.url == f"{server.url}/me/films/runs/{id}"
    assert err == f"W&B: {known.url}\n"
    assert said["begin_s"] < 2 and said["slowest_write_s"] < 0.5


def test_predictions_are_a_table_with_the_most_wrong_first(run, server):
    record(run, 1, **server.variables())
    (table,) = [json.loads(body) for path, body in server.uploads.items() if "/table/validation/predictions" in path]
    assert [row[0] for row in table["data"]] == ["bad", "fine", "<script>bad", "good"]
    assert table["columns"] == ["text", "label", "prediction", "p_positive", "file", "line"]


def test_variables_of_wandb_say_where(run, server):
    given = {"WANDB_PROJECT": "mine", "WANDB_RUN_GROUP": "seeds", "WANDB_TAGS": "x,y", "WANDB_NAME": "first"}
    record(run, 1, **server.variables(**given))
    opened = server.runs[id_of(run)]
    assert (opened["project"], opened["groupName"], opened["displayName"]) == ("mine", "seeds", "first")
    assert sorted(opened["tags"]) == ["x", "y"]


def test_the_best_model_goes_as_an_artifact_made_from_the_rows(tmp_path, server):
    run = make_run(tmp_path / "run", wandb_log_model=True, data="reviews.csv")
    (run / "best").mkdir()
    (run / "best" / "model.safetensors").write_bytes(b"weights")
    _, err = record(run, 1, **server.variables())
    assert "warning" not in err, server.unknown
    kinds = {entry["type"]: entry for entry in server.artifacts.values()}
    assert kinds["model"]["name"] == f"{id_of(run)}-best" and "best" in kinds["model"]["aliases"]
    assert kinds["dataset"]["name"] == "reviews.csv" and len(server.used) == 1
    assert b"weights" in server.uploads.values()


def test_an_offline_run_holds_the_same(run):
    _said, err = record(run, 20, WANDB_MODE="offline")
    (rows,) = offline_rows(run)
    assert [row["update"] for row in rows if "train/loss" in row] == EVERY
    (part,) = run.glob("wandb/offline-run-*")
    axes = {metric.get("glob_name") or metric["name"]: metric for metric in offline_records(part, "metric")}
    assert axes["*"]["step_metric"] == "update"
    assert [ended.get("exit_code") for ended in offline_records(part, "exit")] in ([0], [None])
    assert err == f"W&B: offline; later: sentiment-ft sync {run}\n"
    known = tracking.read(run)
    assert known is not None and (known.mode, known.complete) == ("offline", False)


def test_key_is_in_no_file_and_no_message(run, server):
    _, err = record(run, 5, **server.variables())
    assert KEY not in err
    for path in run.rglob("*"):
        assert not path.is_file() or KEY.encode() not in path.read_bytes(), path
    assert not any(KEY.encode() in body for body in [*server.bodies, *server.uploads.values()])


def test_what_looks_like_a_secret_on_the_command_line_is_sent_to_nobody(run, server):
    record(run, 5, "finish", "--token", "hunter2", "--seed", "1234567", **server.variables())
    sent = b"".join([*server.bodies, *server.uploads.values()])
    assert b"hunter2" not in sent and b"1234567" in sent
    for path in run.rglob("*"):
        assert not path.is_file() or b"hunter2" not in path.read_bytes(), path


@pytest.mark.parametrize("name", ["WANDB_DEBUG", "WANDB_CORE_DEBUG"])
def test_key_is_in_no_log_of_wandb_that_is_asked_to_say_all(run, server, name):
    record(run, 2, **server.variables(**{name: "true"}))
    assert server.updates(id_of(run), "train") == [1, 2]
    for path in run.rglob("*"):
        assert not path.is_file() or KEY.encode() not in path.read_bytes(), path


def test_a_password_in_the_address_of_the_server_stays_there(run, server):
    address = server.url.replace("http://", "http://me:hunter2@")
    _, err = record(run, 2, **server.variables(WANDB_BASE_URL=address))
    assert "hunter2" not in err and "hunter2" not in (run / "tracking.json").read_text()
    _, err = record(run, 3, first=2, **server.variables(WANDB_BASE_URL="ftp://me:hunter2@x/"))
    assert "W&B cannot start" in err and "hunter2" not in err
    done = sync(run, **server.variables(WANDB_BASE_URL="ftp://me:hunter2@x/"))
    assert done.returncode == 4 and "hunter2" not in done.stderr and "Traceback" not in done.stderr


def test_where_it_was_first_there_it_stays(run, server):
    record(run, 5, "preempt", **server.variables(WANDB_PROJECT="films"))
    record(run, 9, first=4, **server.variables(WANDB_PROJECT="others"))
    done = sync(run, **server.variables(WANDB_PROJECT="third"))
    assert done.returncode == 0, done.stderr
    assert {server.runs[id]["project"] for id in server.runs} == {"films"}
    assert server.updates(id_of(run), "train") == list(range(1, 10))


def test_an_id_in_the_environment_that_cannot_be_costs_nothing(run, server):
    record(run, 4, **server.variables(WANDB_RUN_ID="../../etc"))
    assert server.updates(id_of(run), "train") == [1, 2, 3, 4]


def test_texts_stay_here_when_they_shall(tmp_path, server):
    run = make_run(tmp_path / "run", wandb_log_predictions=False)
    record(run, 1, **server.variables())
    sent = b"".join(server.uploads.values()) + b"".join(server.bodies)
    assert b"confusion_matrix" in sent and b"<script>bad" not in sent and b"\\u003cscript" not in sent


def test_a_file_that_was_edited_costs_sync_no_other_number(run, server):
    record(run, 10, WANDB_MODE="offline")
    for part in run.glob("wandb/offline-run-*"):
        shutil.rmtree(part)
    lines = (run / "metrics.jsonl").read_text().splitlines()
    odd = ['{"event": "checkpoint", "update": 1' + "0" * 400 + "}", '{"event": "\\ud800", "update": 3}', "{", "[1]"]
    odd.append('{"event": "checkpoint", "update": 4, "bytes": 1' + "0" * 400 + "}")
    (run / "metrics.jsonl").write_text("\n".join([*lines[:3], *odd, *lines[3:], ""]))
    (run / "summary.json").write_text('{"rows": [1], "best": {"scores": 3}}')
    (run / "plan.json").write_text('{"lengths": {"histogram": {"edges": [NaN], "rows": ["x"]}}}')
    (run / "predictions.jsonl").write_text('{"label": 1.0}\n{"label": 1, "prediction": 1, "p_positive": 0.9}\n{')
    (run / "plots" / "loss.png").write_text("no picture")
    done = sync(run, **server.variables())
    assert done.returncode == 0 and "Traceback" not in done.stderr, done.stderr
    assert server.updates(id_of(run), "train") == list(range(1, 11))


def test_a_picture_that_cannot_be_shown_is_told_and_costs_nothing_else(run, server):
    (run / "plots" / "loss.png").write_text("no picture")
    _, err = record(run, 5, **server.variables())
    assert f"warning: {run}/plots/loss.png is not shown on W&B: cannot identify image" in err
    known = tracking.read(run)
    assert known is not None and known.complete
    rows = server.history(known.id)
    assert sync(run, **server.variables()).returncode == 0 and server.history(known.id) == rows
    assert server.summary(known.id)["validation/accuracy"] == 0.75


def test_tables_that_fail_are_told_and_owed(run, server):
    """W&B keeps to itself what it does not take of a file; this fails before."""
    (run / "wandb").mkdir()
    (run / "wandb" / "data").touch()  # where it would stage them
    _, err = record(run, 5, **server.variables())
    assert "W&B has not all of the run's tables, curves" in err
    known = tracking.read(run)
    assert known is not None and not known.complete
    assert server.summary(known.id)["validation/accuracy"] == 0.75
    (run / "wandb" / "data").unlink()
    assert sync(run, **server.variables()).returncode == 0
    known = tracking.read(run)
    assert known is not None and known.complete
    assert sum("validation/predictions" in row for row in server.history(known.id)) == 1


@pytest.mark.parametrize("status", [403, 404, 413])
def test_rows_that_the_server_refuses_are_not_said_to_be_there(run, server, status):
    """wandb drops them and says nothing."""
    server.fault = f"rows {status}"
    _, err = record(run, 20, **server.variables())
    assert f"warning: W&B has not taken all of the run; later: sentiment-ft sync {run}" in err
    done = sync(run, **server.variables())
    assert done.returncode == 4 and "W&B has not taken all of it: the server has not kept the rows" in done.stderr
    known = tracking.read(run)
    assert known is not None and not known.complete and server.updates(known.id, "train") == []
    server.fault = None
    assert sync(run, **server.variables()).returncode == 0
    check_whole(server, run)
    assert sum("validation/predictions" in row for row in server.history(known.id)) == 1


@pytest.mark.parametrize("records", [True, False])
def test_a_row_that_somebody_adds_to_the_run_doubles_nothing(run, server, records):
    if records:
        record(run, 20, **server.variables())
    else:
        (run / "metrics.jsonl").touch()
        assert sync(run, **server.variables()).returncode == 0
    id = id_of(run)
    kept = server.streams[id]["wandb-history.jsonl"]
    summary = server.summary(id) | {"final/mine": 0.9}
    kept[len(kept)] = json.dumps({"final/mine": 0.9, "_step": len(kept)})
    server.streams[id]["wandb-summary.json"][0] = json.dumps(summary)
    rows = server.history(id)
    done = sync(run, **server.variables())
    assert done.returncode == 0 and server.history(id) == rows, done.stderr


def command_line(process: psutil.Process) -> str:
    """Empty where it has just ended."""
    with suppress(psutil.Error):
        return " ".join(process.cmdline())
    return ""


def test_the_end_of_a_sync_by_force_ends_what_it_has_started(run, server):
    record(run, 200, WANDB_MODE="offline")
    with syncing(run, **server.variables()) as process:
        while not (senders := [one for one in family(process) if "prog_name" in command_line(one)]):
            assert process.poll() is None
            time.sleep(0.01)
        server.fault = "black hole"  # by itself it would not end
        time.sleep(3)
        process.kill()
        gone, alive = psutil.wait_procs(senders, timeout=10)
        assert gone and not alive
    server.fault = None
    assert sync(run, **server.variables()).returncode == 0
    check_whole(server, run, list(range(1, 201)))
    assert sum("lengths" in row for row in server.history(id_of(run))) == 1


def test_offline_files_that_were_sent_before_are_sent_again_where_they_are_needed(run, server):
    """W&B's own command marks what it has sent, also where the server kept none of it, or the run was deleted there."""
    record(run, 20, WANDB_MODE="offline")
    for file in list(run.glob("wandb/offline-run-*/*.wandb")):
        file.with_suffix(".wandb.synced").touch()
    record(run, 40, WANDB_MODE="offline", first=21)
    done = sync(run, **server.variables())
    assert done.returncode == 0, done.stderr
    check_whole(server, run, list(range(1, 41)))


@pytest.mark.parametrize("mode", ["online", "offline"])
def test_a_server_that_lists_rows_late_gets_none_twice(run, server, mode):
    record(run, 20, **server.variables(WANDB_MODE=mode))
    server.late_s = 1.2
    if mode == "offline":
        assert sync(run, **server.variables()).returncode == 0
    record(run, 40, **server.variables(), first=21)
    check_whole(server, run, list(range(1, 41)))


def test_a_server_that_shows_a_part_of_what_it_was_sent_gets_no_row_after_it():
    """The next rows would be sent twice. Of a run that it shows nothing of, the record is sent whole."""
    Link(None, {"train": 5.0}, is_new=False).see_that_it_goes_to({"train": 5.0})
    Link(None, {}, is_new=True).see_that_it_goes_to({"train": 9.0})
    for at in ({"train": 5.0}, {"eval": 9.0}):
        with pytest.raises(NotTaken, match="does not show all rows yet"):
            Link(None, at, is_new=False).see_that_it_goes_to({"train": 9.0})


def test_an_interrupted_run_that_is_sent_is_whole(run, server):
    (run / "summary.json").unlink()
    record(run, 9, "preempt", WANDB_MODE="offline")
    assert sync(run, **server.variables()).returncode == 0
    known = tracking.read(run)
    assert known is not None and known.complete, "a sync without names would send it again"


def test_two_syncs_at_once_send_it_once(run, server):
    record(run, 20, WANDB_MODE="offline")
    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(sync, run, **server.variables()) for _ in range(2)]
        codes = sorted(done.result().returncode for done in both)
    assert codes in ([0, 6], [0, 0]) and server.rewritten == []
    assert not (run.parent / "wandb").exists(), "W&B's own command leaves a folder where it is typed"
    check_whole(server, run)


def test_a_run_that_starts_while_a_sync_sends_it_waits_with_its_own(run, server):
    record(run, 9, "preempt", WANDB_MODE="offline")
    with ExitStack() as at_the_end:
        with tracking.alone(run):  # as a sync does
            process = at_the_end.enter_context(recording(run, 40, first=6, pace=0.3, **server.variables()))
            wait_for(process, 12)
            assert server.runs == {}
        _, err = process.communicate(timeout=60)
    first, *rest = err.splitlines()
    why = f"{run}: another process is sending this run to W&B"
    assert first == f"warning: W&B is not told yet ({why}); the run goes on, it is asked again"
    assert rest == [] and process.returncode == 0
    check_whole(server, run, list(range(1, 41)))


# --- one run, however often it is started ---------------------------------------------------------------------------


def shown(run: Path, server: Server, mode: str) -> int:
    """The newest update that W&B has of a run that goes on: the server, or the file of its newest start."""
    if mode == "offline":
        parts = sorted(run.glob("wandb/offline-run-*"))
        return int(rows_end(parts[-1]).get("train", 0)) if parts else 0
    known = tracking.read(run)
    return max(server.updates(known.id, "train"), default=0) if known else 0


@pytest.mark.parametrize("mode", ["online", "offline"])
def test_killed_and_begun_again_it_is_one_run_with_an_unbroken_axis(run, server, mode):
    variables = server.variables(WANDB_MODE=mode, WANDB_X_FILE_STREAM_TRANSMIT_INTERVAL="1")
    for first, last in ((1, 9), (6, 13), (11, 16)):
        with recording(run, last, "wait", first=first, **variables) as process:
            wait_for(process, last)
            until = time.monotonic() + 60
            while shown(run, server, mode) < last:  # what follows would show it twice
                assert time.monotonic() < until
                time.sleep(0.2)
            kill(process)
    record(run, 20, first=12, **variables)
    if mode == "offline":
        parts = offline_rows(run)
        assert len(parts) == 4
        rows = [row for part in parts for row in part]
        assert [row["update"] for row in rows if "train/loss" in row] == EVERY
        assert [row["update"] for row in rows if "eval/accuracy" in row] == FIVES
        done = sync(run, **server.variables())
        assert done.returncode == 0, done.stderr
    check_whole(server, run)


@pytest.mark.parametrize(
    ("kind", "summary"),
    [("train", "ahead"), ("eval", "ahead"), ("checkpoint", "ahead"), ("train", "behind"), ("train", "none")],
)
def test_the_rows_say_where_a_run_ends_and_not_its_summary(run, server, kind, summary):
    """wandb-core sends the summary of a row before the row, or, with much to send, long after it; a kill may come
    between.
    """
    variables = server.variables(WANDB_X_FILE_STREAM_TRANSMIT_INTERVAL="1")
    with recording(run, 15, "wait", **variables) as process:
        until = time.monotonic() + 60
        while shown(run, server, "online") < 15 or "checkpoint" not in server.history(id_of(run))[-1]["row/event"]:
            assert time.monotonic() < until
            time.sleep(0.2)
        kill(process)
    kept = server.streams[id_of(run)]
    rows, summaries = kept["wandb-history.jsonl"], kept["wandb-summary.json"]
    while json.loads(rows[max(rows)])["row/event"] != kind:
        rows.popitem()
    whole: dict = {}
    for line in list(rows.values())[: -9 if summary == "behind" else None]:
        whole |= json.loads(line)
    if summary == "ahead":
        rows.popitem()
    if summary == "none":
        del kept["wandb-summary.json"]
    else:
        summaries[max(summaries) + 1] = json.dumps(whole)
    _, err = record(run, 20, first=12, **variables)
    assert err.startswith("W&B: ") and err.count("\n") == 1, err
    check_whole(server, run)


def test_a_run_of_which_only_a_summary_has_arrived_is_sent_whole(run, server):
    record(run, 5, "preempt", **server.variables())
    server.streams[id_of(run)]["wandb-history.jsonl"].clear()
    record(run, 20, first=3, **server.variables())
    check_whole(server, run)
    assert "lengths" in server.history(id_of(run))[0]


def test_offline_parts_with_a_hole_are_not_sent_but_the_record(run, server):
    record(run, 9, "preempt", WANDB_MODE="offline")
    record(run, 20, first=6, WANDB_MODE="offline")
    (part, _) = sorted(run.glob("wandb/offline-run-*"))
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    one, other = map(list, offline_rows(run))
    rows = one + other
    assert are_whole(rows, lines) and not are_whole(rows, lines[1:]) and not are_whole(one + rows, lines)
    assert not are_whole(other, lines)
    shutil.rmtree(part)
    done = sync(run, **server.variables())
    assert done.returncode == 0, done.stderr
    check_whole(server, run)


def test_tables_and_the_model_of_an_offline_run_arrive_also_when_it_was_moved(tmp_path, server):
    """As from a machine of a cluster: what W&B staged lies elsewhere then."""
    run = make_run(tmp_path / "first", wandb_log_model=True)
    (run / "best").mkdir()
    (run / "best" / "model.safetensors").write_bytes(b"weights")
    record(run, 20, WANDB_MODE="offline")
    run = run.rename(tmp_path / "run")
    assert sync(run, **server.variables()).returncode == 0
    check_whole(server, run)
    assert any("validation/predictions" in row for row in server.history(id_of(run)))
    assert b"weights" in server.uploads.values()
    states = {entry["type"]: entry["state"] for entry in server.artifacts.values()}
    assert states["model"] == "COMMITTED"


def test_another_server_gets_all_of_a_run_that_the_first_has(run, server):
    record(run, 20, **server.variables())
    with serving() as other:
        assert sync(run, **other.variables()).returncode == 0
        check_whole(other, run)
        assert any("validation/predictions" in row for row in other.history(id_of(run)))
        assert other.summary(id_of(run))["validation/accuracy"] == 0.75


def test_a_sync_says_nothing_of_its_own_command_line_and_machine(run, server):
    record(run, 20, **server.variables())
    described = {path: body for path, body in server.uploads.items() if "wandb-metadata" in path}
    events = len(server.lines(id_of(run), "wandb-events.jsonl"))
    assert described
    known = tracking.read(run)
    assert known is not None
    tracking.write(run, replace(known, complete=False))
    assert sync(run, **server.variables()).returncode == 0
    assert {path: body for path, body in server.uploads.items() if "wandb-metadata" in path} == described
    assert len(server.lines(id_of(run), "wandb-events.jsonl")) == events


def test_a_run_that_was_preempted_is_not_given_out_again_by_a_sync(run, server):
    """It may have been stopped on its page: only the run itself knows."""
    record(run, 9, "preempt", **server.variables())
    server.preempting.clear()
    (run / "summary.json").unlink()
    (run / "attempts.jsonl").write_text('{"event": "ended", "code": 75}\n')
    assert sync(run, **server.variables()).returncode == 0
    assert server.preempting == set() and server.exit_codes[id_of(run)] == 75


def test_tables_that_an_offline_run_could_not_make_are_made_by_sync(run, server):
    record(run, 20, "fail", WANDB_MODE="offline")  # summary.json is there: it failed at its tables
    assert sync(run, **server.variables()).returncode == 0
    check_whole(server, run)
    assert sum("validation/predictions" in row for row in server.history(id_of(run))) == 1


def test_begun_offline_and_gone_on_online_it_is_sent_once(run, server):
    record(run, 9, "preempt", WANDB_MODE="offline")
    record(run, 20, first=6, **server.variables())
    assert sync(run, **server.variables()).returncode == 0
    check_whole(server, run)


def test_a_preempted_run_is_said_to_be_and_goes_on(run, server):
    record(run, 9, "preempt", **server.variables())
    id = id_of(run)
    assert server.preempting == {id} and server.exit_codes[id] == 75
    record(run, 20, first=6, **server.variables())
    assert server.exit_codes[id] == 0
    check_whole(server, run)


def test_a_run_that_fails_is_marked_so(run, server):
    record(run, 20, "fail", **server.variables())
    assert server.exit_codes[id_of(run)] == 1
    check_whole(server, run)


def test_a_kill_costs_the_file_of_wandb_a_second_at_most(run):
    with recording(run, 60, "wait", pace=0.1, WANDB_MODE="offline") as process:
        wait_for(process, 60)
        time.sleep(1.3)
        kill(process)
    (rows,) = offline_rows(run)
    assert [row["update"] for row in rows if "train/loss" in row] == list(range(1, 61))


# --- no account -----------------------------------------------------------------------------------------------------


def test_without_a_key_it_is_offline_and_one_line_says_so(run):
    said, err = record(run, 20, WANDB_MODE="online", WANDB_BASE_URL="http://127.0.0.1:9")
    said_once = "warning: W&B: No API key configured. Use `wandb login` to log in. It is recorded offline; later: "
    assert err == f"{said_once}sentiment-ft sync {run}\n"
    (rows,) = offline_rows(run)
    assert len([row for row in rows if "train/loss" in row]) == 20 and said["finish_s"] < 10


def test_a_wrong_key_is_one_line_and_the_run_is_kept(run, server):
    server.fault = "401"
    _, err = record(run, 20, **server.variables())
    assert err.count("\n") == 1 and err.startswith("warning: W&B: ") and "error 401" in err and KEY not in err
    server.fault = None
    done = sync(run, **server.variables())
    assert done.returncode == 0, done.stderr
    check_whole(server, run)


# --- outages --------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["refused", "black hole", "500", "drop"])
def test_a_server_that_is_down_costs_the_run_nothing(run, server, fault):
    variables = server.variables()
    server.fault = fault
    if fault == "refused":
        variables["WANDB_BASE_URL"] = "http://127.0.0.1:9"
    said, err = record(run, 20, pace=0.5, **variables)
    assert said["begin_s"] < 2 and said["slowest_write_s"] < 0.5 and said["finish_s"] < 10
    assert len((run / "metrics.jsonl").read_text().splitlines()) == 28
    lines = err.splitlines()
    assert all(line.startswith("warning: W&B does not answer") for line in lines[:-1]) and len(lines) <= 2, err
    assert lines[-1].startswith("warning: W&B has not taken all of the run")
    assert lines[-1].endswith(f"; later: sentiment-ft sync {run}")
    server.fault = None
    done = sync(run, **server.variables())
    assert done.returncode == 0 and "W&B has all 28 records" in done.stderr, done.stderr
    check_whole(server, run)


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["black hole", "500", "drop", "slow", "gone", "service killed", "service stopped"])
def test_what_fails_in_mid_run_costs_nothing(run, fault):
    with serving() as server:
        with recording(run, 20, pace=0.3, **server.variables()) as process:
            wait_for(process, 8)
            service = service_of(process)
            assert service is not None
            if fault == "service killed":
                service.kill()
            elif fault == "service stopped":
                service.send_signal(signal.SIGSTOP)
            elif fault == "gone":
                server.shutdown()
                server.server_close()
            else:
                server.fault = fault
            out, err = process.communicate(timeout=60)
            said = json.loads(out.splitlines()[-1])
            assert process.returncode == 0 and "Traceback" not in err, err
        assert said["slowest_write_s"] < 0.5 and said["finish_s"] < 10
        assert len((run / "metrics.jsonl").read_text().splitlines()) == 28
        known = tracking.read(run)
        assert known is not None and (fault == "slow" or known.complete is (fault == "service killed"))
        server.fault = None
        if fault != "gone":
            assert sync(run, **server.variables()).returncode == 0
            check_whole(server, run)
    if fault == "gone":
        with serving(into=server) as again:
            assert sync(run, **again.variables()).returncode == 0
            check_whole(again, run)


@pytest.mark.slow
def test_a_server_that_comes_back_gets_all(run, server):
    server.fault = "500"
    with recording(run, 60, pace=0.3, RETRY_S="1", **server.variables()) as process:
        wait_for(process, 35)
        server.fault = None
        _, err = process.communicate(timeout=90)
    assert process.returncode == 0, err
    check_whole(server, run, list(range(1, 61)))


@pytest.mark.slow
def test_a_server_that_does_not_say_where_the_run_ends_is_asked_again(run, server, monkeypatch):
    record(run, 9, "preempt", **server.variables())
    says, until = server.endofrun, time.monotonic() + 14  # longer than wandb-core tries by itself

    def fails_at_first(given):
        if time.monotonic() < until:
            raise ConnectionError  # the connection ends
        return says(given)

    monkeypatch.setattr(server, "endofrun", fails_at_first)
    with recording(run, 60, first=6, pace=0.6, RETRY_S="1", **server.variables()) as process:
        _, err = process.communicate(timeout=120)
    assert process.returncode == 0 and len(err.splitlines()) == 1, err
    assert err.startswith(f"warning: W&B does not answer ({server.url}: does not answer in time)")
    check_whole(server, run, list(range(1, 61)))
