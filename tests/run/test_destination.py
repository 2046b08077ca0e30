"""Where a result may go."""

from __future__ import annotations

import pytest

from sentiment_ft.errors import OutputError
from sentiment_ft.run.destination import fresh_file


def test_output_file_must_be_new_in_a_folder_that_is_there(tmp_path):
    assert fresh_file(str(tmp_path / "a.jsonl")) == tmp_path / "a.jsonl"
    with pytest.raises(OutputError, match="mkdir -p"):
        fresh_file(str(tmp_path / "none" / "a.jsonl"))
    (tmp_path / "a.jsonl").symlink_to("nowhere")
    with pytest.raises(OutputError, match="exists already"):
        fresh_file(str(tmp_path / "a.jsonl"))
