"""Families that training never sees: forms, and partly words, for the test of generalisation.

Format of the templates: see grammar.py. `HELD_OUT_SYMBOLS` serves no training family.
"""

from __future__ import annotations

from sentiment_ft.synthetic.family import Family

HELD_OUT_FAMILIES: dict[str, Family] = {
    "questions": Family(
        weight=1,
        sealed=False,
        long=False,
        held_out=True,
        shared="""Is the [aspect] any good? [reply]. Are the [aspects]? [reply].
            Worth the price of a ticket? [reply]. Would I sit through it again? [reply].
            Q: Is this [genre] as [basic] as they say? A: [agree].
            Does it work as a [genre]? [reply]. Does it work as a film about [topic]? [reply].
            Should you give up [length] for this? [reply]. Would [viewer] agree? Yes, the word was [sealed_adj].""",
    ),
    "scorecard": Family(
        weight=1,
        sealed=False,
        long=False,
        held_out=True,
        shared="""Acting: [sealed_adj]. Script: [sealed_adj]. Music: [adj]. Verdict: [sealed_verdict].
            + / - list for this [genre]. [aspect]: [sealed_adj]; [aspect]: [basic]; [aspects]: [sealed_adj].
            Story [marks], acting [marks], camera [marks]. Overall: [sealed_adj].
            Best thing about it: [best_thing]. Worst thing about it: [worst_thing]. Total: [marks].
            [aspect] - [marks]. [aspect] - [marks]. Final grade: [sealed_verdict].""",
    ),
    "anecdote": Family(
        weight=1,
        sealed=False,
        held_out=True,
        shared="""[context] [audience].
            [audience], and that says it all about this [genre].
            At the screening [audience]. I have to agree with them.
            [plot] [audience].
            Halfway through, [viewer] leaned over and whispered: "[whisper]". I could only nod.""",
    ),
    "comparison": Family(
        weight=1,
        sealed=False,
        long=False,
        held_out=True,
        shared="""I would rather [rather] than [rather_than] this [genre].
            Next to most films of this season, this [genre] is [sealed_adj].
            Where the earlier parts were so-so, this one is [sealed_adj].
            Of the dozen films I saw this month, this one ranks [rank].
            Compared with the original, it is [sealed_more], and the [aspects] are [sealed_more] too.
            It makes [yardstick] look like [!yardstick].
            Think of [yardstick], and you have some idea of this [adj] [movie].""",
    ),
}

# By symbol: (negative, positive).
HELD_OUT_SYMBOLS: dict[str, tuple[str, str]] = {
    "reply": (
        """Not a chance | God, no | Sadly not | No way | Nope | Only at gunpoint | Not in this lifetime
        | I am afraid not
        | Far from it | Don't make me laugh | Over my dead body | Hardly""",
        """Absolutely | You bet | In a heartbeat | Oh yes | Without a doubt | Any day of the week | Every last bit
        | Definitely
        | And how | Like you would not believe | Indeed | Every time""",
    ),
    "agree": (
        "Every bit as [basic], and [sealed_adj] too | Even more [basic] | Yes, and [sealed_adj] as well",
        "Every bit as [basic], and [sealed_adj] too | Even more [basic] | Yes, and [sealed_adj] as well",
    ),
    "sealed_adj": (
        """ghastly | rotten | crummy | cringeworthy | insufferably smug | godawful | diabolical | pitiable
        | unendurable | crappy
        | unforgivable | dismaying | threadbare | putrid | unspeakable | deplorable""",
        """phenomenal | exceptional | sparklingly good | tip-top | swoon-worthy | faultless | astounding | peerless
        | ravishing
        | glittering | heavenly | exemplary | unmissable | admirable | tremendous | rapturous""",
    ),
    "sealed_verdict": (
        "bin it | fail | must try harder | skip this one | a stinking failure | straight to the dustbin | rotten",
        """pass with honours | a standing ovation | top of the class | go, go, go | a resounding yes | a champion
        | magnificent""",
    ),
    "sealed_more": (
        "sadder and cheaper | duller by half | a pale shadow | a big step down | nowhere near as good | far inferior",
        "funnier and wiser | richer by far | a clear step up | even better | a real improvement | far superior",
    ),
    "marks": ("1 of 10 | 2 of 10 | 0 of 10 | 1.5 of 10", "9 of 10 | 10 of 10 | 9.5 of 10 | 8.5 of 10"),
    "best_thing": (
        "the exit sign | the end credits | it stopped | the popcorn | nothing comes to mind",
        """where do I begin | absolutely everything | the [aspect], which is [sealed_adj]
        | the [aspects], all of them [sealed_adj]""",
    ),
    "worst_thing": (
        """where do I begin | absolutely everything | the [aspect], which is [sealed_adj]
        | the [aspects], all of them [sealed_adj]""",
        "that it had to end | nothing at all | nothing comes to mind | I have to wait for the sequel",
    ),
    "audience": (
        """half the seats were empty after an hour | people booed at the credits
        | two rows in front of us were snoring
        | everyone checked their phones | the man beside me begged his wife to leave
        | nobody laughed, not even at the pratfalls
        | the audience jeered | [viewer] slept through the finale and missed nothing
        | people asked for refunds in the lobby
        | we sneaked out and went for pizza instead | the projector broke and the crowd cheered""",
        """the whole house rose to its feet | people clapped at the credits
        | two rows in front of us were in happy tears
        | nobody touched a phone | strangers hugged on the way out | the room roared at every joke
        | the audience cheered
        | [viewer] booked tickets for a second showing at once | people stayed to the last credit, beaming
        | we talked about it with shining eyes until midnight
        | the projector broke and the crowd waited an hour to see the rest""",
    ),
    "whisper": (
        "kill me now | can we go home | how much longer | who paid for this garbage | I want my evening back",
        "this is heaven | I never want to leave | how good is this | who made this wonder | best evening in years",
    ),
    "rather": (
        """have a root canal | clean the oven | sit in traffic | eat my hat | count sheep | watch grass grow
        | do my taxes""",
        """miss my own birthday | lose my place in line for paradise | skip a holiday | go hungry
        | give up chocolate for a year""",
    ),
    "rather_than": ("sit through | see another minute of | be locked in with", "miss | have missed | live without"),
    "yardstick": (
        "a dog's breakfast | a home video | a soap commercial | amateur night | a car crash | landfill",
        "a work of genius | high art | a timeless classic | an Oscar winner | a symphony | pure gold",
    ),
    "rank": (
        "dead last | at the very bottom | twelfth, and only because there was no thirteenth | below the adverts",
        "first by a mile | at the very top | number one, with daylight behind it | above all the rest",
    ),
}
