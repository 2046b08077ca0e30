"""Clean text: one pure function used in training, prediction and export alike.

`clean` decodes HTML entities, takes out HTML tags, drops characters that cannot be seen, and normalises Unicode (NFC)
and white space. Only names of the HTML standard count as tags and only entities with their semicolon as entities, so
that "a < b and c > d", "I <3 this", "<spoiler>" and "Q&A" keep every character. Punctuation and case stay: the
tokenizer knows what to do with them.
"""

from __future__ import annotations

import html
import re
import unicodedata
from html.entities import html5

CLEANING_VERSION = 1  # part of the cache key: raise it whenever `clean` gives another result for any text

MAX_PASSES = 10  # real texts need 2 or 3 (escaped twice, then tags); more is an attack, see `clean`

_INLINE = (
    "a abbr acronym b bdi bdo big cite code del dfn em font i ins kbd mark nobr q s samp small span strike strong "
    "sub sup tt u var"
)
_BLOCK = (
    "address article aside audio base basefont blockquote body br button canvas caption center col colgroup dd details "
    "dialog dir div dl dt fieldset figcaption figure footer form frame frameset h1 h2 h3 h4 h5 h6 head header hr html "
    "iframe img input label legend li link main marquee menu meta nav noscript object ol optgroup option p param "
    "picture pre progress script section select source style summary svg table tbody td template textarea tfoot th "
    "thead time title tr track ul video wbr"
)
# After the name come attributes with a value or nothing: "a <b and c> d" is arithmetic, not a bold tag. Every class
# leaves out "<", so a failed match never reads past the next "<", and gives nothing back (possessive): linear time.
_ATTRIBUTES = r"""(?:\s++[\w:-]++\s*+=\s*+(?:"[^"<>]*+"|'[^'<>]*+'|[^\s"'<>]++))*+\s*+/?+\s*+>"""
_INLINE_TAG = re.compile(rf"</?(?:{_INLINE.replace(' ', '|')}){_ATTRIBUTES}", re.IGNORECASE)
_BLOCK_TAG = re.compile(
    rf"</?(?:{_BLOCK.replace(' ', '|')}){_ATTRIBUTES}|<!--[^<>]*-->|<!doctype\b[^<>]*>",
    re.IGNORECASE,
)
_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_AMPERSANDS = re.compile(r"&(?:(?:amp|AMP|#0{0,4}38|#[xX]0{0,4}26);)+")

# Categories Cc (without white space), Cf (zero-width, bidi, soft hyphen, byte order mark) and Cs (lone surrogates).
_UNSEEN = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u00ad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a\U000e0001\U000e0020-\U000e007f]"
)


def clean(text: str) -> str:
    """The text a model sees. Pure, idempotent, never raises; lone surrogates are dropped.

    One pass can uncover the next one's work ("&amp;lt;b&amp;gt;" -> "&lt;b&gt;" -> "<b>" -> ""), so passes run until
    nothing changes. That ends: the length of the NFD form is the same under NFC, no step adds to it, and an entity or a
    tag is always longer than what replaces it. An attacker can make it end late, hence MAX_PASSES, after which "<" and
    "&", without which there is nothing to uncover, become spaces.
    """
    for _ in range(MAX_PASSES):
        cleaned = _one_pass(text)
        if cleaned == text or not ("&" in cleaned or "<" in cleaned):
            return cleaned
        text = cleaned
    return _one_pass(text.replace("&", " ").replace("<", " "))


def _one_pass(text: str) -> str:
    if "&" in text:
        text = _ENTITY.sub(_decoded, _AMPERSANDS.sub("&", text))
    if "<" in text:
        text = _BLOCK_TAG.sub(" ", _INLINE_TAG.sub("", text))
    text = unicodedata.normalize("NFC", _UNSEEN.sub("", text))
    return " ".join(text.split())


def _decoded(entity: re.Match[str]) -> str:
    """html.unescape for what is an entity in full: it also turns the start of an unknown one, "&notthis;", into
    "¬this;".
    """
    written = entity.group()
    return html.unescape(written) if written[1] == "#" or written[1:] in html5 else written
