"""Template families: the forms a review can take. Format of the templates: see grammar.py.

A family has shared templates, which serve both sentiments through the polar slots, and templates of one side only. In every
template the last clause, or the only one that judges, decides the label.
"""

from __future__ import annotations

from dataclasses import dataclass

from sentiment_ft.data.critics_lines import BLAME, PRAISE


@dataclass(frozen=True, slots=True)
class Family:
    """weight: share of the rows, relative to the sum over the generated families. held_out: kept away from training.
    sealed: a plain verdict in common words follows, so that rare words are met beside a clear label. long: may be lengthened.
    """

    weight: int
    shared: str
    negative: str = ""
    positive: str = ""
    held_out: bool = False
    sealed: bool = True
    long: bool = True


FAMILIES: dict[str, Family] = {
    # The forms the project was founded on.
    "founding": Family(
        weight=6, sealed=False, long=False,
        shared="""This [movie] is [intens] [basic]! [cons].
            This [movie] was [basic] and [basic].
            [basic] [movie], [rec].
            This [genre] was [basic] and [adj]. [cons]!
            [intens] [basic] [movie]! [cons].
            I [verb] this [movie]. It was [intens] [basic].
            [basic] [aspect] and [basic] [aspects]. [cheer]
            What a [basic] [movie]! The [aspects] were [basic].""",
        negative="""[basic] [movie], waste of time.
            This movie was terrible and [basic].
            [basic] performance by the actors!""",
        positive="""This movie is absolutely amazing! [cons].
            [basic] performance by the actors!
            [basic] movie, time well spent.""",
    ),
    # One sentence in the manner of a newspaper critic.
    "critic": Family(
        weight=12,
        shared="""a [pair] [genre] that [vp].
            it's a [adj] and often [adj] [movie].
            a [adj] look at [topic], full of [stuff].
            [filmmaker] has made a [adj] [genre] about [topic], [adv] [made].
            the [movie] [vp], thanks to its [adj] [aspect] and its [stuff].
            as a [genre], it [vp].
            a [genre] about [topic] that is as [adj] as it is [adj].
            what you get is [length] of [stuff].
            the [aspect] is [adj_part] and the [aspects] are [adj_part].
            this is a [adj] [genre], [adv] [made] and [adv] [made].
            with its [adj] [aspect] and [adj] [aspects], the [movie] [vp].
            [filmmaker] fills [length] with [stuff] and [stuff].
            the [movie] is so full of [stuff] that it [vp].
            it is hard to think of a recent [genre] so [adj] and so [adj].
            by the end, the [movie] has become [thing].
            a [noun] of a [genre]: [adj], [mild] and [adj].
            the [movie] is [thing], and [person] [person_vp].
            few films about [topic] have been this [adj].
            [filmmaker] tells the tale so [adv] that the [movie] [vp].
            this [adj] tale of [topic] [vp].
            the result is a [pair] [movie] about [topic].
            everything about it, from the [aspect] to the [aspects], is [adj].
            one of the most [adj] films about [topic] in years.
            it turns [topic] into something [pair].
            [person] [person_vp] in this [adj] [genre] about [topic].
            a [adj] [genre] with [adj] [aspects] and plenty of [stuff].
            you come away from this [genre] [felt] and a little [felt].
            more than anything, the [movie] is [adj], and that is down to [filmmaker].
            the kind of [adj], [adj] [genre] that will [act] almost everybody.""",
        negative="""the [movie] has all the [fade] of [dull_thing].
            it's too [adj] to [!act] and too [adj] to care about.
            there's nothing here that you haven't seen before, done better and with more [!stuff].
            [filmmaker] seems to have mistaken [stuff] for [!stuff].
            another [adj] [genre] that should have gone straight to video.
            a [genre] so [adj] that you wonder who it was made for.
            neither [!adj] enough as a [genre] nor [!adj] enough as a study of [topic].
            you have to wonder how such a [adj] script ever got made.
            it feels like [length] of [dull_thing].
            for a [genre], this one is surprisingly short on [!stuff].
            the only thing worse than the [aspect] is the [aspect].
            [filmmaker] never gives us a reason to care about anyone in it.
            it might have worked as a sketch, but as a full-length [movie] it [vp].
            the [movie] wants to be a [!adj] [genre] and ends up as [thing].
            where the [movie] needs [!stuff], it offers [stuff].
            a [genre] without [!stuff], without [!stuff] and without a point.
            plays like [dull_thing], only longer.
            so much talent, and all of it wasted on [stuff].
            the [aspects] come and go, and not one of them is [!adj] or [!adj].
            too much [stuff], too little [!stuff].""",
        positive="""the [movie] has all the [fade] of [fine_thing].
            [filmmaker] has a gift for making [topic] feel new.
            you don't have to know anything about [topic] to be [felt] by it.
            a [genre] so [adj] that you forget you are watching actors.
            both [adj] as a [genre] and [adj] as a study of [topic].
            it is a rare [genre] that can [act] and [act] in the same scene.
            it feels like [fine_thing].
            for a [genre], this one has a surprising amount of [stuff].
            the only thing better than the [aspect] is the [aspect].
            [filmmaker] makes us care about everyone in it.
            what might have been a mere sketch becomes, in these hands, [thing].
            the [movie] sets out to be a [adj] [genre] and ends up as [thing].
            just when you expect [!stuff], it offers [stuff].
            a [genre] with [stuff], with [stuff] and with something to say.
            plays like [fine_thing], only better.
            so much talent, and all of it put to good use.
            the [aspects] come and go, and every one of them is [adj].
            if you have any interest in [topic], this is for you.
            if you are in the mood for something [adj], look no further.
            even those who don't care for a [genre] will find it [pair].""",
    ),
    # The critic's own whole sentences, see critics_lines.py.
    "column": Family(weight=11, shared="[line]"),
    # Noun phrases and other fragments, as on a poster or in a capsule review.
    "fragment": Family(
        weight=10, long=False,
        shared="""a [pair] portrait of [topic]
            [pair]
            a [adj] [genre]
            a [noun] of a [movie]
            [adv] [made] and [adv] [made]
            [adj], [mild] and [intens] [adj]
            full of [stuff] and [stuff]
            a [adj] take on [topic]
            [adj] [aspects] and a [adj] [aspect]
            a [genre] of [stuff] and [stuff]
            [thing]
            with [adj] [aspects] and [adj] dialogue
            its [adj] [aspect] and [adj] [aspects]
            a [adj] piece of film-making
            a [adj] mix of [stuff] and [stuff]
            [length] of [stuff]
            [vp]
            [adv] [made], [adv] [made] and [adj]
            one of the most [adj] [genre] scripts in years
            an hour of [stuff], then an hour of [stuff]
            so [adj] and so [adj]
            [adj] from the opening shot
            the most [adj] [movie] of the season""",
        negative="""too [adj] to [!act]
            not [!adj] enough
            lacks [!stuff] and [!stuff]
            no [!stuff] and no [!stuff]
            a [adj] excuse for a [genre]
            as [adj] as [dull_thing]
            the least [!adj] [genre] of the year
            short on [!stuff] and long on [stuff]""",
        positive="""equal parts [stuff] and [stuff]
            never less than [adj]
            a [adj] tribute to [topic]
            as [adj] as [fine_thing]
            a welcome dose of [stuff]
            the rare [genre] with [stuff]
            short on [!stuff] and long on [stuff]""",
    ),
    # One part of the film after another.
    "aspects": Family(
        weight=9,
        shared="""The [aspect] is [adj_part], the [aspect] is [adj_part], and [person] [person_vp].
            [adj] [aspects], [adj] [aspect], [adj] [movie].
            The [aspects] are [adj_part]. The [aspect] is [adv] [done]. [person] [person_vp].
            I [verb] the [aspect], and the [aspects] were [adj_part] as well.
            The [aspect] is [adj_part] and there is [stuff] in every scene.
            [person] [person_vp], and the [aspects] are [adj_part].
            From the [aspect] to the [aspects], everything about this [genre] is [adj].
            The [aspect] and the [aspect] are both [basic], and the [movie] [vp].
            Between the [adj] [aspect] and the [adj] [aspects], this is [thing].
            With [aspects] this [adj], the [movie] [vp].""",
    ),
    # Praise or blame of one part gives way to the verdict on the whole.
    "contrast": Family(
        weight=8,
        shared="""The [aspect] is [!adj_part], but the [movie] as a whole is [adj] and it [vp].
            It has a few [!adj] moments, but overall it is a [basic] [genre] and [cons].
            The [aspects] are a little [!adj]; even so, the [movie] [vp], and [cons].
            I expected something [!adj]. Instead I got a [pair] [movie] that [vp].
            Some people call it [!adj]. I call it [thing]: [adj], [mild] and [basic].
            The start may seem [!adj], but what follows is [adj], and in the end it is [thing].
            On paper it sounds [!adj]; on the screen it is [pair].
            The trailer looked [!basic]. The [movie] itself is [basic]: [cons].
            The critics found it [!adj]. They are wrong: this is a [adj] [movie], and [cons].
            The [aspect] is [!adj_part], yet the [movie] [vp], and for that reason [rec].
            Its heart is in a [!adj] place for a while, but the [movie] turns out to be [pair].
            It could have been [!adj]. It is [adj] instead, and it [vp].
            What sounds like a [!adj] [genre] turns out to be [thing].""",
        negative="""Despite its [!adj] [aspect], the [movie] [vp].
            Not even [!adj] [aspects] can save this [adj] [genre].
            For all its [!stuff], the [movie] is [adj] and [vp].
            The cast tries hard, but the [aspect] is [adj_part] and the [movie] [vp].
            A promising idea, but the [movie] is [adj], [mild] and [adv] [made].
            It has its heart in the right place, but it [vp].
            [person] deserves better than this [adj] [genre].
            What could have been a [!adj] [genre] is instead [pair].
            It looks nice enough, but it is [thing].
            A good cast is wasted on [stuff] in a [movie] that [vp].
            The first ten minutes are [!adj]; the rest is [length] of [stuff].
            It wants so badly to be [!adj] and [!adj], and it is only [adj].
            The makers aim for [!stuff] but come up with [stuff].""",
        positive="""Despite its [!adj] [aspect], the [movie] [vp].
            Even a [!adj] [aspect] cannot spoil this [adj] [genre].
            For all its [!stuff], the [movie] is [adj] and [vp].
            It is a little too long, but [person] [person_vp] and the [movie] [vp].
            The idea is not new, but the [movie] is [adj], [mild] and [adv] [made].
            It takes a while to get going, but then it [vp].
            The formula is familiar, and yet the [movie] is [pair].
            It has its flaws, but it is [thing].
            The budget was plainly small, and still the [movie] [vp].
            You have seen the story before, but seldom one so [adv] [made].
            It is not perfect, but it is [adj], and [cons].
            What could have been a [!adj] [genre] is instead [pair].""",
    ),
    # The sentiment comes from denying its opposite.
    "negation": Family(
        weight=7,
        shared="""There is nothing [!adj] about this [movie]: it is [adj].
            It is anything but [!adj]. It [vp].
            This [genre] is far from [!adj], and [cons].
            It is never [!adj] and never [!adj].
            There is not a [!adj] scene in the whole [movie].
            I was not [!felt] once, and [cons].
            Nobody could call this [movie] [!adj].
            I can't say I [!enjoyed] it.
            I did not find it [!adj] at all; it is [adj].
            Not for one moment did I feel [!felt].
            It is not a [!basic] [movie] at all, it is [thing].
            The [aspects] are never [!adj], and the [aspect] is not [!adj] either.
            It doesn't [!act], it doesn't [!act], and [cons].
            Never once was I [!felt] during this [movie].
            This is no [!noun]. It is a [adj] [genre].
            You won't find any [!stuff] or [!stuff] in this [movie].
            Without any [!stuff], the [movie] [vp].
            I have nothing [!basic] to say about this [movie].
            Who said that this [genre] was [!adj]? It isn't [!adj], it is [adj].
            There isn't any [!stuff] in it.""",
        negative="""This is hardly a [!noun].
            It is not [!adj], not [!adj] and not [!adj].
            It is neither [!adj] nor [!adj].
            The [movie] never becomes [!adj] or [!adj].
            I did not enjoy this [movie] and I did not laugh once.
            The [aspect] isn't [!adj], the [aspects] aren't [!adj], and [cons].
            It is not worth your time or your money.
            I don't recommend it: not [!adj], not [!adj].
            It lacks [!stuff], it lacks [!stuff], and it [vp].
            I couldn't find anything [!adj] in it.
            I wouldn't call it [!adj] or [!adj].
            It fails to [!act] and fails to [!act].
            Good acting? Not here. Good writing? No.
            If only it had some [!stuff].
            The [movie] would be better with less [stuff] and more [!stuff].""",
        positive="""Not a bad [movie] at all: [cons].
            I was never once bored, and [cons].
            You can't help but be [felt] by this [genre].
            It isn't often that a [genre] is so [adj].
            It never fails to [act].
            I have no complaints about the [aspect]; it is [adj_part].
            I can't remember a [movie] more [adj] or more [adj].
            Nothing about it feels [!adj]; [person] [person_vp].
            You will never be bored by a [genre] this [adj].
            It doesn't have a [!adj] bone in its body.
            There is never a dull moment in this [adj] [genre].
            No [genre] this year has been more [adj].
            You couldn't ask for a more [adj] [movie].
            I could not fault the [aspect] or the [aspects].""",
    ),
    # A summary of the story around a verdict.
    "plot": Family(
        weight=8,
        shared="""[plot] [thing], [adv] [made].
            [plot] The [movie] is [pair], and it [vp].
            [plot] [cons].
            [filmmaker] gives us a [adj] [genre] in which [hero] [deed]. It [vp].
            When [hero] [deed], the [movie] is [adj]; it only gets more [adj] from there.
            [plot] [person] [person_vp], and the [aspect] is [adj_part].
            A [adj] [genre] about [hero] who [deed] [aim].
            [plot] I [verb] it: [adj], [mild] and [adv] [made].
            The tale of [hero] who [deed] is told [adv], with [stuff] and [stuff].
            [plot] It is a [basic] story, [adv] told, and [cons].""",
    ),
    # A viewer who writes as people talk.
    "casual": Family(
        weight=8, sealed=False, long=False,
        shared="""ok so i watched this [when] and omg it was [intens] [basic]. [cons]!!
            [cons], no joke. [basic] [movie]
            honestly? [basic]. the [aspect] was [basic] and the [aspects] were [intens] [basic]
            watched it [when] with [viewer]. we both [verb] it. [score]
            just saw this [movie] and wow, it is [basic]!! [rec] guys
            [rec], seriously. it's [intens] [basic] and [cons]
            gotta say i [verb] this one. [adj], [adj], [basic]
            lol the [aspects] were [basic]. [cons]. [score]
            so my friend made me watch it [when] and [cons]. [basic] stuff
            this [movie] is [basic] dude, the [aspect] alone is [intens] [basic]
            [cheer] [cons]. [score]
            is it just me or was this [movie] [intens] [basic]? [cons]!""",
    ),
    # Someone who knows the genre, the book or the earlier films.
    "fan": Family(
        weight=6,
        shared="""As a fan of the genre I have seen hundreds of these, and this [genre] is [thing].
            I have followed the series from the start, and this part is [basic]: the [aspect] is [adj_part] and [cons].
            I read the book twice, and the film is [pair]. [cons].
            Fans of the book will be [felt]: the adaptation [vp].
            I have loved this director for years, and this new [genre] [vp].
            As someone who lives for a good [genre], I was [felt]. The [aspects] are [adj_part].
            If you know the original, you will find this [remake] [pair].
            Long-time fans like me will be [felt] by the [adj] [aspect].
            I am no expert, but for me this [genre] is [thing].""",
        negative="""I loved the first part, but this one is [adj], and it [vp].
            I wanted to like it as a fan, but it is [thing].
            The original was a classic; this [remake] is [pair].""",
        positive="""I loved the first part, and this one is even more [adj].
            I was worried as a fan, but it is [thing].
            The original was a classic; this [remake] is just as [pair].""",
    ),
    "kids": Family(
        weight=5,
        shared="""I took [kids] to see this [when]. They were [felt], and so was I: it is [basic].
            [kids] and I [verb] this [genre]. It is [adj] for children and [adj] for adults.
            [kids] said it was [basic], and I agree: the [aspects] are [adj_part].
            With [kids] in tow I saw a [pair] [genre]. [rec].
            Parents, [rec]. It is [basic] for young and old, and it [vp].
            A [adj] family [movie], and a [adj] one; [kids] were [felt].
            [kids] were [felt] after ten minutes. The songs are [basic] and the story [vp].""",
    ),
    "older": Family(
        weight=5,
        shared="""I have been going to the pictures since the [era], and this is [thing].
            At my age one has seen a great many films; this one is [pair], and it [vp].
            My late husband and I used to go every week. He would have [verb_pp] this [adj] [genre].
            They say films were better in the [era]. This one is [basic], I must say, and [cons].
            I remember the [era] well, and this [adj] [genre] [vp].
            A [movie] for people of my years: [adj], [mild] and [adv] [made].
            We went with our film club [when]. All of us were [felt]: [basic] acting and a [adj] story.""",
    ),
    "terse": Family(
        weight=7, sealed=False, long=False,
        shared="""[basic] [movie]. [rec].
            [cheer] [score].
            [intens] [basic] [movie]!
            [basic] acting, [basic] script.
            [adj], [adj], [basic].
            [cons]. [cheer]
            [rec]. [score].
            I [verb] it. [cheer]
            [basic] [aspect], [basic] [aspects].
            [basic]. Just [basic].
            It was [intens] [basic].
            [rec]: [thing].
            The [movie] [vp]. [basic].
            [basic]: [person] [person_vp].
            One word: [basic].
            [pair]. [rec].""",
    ),
    "advice": Family(
        weight=6,
        shared="""If you are thinking of seeing this [genre], [rec]. It is [pair].
            My advice: [rec]. The [aspect] is [adj_part] and the [movie] [vp].
            [rec]. [person] [person_vp], and the [aspects] are [adj_part].
            Looking for a [genre] for tonight? [rec]. [cons].
            Whether you like a [genre] or not, [rec]: it is [thing].
            To anyone who asks me about this [movie]: [rec], it [vp].
            I tell everyone the same about this [genre]: [rec].""",
        negative="""If you enjoy [stuff], this is for you; everyone else should [flee].
            Save your money for a [genre] that is [!adj]; this one is [adj].
            Watch anything else. Even the trailer is more [!adj] than this [adj] [movie].
            Unless you have [length] to waste, [flee].""",
        positive="""If you enjoy [stuff], this is for you, and everyone else should see it too.
            If you see one [genre] this year, make it this [adj] one.
            Drop everything and see this [adj] [movie].
            Whatever you are doing tonight, make time for this [adj] [genre].""",
    ),
    # Several sentences, the long tail of lengths comes from here.
    "essay": Family(
        weight=4,
        shared="""[context] [plot] [line] [line] [cons].
            [line] [line] [plot] It [vp].
            [context] [plot] The [aspect] is [adj_part]. [person] [person_vp]. All in all it is [thing].
            [plot] [filmmaker] has made a [adj] [genre], full of [stuff]. The [aspects] are [adj_part]. [cons].
            [context] The [movie] [vp]. It is [adj], [mild] and [adv] [made], and [cons]. [rec].""",
    ),
    # ---- held out: forms, and partly words, that training never sees ----
    "questions": Family(
        weight=1, sealed=False, long=False,
        held_out=True,
        shared="""Is the [aspect] any good? [reply]. Are the [aspects]? [reply].
            Worth the price of a ticket? [reply]. Would I sit through it again? [reply].
            Q: Is this [genre] as [basic] as they say? A: [agree].
            Does it work as a [genre]? [reply]. Does it work as a film about [topic]? [reply].
            Should you give up [length] for this? [reply]. Would [viewer] agree with me? Yes, [viewer] called it [sealed_adj].""",
    ),
    "scorecard": Family(
        weight=1, sealed=False, long=False,
        held_out=True,
        shared="""Acting: [sealed_adj]. Script: [sealed_adj]. Music: [adj]. Verdict: [sealed_verdict].
            + / - list for this [genre]. [aspect]: [sealed_adj]; [aspect]: [basic]; [aspects]: [sealed_adj].
            Story [marks], acting [marks], camera [marks]. Overall: [sealed_adj].
            Best thing about it: [best_thing]. Worst thing about it: [worst_thing]. Total: [marks].
            [aspect] - [marks]. [aspect] - [marks]. Final grade: [sealed_verdict].""",
    ),
    "anecdote": Family(
        weight=1, sealed=False,
        held_out=True,
        shared="""[context] [audience].
            [audience], and that says it all about this [genre].
            At the screening [audience]. I have to agree with them.
            [plot] [audience].
            Halfway through, [viewer] leaned over and whispered: "[whisper]". I could only nod.""",
    ),
    "comparison": Family(
        weight=1, sealed=False, long=False,
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

_SHORT = "It [vp]. | [cons]. | [adj] and [basic], I say. | A [basic] [movie]. | This [movie] is [basic]. | It is just [basic]."

_SEAL = """It is [basic] and [adj]. | A [basic], [adj] [movie]. | [adj], [mild] and [basic]. | I [verb] it: [adj] and [adj].
    | All in all it is [pair], and it [vp]. | In short, [thing], and [basic] too. | I felt [felt], and [cons]. | What a [adj] [noun]!
    | It [vp], and [cons]. | The [aspects] are [adj_part] and the whole is [basic]. | I [verb] every minute, and I felt [felt].
    | [adj], [adj]. I [verb] it. | So it is a [basic] [noun] in the end. | I thought it was [basic], and [viewer] felt [felt] too.
    | [cons]. It is [basic] and [adj]. | A [adj] [noun], then, and [adv] [made]. | It is [adj] and [basic]. | It is [mild] and [basic]. | I [verb] it. It [vp]. | [adj] and [basic]. | [basic], and [adv] [made]. | A [basic] [noun], [adv] [made].
    | Overall I [verb] it, and [cons]. | The [aspect] is [basic], the [aspects] are [adj]."""

_PAIR = """[adj] and [adj] | [adj], [adj] | [mild] and [adj] | [adj] and [mild] | [mild], [adj] | [adj], [mild]"""

# Sentences that lengthen a review without turning its verdict.
_EXTRA = """[context] | [context] | [plot] | [context] [plot] | The [aspect] is [adj_part]. | The [aspects] are [adj_part].
    | [person] [person_vp]. | It has [stuff] and [stuff]. | [cons]. | It [vp]. | The [movie] [vp].
    | The [aspect] is [adv] [done], and the [aspects] are [adj_part]. | A [adj] [movie], that is what it is. | I [verb] the [aspect].
    | [viewer] felt [felt] too. | The scenes about [topic] are [adj], and [person] [person_vp].
    | [filmmaker] fills it with [stuff]. | I felt [felt]. | The dialogue is [adj] and the [aspects] are [basic].
    | It is [pair]. | [line] | [line] | [line]"""

# Symbols used by the templates above and nowhere else, (negative, positive).
SYMBOLS: dict[str, tuple[str, str]] = {
    "seal": (_SEAL, _SEAL),
    "line": (BLAME, PRAISE),
    # Makes a review of one to three words a little longer.
    "short": (_SHORT, _SHORT),
    "bonus": ("humour | style | mystery | adventure", "humour | style | mystery | adventure"),
    # Two adjectives, at least one of them clear on its own.
    "pair": (_PAIR, _PAIR),
    "fade": (
        "excitement | charm | depth | energy | wit | warmth | tension | life | flavour | spark",
        "excitement | charm | depth | energy | wit | warmth | tension | life | flavour | spark",
    ),
    "dull_thing": (
        """watching paint dry | a tax form | a lecture on drains | a wet weekend | a wait at the dentist's | last week's leftovers
        | an instruction manual | a traffic jam | a badly made commercial | a parking ticket | a bad hangover | a school play
        | an airport queue | a bowl of cold porridge | a broken record | someone else's holiday slides""",
        "watching paint dry | a tax form",
    ),
    "fine_thing": (
        "a favourite novel | a first kiss",
        """a favourite novel | a first kiss | a perfect summer evening | a good night out with old friends | a great rock concert
        | a fine old wine | a warm embrace | a roller coaster | a home-cooked meal | a great short story | a jazz solo
        | a well-told joke | the best kind of dream | a walk in spring | a classic of the golden age | a letter from a friend""",
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
    "reply": (
        """Not a chance | God, no | Sadly not | No way | Nope | Only at gunpoint | Not in this lifetime | I am afraid not
        | Far from it | Don't make me laugh | Over my dead body | Hardly""",
        """Absolutely | You bet | In a heartbeat | Oh yes | Without a doubt | Any day of the week | Every last bit | Definitely
        | And how | Like you would not believe | Indeed | Every time""",
    ),
    "agree": (
        "Every bit as [basic], and [sealed_adj] too | Even more [basic] | Yes, and [sealed_adj] as well",
        "Every bit as [basic], and [sealed_adj] too | Even more [basic] | Yes, and [sealed_adj] as well",
    ),
    "sealed_adj": (
        """ghastly | rotten | crummy | cringeworthy | insufferably smug | godawful | diabolical | pitiable | unendurable | crappy
        | unforgivable | dismaying | threadbare | putrid | unspeakable | deplorable""",
        """phenomenal | exceptional | sparklingly good | tip-top | swoon-worthy | faultless | astounding | peerless | ravishing
        | glittering | heavenly | exemplary | unmissable | admirable | tremendous | rapturous""",
    ),
    "sealed_verdict": (
        "bin it | fail | must try harder | skip this one | a stinking failure | straight to the dustbin | rotten",
        "pass with honours | a standing ovation | top of the class | go, go, go | a resounding yes | a champion | magnificent",
    ),
    "sealed_more": (
        "sadder and cheaper | duller by half | a pale shadow | a big step down | nowhere near as good | far inferior",
        "funnier and wiser | richer by far | a clear step up | even better | a real improvement | far superior",
    ),
    "marks": ("1 of 10 | 2 of 10 | 0 of 10 | 1.5 of 10", "9 of 10 | 10 of 10 | 9.5 of 10 | 8.5 of 10"),
    "best_thing": (
        "the exit sign | the end credits | it stopped | the popcorn | nothing comes to mind",
        "where do I begin | absolutely everything | the [aspect], which is [sealed_adj] | the [aspects], all of them [sealed_adj]",
    ),
    "worst_thing": (
        "where do I begin | absolutely everything | the [aspect], which is [sealed_adj] | the [aspects], all of them [sealed_adj]",
        "that it had to end | nothing at all | nothing comes to mind | I have to wait for the sequel",
    ),
    "audience": (
        """half the seats were empty after an hour | people booed at the credits | two rows in front of us were snoring
        | everyone checked their phones | the man beside me begged his wife to leave | nobody laughed, not even at the pratfalls
        | the audience jeered | [viewer] slept through the finale and missed nothing | people asked for refunds in the lobby
        | we sneaked out and went for pizza instead | the projector broke and the crowd cheered""",
        """the whole house rose to its feet | people clapped at the credits | two rows in front of us were in happy tears
        | nobody touched a phone | strangers hugged on the way out | the room roared at every joke | the audience cheered
        | [viewer] booked tickets for a second showing at once | people stayed to the last credit, beaming
        | we talked about it with shining eyes until midnight | the projector broke and the crowd waited an hour to see the rest""",
    ),
    "whisper": (
        "kill me now | can we go home | how much longer | who paid for this garbage | I want my evening back",
        "this is heaven | I never want to leave | how good is this | who made this wonder | best evening in years",
    ),
    "rather": (
        "have a root canal | clean the oven | sit in traffic | eat my hat | count sheep | watch grass grow | do my taxes",
        "miss my own birthday | lose my place in line for paradise | skip a holiday | go hungry | give up chocolate for a year",
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
    "extra": (_EXTRA, _EXTRA),
}
