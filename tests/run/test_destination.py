"""Where a result may go."""

from __future__ import annotations

import pytest

from sentiment_ft.errors import OutputError
from sentiment_ft.run.destination import fresh, fresh_file


def test_output_file_must_be_new_in_a_folder_that_is_there(tmp_path):
    assert fresh_file(str(tmp_path / "a.jsonl")) == tmp_path / "a.jsonl"
    with pytest.raises(OutputError, match="mkdir -p"):
        fresh_file(str(tmp_path / "none" / "a.jsonl"))
    (tmp_path / "a.jsonl").symlink_to("nowhere")
    with pytest.raises(OutputError, match="exists already"):
        fresh_file(str(tmp_path / "a.jsonl"))


def test_a_folder_with_only_what_a_killed_process_left_aside_is_empty(tmp_path):
    (tmp_path / ".0123abcd.new").mkdir()
    assert fresh(str(tmp_path)) == tmp_path.resolve()
    (tmp_path / ".0123abcd.tmp").touch()
    with pytest.raises(OutputError, match="not an empty folder"):
        fresh(str(tmp_path))
