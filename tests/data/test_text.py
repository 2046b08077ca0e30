import sys
import time
import unicodedata
from html.entities import html5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentiment_ft.data.text import MAX_PASSES, clean

# Pieces that build on each other when joined, so that hypothesis finds nested markup.
PIECES = st.sampled_from(
    [
        "&",
        "amp;",
        "&amp;",
        "&lt;",
        "&gt;",
        "&#38;",
        "&#x26;",
        "#x3c;",
        "lt;",
        "<",
        ">",
        "b",
        "br",
        "/",
        "<b>",
        "<!--",
        "-->",
        "&#8203;",
        "&#x1D160;",
        "=",
        "e",
    ]
) | st.sampled_from(["<br />", "]", "]]>", " ", "\u200b", "\ud800", "\u0301", "\u037e", "\x1c", "\u2028"])
HOSTILE = st.lists(PIECES, max_size=40).map("".join)
ANY_TEXT = st.text(st.characters(codec=None))  # lone surrogates too


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Great.<br /><br />Really.", "Great. Really."),
        ("un<b>believ</b>able", "unbelievable"),
        ("<p class='x'>a</p><P>b</P>", "a b"),
        ('see <a href="http://x.org/?a=1&b=2">this</a>', "see this"),
        ("a<!-- hidden -->b", "a b"),
        ("<!DOCTYPE html><html>x</html>", "x"),
        ("a&nbsp;b &quot;c&quot; &eacute;", 'a b "c" é'),
        ("&amp;lt;b&amp;gt;bold", "bold"),
        ("&" + "amp;" * 50, "&"),
        ("x < y &lt;br&gt; z", "x < y z"),
        ("  a \t\r\n b\u00a0\u3000c\x85d\u2028e ", "a b c d e"),
        ("\u202egnihton\u202c \u200bze\u200bro\ufeff so\u00adft", "gnihton zero soft"),
        ("e\u0301", "é"),
        ("a\x00b\x1b[31mred\ud800", "ab[31mred"),
        ("", ""),
        ("<br />", ""),
    ],
)
def test_what_it_takes_out(text, expected):
    assert clean(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "a < b and c > d",
        "a <b and c> d",
        "I <3 this",
        "<spoiler> the butler </spoiler>",
        "Q&A, R&B, AT&T; this&notthat; cats &copy that",
        "5 > 4 & 3 < 4",
        "x < p > y",
        "10/10 -- must see!!! :-) \U0001f600",
        "NaN",
    ],
)
def test_what_it_leaves(text):
    assert clean(text) == text


@given(HOSTILE | ANY_TEXT)
def test_idempotent(text):
    assert clean(clean(text)) == clean(text)


@given(HOSTILE | ANY_TEXT)
def test_nothing_unseen_and_single_spaces_remain(text):
    cleaned = clean(text)
    assert not any(unicodedata.category(c) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for c in cleaned)
    assert cleaned == " ".join(cleaned.split()) == unicodedata.normalize("NFC", cleaned)


@given(HOSTILE | ANY_TEXT)
def test_never_longer_but_for_nfc(text):
    """NFC itself may write one character as three, U+1D160 for one; decomposed the length never grows."""
    assert len(unicodedata.normalize("NFD", clean(text))) <= len(unicodedata.normalize("NFD", text))


def test_every_entity_is_longer_than_its_character():
    """On this rests that `clean` comes to an end."""
    for name, character in html5.items():
        assert len(unicodedata.normalize("NFD", character)) < len(name) + 1


def test_every_unseen_character_of_unicode_goes():
    kept = [
        f"U+{code:04X}"
        for code in range(sys.maxunicode + 1)
        if unicodedata.category(chr(code)) in {"Cc", "Cf", "Cs"} and clean(f"a{chr(code)}b") not in ("ab", "a b")
    ]
    assert kept == []


def test_markup_nested_deeper_than_the_passes_still_ends_idempotent():
    deep = "<b" * 50 + ">" * 50
    assert "<b<b" in deep and MAX_PASSES < 50
    assert clean(clean(deep)) == clean(deep)
    assert "<" not in clean(deep)


SPACES = " " * 99_000
REPEATED = ["<a ", "<a b=", "<!--", "&amp", "&amp;", "<a b='", "<br ", "<b<", "&#38;#38;", "< ", "&#38;&#8203;"]
ONCE = [f"{start}{SPACES}" for start in ("<", "<br", "<b a", "<b a=", "<b/")] + [
    "<br" + " a=a" * 25_000,
    "<br a" + ":a" * 50_000,
    "<!doctype " + "a" * 99_000,
    "&" * 100_000,
    "&#" + "0" * 99_000,
]


@pytest.mark.parametrize("attack", [piece * (100_000 // len(piece)) for piece in REPEATED] + ONCE, ids=lambda t: t[:9])
def test_long_hostile_text_takes_linear_time(attack):
    start = time.perf_counter()
    clean(attack)
    assert time.perf_counter() - start < 5  # measured: under 0.3 s each; quadratic would be minutes
