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

# A plain verdict: one of the commonest words beside rarer ones. With any word here, up to 5 of 600 validation rows of
# families seen in training stayed wrong after two epochs, and real reviews were judged no better.
_SEAL = """It is [plain] and [adj]. | A [plain], [adj] [movie]. | [adj], [mild] and [plain].
    | I [clear_verb] it: [adj] and [adj].
    | All in all it is [plain], and it [vp]. | In short, [thing], and [plain] too. | I felt [felt], and it is [plain].
    | What a [plain] [noun]!
    | It [vp], and it is [plain]. | The [aspects] are [adj_part] and the whole is [plain].
    | I [clear_verb] every minute, and I felt [felt].
    | [adj], [adj]. I [clear_verb] it. | So it is a [plain] [noun] in the end.
    | I thought it was [plain], and [viewer] felt [felt] too.
    | [cons]. It is [plain] and [adj]. | A [plain] [noun], then, and [adv] [made]. | It is [adj] and [plain].
    | It is [mild] and [plain]. | I [clear_verb] it. It [vp]. | [adj] and [plain]. | [plain], and [adv] [made].
    | A [plain] [noun], [adv] [made].
    | Overall I [clear_verb] it, and [cons]. | The [aspect] is [plain], the [aspects] are [adj]."""

# Makes a review of one to three words a little longer.
_SHORT = """It [vp]. | [cons]. | [adj] and [basic], I say. | A [basic] [movie]. | This [movie] is [basic].
    | It is just [basic]."""

# Two adjectives, at least one of them clear on its own.
_PAIR = """[adj] and [adj] | [adj], [adj] | [mild] and [adj] | [adj] and [mild] | [mild], [adj] | [adj], [mild]"""

SYMBOLS: dict[str, tuple[str, str]] = {
    "seal": (_SEAL, _SEAL),
    "plain": (
        "terrible | awful | bad | boring | dreadful | horrible | poor | dull | disappointing | stupid",
        "great | wonderful | excellent | amazing | good | lovely | brilliant | perfect | fantastic | beautiful",
    ),
    "clear_verb": ("hated | disliked | detested | loathed", "loved | enjoyed | liked | adored"),
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
