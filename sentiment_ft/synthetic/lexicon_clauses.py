"""Clauses that several families share, by symbol: (negative, positive). Format: see grammar.py."""

from __future__ import annotations

from sentiment_ft.synthetic.critics_lines import BLAME, PRAISE

# Lengthens a review without turning its verdict.
_EXTRA = """[context] | [context] | [plot] | [context] [plot] | The [aspect] is [adj_part].
    | The [aspects] are [adj_part].
    | [person] [person_vp]. | It has [stuff] and [stuff]. | [cons]. | It [vp]. | The [movie] [vp].
    | The [aspect] is [adv] [done], and the [aspects] are [adj_part]. | A [adj] [movie], that is what it is.
    | I [verb] the [aspect].
    | [viewer] felt [felt] too. | The scenes about [topic] are [adj], and [person] [person_vp].
    | [filmmaker] fills it with [stuff]. | I felt [felt]. | The dialogue is [adj] and the [aspects] are [basic].
    | It is [pair]. | [line] | [line] | [line]"""
# Who likes a film tells more of it; without these, a model takes neutral text for blame.
_MORE_STORY = """| [plot] | [plot] | [plot] | [context] | [context] [plot] | It is about [topic].
    | It shows us [topic]."""

# A plain verdict: a common word (`basic`) beside rarer ones.
_SEAL = """It is [basic] and [adj]. | A [basic], [adj] [movie]. | [adj], [mild] and [basic].
    | I [verb] it: [adj] and [adj].
    | All in all it is [basic], and it [vp]. | In short, [thing], and [basic] too. | I felt [felt], and [cons].
    | What a [adj] [noun]!
    | It [vp], and it is [basic]. | The [aspects] are [adj_part] and the whole is [basic].
    | I [verb] every minute, and I felt [felt].
    | [adj], [adj]. I [verb] it. | So it is a [basic] [noun] in the end.
    | I thought it was [basic], and [viewer] felt [felt] too.
    | [cons]. It is [basic] and [adj]. | A [adj] [noun], then, and [adv] [made]. | It is [adj] and [basic].
    | It is [mild] and [basic]. | I [verb] it. It [vp]. | [adj] and [basic]. | [basic], and [adv] [made].
    | A [basic] [noun], [adv] [made].
    | Overall I [verb] it, and [cons]. | The [aspect] is [basic], the [aspects] are [adj]."""

# Makes a review of one to three words a little longer.
_SHORT = """It [vp]. | [cons]. | [adj] and [basic], I say. | A [basic] [movie]. | This [movie] is [basic].
    | It is just [basic]."""

# Two adjectives, at least one of them clear on its own.
_PAIR = """[adj] and [adj] | [adj], [adj] | [mild] and [adj] | [adj] and [mild] | [mild], [adj] | [adj], [mild]"""

SYMBOLS: dict[str, tuple[str, str]] = {
    "seal": (_SEAL, _SEAL),
    "line": (BLAME, PRAISE),
    "short": (_SHORT, _SHORT),
    "bonus": ("humour | style | mystery | adventure", "humour | style | mystery | adventure"),
    "pair": (_PAIR, _PAIR),
    "fade": (
        "excitement | charm | depth | energy | wit | warmth | tension | life | flavour | spark",
        "excitement | charm | depth | energy | wit | warmth | tension | life | flavour | spark",
    ),
    "dull_thing": (
        """watching paint dry | a tax form | a lecture on drains | a wet weekend | a wait at the dentist's
        | last week's leftovers
        | an instruction manual | a traffic jam | a badly made commercial | a parking ticket | a bad hangover
        | a school play
        | an airport queue | a bowl of cold porridge | a broken record | someone else's holiday slides""",
        "watching paint dry | a tax form",
    ),
    "fine_thing": (
        "a favourite novel | a first kiss",
        """a favourite novel | a first kiss | a perfect summer evening | a good night out with old friends
        | a great rock concert
        | a fine old wine | a warm embrace | a roller coaster | a home-cooked meal | a great short story | a jazz solo
        | a well-told joke | the best kind of dream | a walk in spring | a classic of the golden age
        | a letter from a friend""",
    ),
    "done": ("done | handled | managed | judged", "done | handled | managed | judged"),
    "enjoyed": (
        "hated it or regretted | disliked one minute of | was bored by | was annoyed by",
        "enjoyed | liked | was moved by | was impressed by | cared for | was entertained by | was thrilled with",
    ),
    "remake": (
        "remake | sequel | new version | follow-up | reboot | third part | spin-off",
        "remake | sequel | new version | follow-up | reboot | third part | spin-off",
    ),
    "verb_pp": ("hated | loathed | walked out of | disliked", "loved | adored | enjoyed | treasured"),
    "flee": (
        "stay away | stay at home | run | look elsewhere | give it a miss | watch something else | leave it alone",
        "go | come along | join the queue",
    ),
    "extra": (_EXTRA, _EXTRA + _MORE_STORY),
}
