"""Labelled rows from a data set of the Hugging Face hub. Code that comes with a data set is never run."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sentiment_ft import hub
from sentiment_ft.data.records import Record
from sentiment_ft.errors import DataError
from sentiment_ft.terminal import printable

ANSWER_TIMEOUT_S = 5.0  # of the hub; load_dataset by itself asks six times, for 23 s
_NAME = re.compile(r"hub:(\w[\w.-]*(?:/\w[\w.-]*)?)(?:@([\w.+-]+))?(?::([\w.+%\[\]:-]+))?")


@dataclass(frozen=True, slots=True)
class HubName:
    name: str
    config: str | None
    split: str


def parse_name(written: str) -> HubName:
    """hub:NAME, hub:NAME:SPLIT, hub:NAME@CONFIG or hub:NAME@CONFIG:SPLIT; the split is "train" unless given."""
    match = _NAME.fullmatch(written)
    if match is None:
        raise DataError(
            f"'{printable(written, 80)}' names no data set",
            way_out="write hub:NAME, hub:NAME:SPLIT or hub:NAME@CONFIG:SPLIT, as in hub:nyu-mll/glue@sst2:train",
        )
    return HubName(match[1], match[2], match[3] or "train")


def load(written: str) -> Any:
    """The `datasets.Dataset`, downloaded into its own cache or found there. Raises DataError, within seconds when
    offline.
    """
    wanted = parse_name(written)
    if os.path.exists(wanted.name):  # load_dataset would take it, and say nothing
        raise DataError(
            f"there is a file or folder '{wanted.name}' here, which would be read instead of the hub",
            where=written,
            way_out=f"--data ./{wanted.name} reads it; for the hub run from another folder",
        )
    offline = not _check_reachable(wanted.name, written)
    import datasets

    try:
        return datasets.load_dataset(wanted.name, wanted.config, split=wanted.split, streaming=False)
    except ConnectionError as error:
        if offline:
            raise DataError(
                "the data set is not in the local cache, and HF_HUB_OFFLINE forbids to ask the hub",
                where=written,
                way_out="unset HF_HUB_OFFLINE where there is a network, or give the path of a file",
            ) from None
        raise _unreachable(written, error) from None
    except datasets.exceptions.DatasetNotFoundError as error:
        raise _not_found(written, error) from None
    except (ValueError, RuntimeError, OSError, datasets.exceptions.DatasetsError) as error:  # config, split, disk
        raise DataError(
            f"the data set cannot be loaded: {_first_words(error)}",
            where=written,
            way_out="write config and split as hub:NAME@CONFIG:SPLIT, or download a file of it and give its path",
        ) from None


def read(dataset: Any, written: str) -> Iterator[Record]:
    """Rows in order, with the names of a ClassLabel instead of its numbers; -1, no label, stays."""
    names = {
        column: feature.names for column, feature in dataset.features.items() if type(feature).__name__ == "ClassLabel"
    }
    for line, columns in enumerate(dataset, 1):
        for column, of_class in names.items():
            number = columns[column]
            if number is not None and 0 <= number < len(of_class):
                columns[column] = of_class[number]
        yield Record(columns, written, line)


@functools.cache  # a source is loaded twice, to name its rows and to read them
def _check_reachable(name: str, written: str) -> bool:
    """True when the hub knows the name, False when HF_HUB_OFFLINE forbids to ask; DataError for everything else."""
    if hub.forbidden():
        return False  # load_dataset looks in its cache only, at once
    if not hub.reachable():
        raise _unreachable(written, ConnectionError(f"no connection within {hub.CONNECT_TIMEOUT_S:g} s"))
    import huggingface_hub
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, OfflineModeIsEnabled, RepositoryNotFoundError

    try:
        huggingface_hub.HfApi().dataset_info(name, timeout=ANSWER_TIMEOUT_S)
    except OfflineModeIsEnabled:
        return False
    except (RepositoryNotFoundError, HFValidationError) as error:
        raise _not_found(written, error) from None
    except HfHubHTTPError as error:
        raise DataError(
            f"the hub refused: {_first_words(error)}",
            where=written,
            way_out="try again later; a gated data set needs `hf auth login`",
        ) from None
    except Exception as error:  # the HTTP client and its errors have changed twice: requests, httpx, httpx2
        raise _unreachable(written, error) from None
    return True


def _unreachable(written: str, error: Exception) -> DataError:
    return DataError(
        f"the Hugging Face hub cannot be reached: {_first_words(error)}",
        where=written,
        way_out="check the network or HTTPS_PROXY; one that was downloaded before is found with HF_HUB_OFFLINE=1; "
        "or give the path of a csv, tsv, jsonl or Parquet file",
    )


def _not_found(written: str, error: Exception) -> DataError:
    return DataError(
        "the hub has no such data set, or it is private",
        where=written,
        way_out="check the name at https://huggingface.co/datasets; a private or gated one needs `hf auth login`",
    )


def _first_words(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return printable(" ".join(lines) or type(error).__name__, 300)
