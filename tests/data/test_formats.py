import csv
import gzip
import io
import json
import tracemalloc

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sentiment_ft.data import formats, lines
from sentiment_ft.data.formats import read_records
from sentiment_ft.data.records import Record, Rejected
from sentiment_ft.data.tables import is_quoted
from sentiment_ft.errors import DataError


def write(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def read(path):
    """[(line, tuple of values)] of the records, [(line, reason)] of the rejected."""
    items = list(read_records(path))
    records = [(item.line, tuple(item.columns.values())) for item in items if isinstance(item, Record)]
    return records, [(item.line, item.reason) for item in items if isinstance(item, Rejected)]


# csv


def test_csv_quotes_commas_newlines_crlf_and_bom(tmp_path):
    path = write(
        tmp_path, "a.csv", b'\xef\xbb\xbftext,label\r\n"a, ""b""\r\nc",1\r\nplain,0\r\n\r\nNA,\r\nnull,NaN\r\n'
    )
    assert read(path) == ([(2, ('a, "b"\nc', "1")), (4, ("plain", "0")), (6, ("NA", "")), (7, ("null", "NaN"))], [])


def test_csv_with_semicolons(tmp_path):
    assert read(write(tmp_path, "a.csv", "text;label\nwell, yes;1\n")) == ([(2, ("well, yes", "1"))], [])


@given(
    st.lists(st.tuples(*[st.text(st.characters(exclude_characters="\r\0", codec="utf-8"), max_size=8)] * 2), min_size=1)
)
@settings(max_examples=50)
def test_what_the_csv_module_writes_is_read(tmp_path_factory, rows):
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerows([("text", "label"), *rows])
    path = write(tmp_path_factory.mktemp("csv"), "a.csv", stream.getvalue())
    assert [values for _, values in read(path)[0]] == rows


def test_latin_1_byte_rejects_its_line_only(tmp_path):
    path = write(tmp_path, "a.csv", b"text,label\ngood,1\n" + b"a touching clich\xe9,0\n" + b"bad,0\n")
    records, rejected = read(path)
    assert [line for line, _ in records] == [2, 4]
    assert rejected == [(3, "not UTF-8: byte 0xe9 at column 17")]


def test_latin_1_byte_inside_a_quoted_field_of_two_lines(tmp_path):
    path = write(tmp_path, "a.csv", b'text,label\n"one\ntw\xe9",0\nthree,1\n')
    assert read(path) == ([(4, ("three", "1"))], [(2, "not UTF-8: byte 0xe9 at column 3")])


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl", "a.txt"])
def test_nul_bytes_are_rejected(tmp_path, name):
    line = b'{"text": "x"}\n' if name == "a.jsonl" else b"text\n"
    records, rejected = read(write(tmp_path, name, line + b"a\0b\n" + line))
    assert rejected == [(2, "NUL byte: at column 2")] and records[-1][0] == 3


def test_unclosed_quote_costs_one_row(tmp_path):
    good = "".join(f"a fine film {number},1\n" for number in range(50_000))
    path = write(tmp_path, "a.csv", 'text,label\n"never closed,1\n' + good)
    records, rejected = read(path)
    assert len(records) == 50_000 and records[0] == (3, ("a fine film 0", "1"))
    assert [line for line, _ in rejected] == [2] and rejected[0][1].startswith("unclosed quote")


def test_unclosed_quote_before_quoted_rows(tmp_path):
    path = write(tmp_path, "a.csv", 'text,label\n"never closed,1\nx,0\n"well, yes",1\ny,0\n')
    records, rejected = read(path)
    assert [line for line, _ in records] == [3, 4, 5]
    assert [line for line, _ in rejected] == [2]


def test_a_quote_closed_only_after_100_000_characters_is_none(tmp_path):
    lines_between = ("x" * 98 + ",1\n") * 1_200
    records, rejected = read(write(tmp_path, "a.csv", f'text,label\n"never closed,1\n{lines_between}end",1\n'))
    assert len(records) == 1_201 and [line for line, _ in rejected] == [2]


def test_unclosed_quote_in_the_last_line(tmp_path):
    records, rejected = read(write(tmp_path, "a.csv", 'text,label\nx,0\n"open,1\n'))
    assert len(records) == 1 and rejected[0][0] == 3


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("a,b,c", "wrong number of fields: 3 instead of 2"),
        ("a", "wrong number of fields: 1 instead of 2"),
        ('"a"b,1', "broken quotes: ',' expected after '\"'"),
        ("a\rb,1", "stray carriage return: inside a field without quotes"),
        ("x" * 200_000 + ",1", "text too long: a field of more than 131,072 characters"),
    ],
)
def test_broken_csv_rows(tmp_path, row, reason):
    records, rejected = read(write(tmp_path, "a.csv", f"text,label\n{row}\nlast,1\n"))
    assert rejected == [(2, reason)]
    assert records == [(3, ("last", "1"))]


def test_many_unclosed_quotes_take_linear_time(tmp_path):
    path = write(tmp_path, "a.csv", "text,label\n" + '"open,1\n' * 20_000)
    records, rejected = read(path)
    assert len(records) + len(rejected) >= 10_000  # each second quote may close the first


def test_a_column_twice(tmp_path):
    with pytest.raises(DataError, match="column 'text' is there twice"):
        read(write(tmp_path, "a.csv", "text,text,label\na,b,1\n"))


# tsv


def test_glue_tsv_keeps_stray_quotes(tmp_path):
    path = write(tmp_path, "a.tsv", 'sentence\tlabel\n"great film\t1\nbad film"\t0\n"wow" he said\t1\n5" disc\t0\n')
    assert [values[0] for _, values in read(path)[0]] == ['"great film', 'bad film"', '"wow" he said', '5" disc']


@pytest.mark.parametrize(
    ("rows", "quoted"),
    [
        ('1\t"a ""b"" c"\n', True),
        ('1\t"two\nlines"\n', True),
        ('1\t"a\ttab"\n', True),
        ('1\t"closed"\n1\t"open\n1\tplain\n', False),
        ('1\t"closed"\n1\t"also, closed"\n1\t"open\n1\tplain\n', True),
        ('1\t"wow" he said\n', False),
        ('1\t"closed"\n1\t"open', False),
        ("1\tno quotes\n", False),
        ('1\ta 5" disc\n', False),
    ],
)
def test_is_quoted(tmp_path, rows, quoted):
    assert is_quoted(write(tmp_path, "a.tsv", "label\ttext\n" + rows)) is quoted


def test_quoted_tsv_with_line_break(tmp_path):
    path = write(tmp_path, "a.tsv", 'label\ttext\n1\t"two\nlines, ""quoted"""\n0\tplain\n')
    assert read(path) == ([(2, ("1", 'two\nlines, "quoted"')), (4, ("0", "plain"))], [])


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("sst2/train.tsv", 67_349),
        ("sst2/dev.tsv", 872),
        ("imdb_cad/train_paired.tsv", 3_414),
        ("imdb_cad/dev_paired.tsv", 490),
        ("imdb_cad/test_paired.tsv", 976),
    ],
)
def test_public_tsv_files_are_read_in_full(shared_data, name, rows):
    items = list(read_records(shared_data / name))
    assert sum(isinstance(item, Record) for item in items) == len(items) == rows
    with (shared_data / name).open(encoding="utf-8", newline="") as file:
        quoting = csv.QUOTE_MINIMAL if name.startswith("imdb_cad") else csv.QUOTE_NONE
        assert [item.columns for item in items] == list(csv.DictReader(file, delimiter="\t", quoting=quoting))


# jsonl, txt


def test_jsonl(tmp_path):
    path = write(tmp_path, "a.jsonl", '{"text": "a\\ud800", "label": 1}\n\n{"text": null, "label": NaN}\n')
    records, rejected = read(path)
    assert records[0] == (1, ("a\ud800", 1)) and records[1][0] == 3 and not rejected


def test_blank_lines_of_jsonl_are_rows_without_text_where_each_line_is_answered(tmp_path):
    path = write(tmp_path, "a.jsonl", '{"text": "a"}\n\n \t\r\n{"text": "b"}\n\n')
    items = list(read_records(path, keep_blank=True))
    assert [(item.line, isinstance(item, Record)) for item in items] == [
        (1, True),
        (2, False),
        (3, False),
        (4, True),
        (5, False),
    ]
    assert {item.reason for item in items if isinstance(item, Rejected)} == {"no text"}
    assert [item.line for item in read_records(path)] == [1, 4]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"text": "a"', "broken JSON: Expecting ',' delimiter at column 13"),
        ("[1]", "not a JSON object: an array"),
        ('"a"', "not a JSON object: a string"),
        ("null", "not a JSON object: null"),
        ("[" * 200_000, "broken JSON: nested too deep"),
        ('{"text": ' + "9" * 5000 + "}", "broken JSON: a number too long"),
    ],
)
def test_broken_jsonl_lines(tmp_path, line, reason):
    good = json.dumps({"text": "x"})
    assert read(write(tmp_path, "a.jsonl", f"{good}\n{line}\n{good}\n"))[1] == [(2, reason)]


def test_a_json_array_is_refused_with_the_way_to_convert_it(tmp_path):
    with pytest.raises(DataError, match="one JSON array") as caught:
        read(write(tmp_path, "a.json", '[{"text": "x"},\n{"text": "y"}]\n'))
    assert "jq -c '.[]' a.json > a.jsonl" in str(caught.value.way_out)


def test_txt_is_one_text_a_line(tmp_path):
    assert read(write(tmp_path, "a.txt", 'one\r\n\ntwo, "2"')) == ([(1, ("one",)), (2, ("",)), (3, ('two, "2"',))], [])


def test_excerpt_is_one_safe_line_of_80_characters(tmp_path):
    (item,) = [
        i for i in read_records(write(tmp_path, "a.jsonl", '{"a": 1}\n\x1b[31m' + "x" * 500)) if isinstance(i, Rejected)
    ]
    assert item.excerpt.startswith("\\x1b[31m") and len(item.excerpt) < 90
    assert item.line == 2


# bounds


def test_a_line_over_the_limit_is_rejected_without_being_held(tmp_path, monkeypatch):
    monkeypatch.setattr(lines, "MAX_LINE_BYTES", 2**20)
    path = write(tmp_path, "a.txt", b"x" * 64 * 2**20 + b"\nlast\n")
    tracemalloc.start()
    records, rejected = read(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert rejected == [(1, "line too long: more than 1 MiB")] and records == [(2, ("last",))]
    assert peak < 8 * 2**20


def test_memory_does_not_grow_with_the_file(tmp_path):
    path = write(tmp_path, "a.csv", "text,label\n" + "a rather fine film,1\n" * 40_000)
    tracemalloc.start()
    assert sum(1 for _ in read_records(path)) == 40_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**18  # the file has 840 kB


# parquet


def test_parquet(tmp_path):
    table = pa.table(
        {"text": ["a", None, "NA"], "label": [1, 0, None], "score": [1.5, None, 2.0], "nested": [[1], [], None]}
    )
    pq.write_table(table, tmp_path / "a.parquet")
    assert read(tmp_path / "a.parquet") == ([(1, ("a", 1, 1.5)), (2, (None, 0, None)), (3, ("NA", None, 2.0))], [])


def test_parquet_with_a_broken_string(tmp_path):
    broken = pa.Array.from_buffers(
        pa.string(), 2, [None, pa.py_buffer(b"\0\0\0\0\2\0\0\0\5\0\0\0"), pa.py_buffer(b"ok\xe9ab")]
    )
    pq.write_table(pa.table({"text": broken}), tmp_path / "a.parquet")
    assert read(tmp_path / "a.parquet") == ([(1, ("ok",))], [(2, "not UTF-8: byte 0xe9 at byte 1")])


def test_parquet_with_times_python_cannot_hold(tmp_path):
    far = {"when": pa.array([10**14], pa.timestamp("s")), "took": pa.array([2**62], pa.duration("s"))}
    pq.write_table(pa.table({"text": ["a"], **far}), tmp_path / "a.parquet")
    assert read(tmp_path / "a.parquet") == ([(1, ("a", None, None))], [])


def test_parquet_with_a_column_twice(tmp_path):
    table = pa.Table.from_arrays([pa.array(["a"]), pa.array(["b"])], names=["text", "text"])
    pq.write_table(table, tmp_path / "a.parquet")
    with pytest.raises(DataError, match="column 'text' is there twice"):
        read(tmp_path / "a.parquet")


@pytest.mark.parametrize("damage", ["no footer", "middle"])
def test_broken_parquet(tmp_path, damage):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"text": [f"text {n}" for n in range(5000)]}), path)
    content = bytearray(path.read_bytes())
    if damage == "middle":
        content[4:2000] = b"\xff" * 1996
    path.write_bytes(bytes(content[:-8] if damage == "no footer" else content))
    with pytest.raises(DataError, match="not a readable Parquet file"):
        read(path)


# files that give nothing


@pytest.mark.parametrize(
    ("name", "content", "what"),
    [
        ("a.csv", "", "the file is empty"),
        ("a.csv", "text,label\n", "a header but no rows"),
        ("a.csv", "\n\n", "a header but no rows"),
        ("a.tsv", "text\tlabel", "a header but no rows"),
        ("a.jsonl", "\n", "no rows"),
        ("a.csv", b"t\xe9xt,label\na,1\n", "the header cannot be read: not UTF-8: byte 0xe9 at column 2"),
        ("a.csv", '"text,label\na,1\n', "the header cannot be read: unclosed quote"),
        ("a.csv", "text,label\na,1\n".encode("utf-16"), "UTF-16, not UTF-8"),
        ("a.csv", b"text,label\ra,1\r", "lines end in CR alone"),
        ("a.xlsx", "x", "cannot tell the format from the ending '.xlsx'"),
        ("a.csv.gz", "x", "cannot tell the format from the ending '.gz'"),
        ("reviews", "x", "a name without ending"),
    ],
)
def test_files_without_rows(tmp_path, name, content, what):
    path = write(tmp_path, name, content)
    with pytest.raises(DataError, match=what) as caught:
        read(path)
    assert str(path) in str(caught.value.where) and caught.value.way_out


@pytest.mark.parametrize(
    ("content", "what"),
    [(gzip.compress(b"text,label\na,1\n", mtime=0), "gzip"), (b"PK\3\4rest", "zip"), (b"PAR1 rows PAR1", "Parquet")],
)
@pytest.mark.parametrize("ending", ["csv", "tsv", "jsonl", "txt"])
def test_files_that_are_not_what_their_ending_says(tmp_path, ending, content, what):
    with pytest.raises(DataError, match=f"is a {what} file"):
        read(write(tmp_path, f"a.{ending}", content))


def test_short_and_honest_files_are_read(tmp_path):
    assert read(write(tmp_path, "a.txt", "x")) == ([(1, ("x",))], [])
    assert read(write(tmp_path, "a.csv", "PAR1,b\nx,y\n")) == ([(2, ("x", "y"))], [])


def test_a_link_to_nothing(tmp_path):
    (tmp_path / "dangling.csv").symlink_to(tmp_path / "gone.csv")
    with pytest.raises(DataError, match="a link to nothing") as caught:
        read(tmp_path / "dangling.csv")
    assert str(tmp_path / "gone.csv") in caught.value.way_out


def test_missing_file_names_the_near_one(tmp_path):
    write(tmp_path, "train.csv", "text\nx\n")
    with pytest.raises(DataError, match="no such file") as caught:
        read(tmp_path / "trian.csv")
    assert caught.value.way_out == f"did you mean {tmp_path / 'train.csv'}?"


def test_format_can_be_stated(tmp_path):
    path = write(tmp_path, "reviews.dat", "text,label\na,1\n")
    assert [item.columns for item in read_records(path, format="csv")] == [{"text": "a", "label": "1"}]
    with pytest.raises(DataError, match="unknown format 'xml'"):
        read_records(path, format="xml")


def test_every_format_has_a_reader(tmp_path):
    for ending in formats.FORMATS:
        if ending != ".parquet":
            assert list(read_records(write(tmp_path, f"a{ending}", '{"text": "x"}\n{"text": "y"}\n')))
