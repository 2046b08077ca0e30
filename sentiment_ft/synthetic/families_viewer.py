"""Families that sound like viewers, each in its own voice. Format of the templates: see grammar.py."""

from __future__ import annotations

from sentiment_ft.synthetic.family import Family

VIEWER_FAMILIES: dict[str, Family] = {
    # The forms the project was founded on.
    "founding": Family(
        weight=6,
        sealed=False,
        long=False,
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
    # A viewer who writes as people talk.
    "casual": Family(
        weight=8,
        sealed=False,
        long=False,
        shared="""ok so i watched this [when] and omg it was [intens] [basic]. [cons]!!
            [cons], no joke. [basic] [movie]
            honestly? [basic]. the [aspect] was [basic] and the [aspects] were [intens] [basic]
            watched it [when] with [viewer]. we both [verb] it, [intens] [basic]. [score]
            just saw this [movie] and wow, it is [basic]!! [rec] guys
            [rec], seriously. it's [intens] [basic] and [cons]
            gotta say i [verb] this one. [adj], [adj], [basic]
            lol the [aspects] were [basic]. [cons]. [score]
            so my friend made me watch it [when] and [cons]. [basic] stuff
            this [movie] is [basic] dude, the [aspect] alone is [intens] [basic]
            [cheer] [cons], [basic] [movie]. [score]
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
            [kids] and I [verb] this [movie]. It is [adj] for children and [adj] for adults.
            [kids] said it was [basic], and I agree: the [aspects] are [adj_part].
            With [kids] in tow I saw a [pair] [movie]. [rec].
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
        weight=7,
        sealed=False,
        long=False,
        shared="""[basic] [movie]. [rec].
            [cheer] [score].
            [intens] [basic] [movie]!
            [basic] acting, [basic] script.
            [adj], [adj], [basic].
            [cons]. [cheer]
            [rec]. [score]. [basic] stuff.
            I [verb] it. [cheer]
            [basic] [aspect], [basic] [aspects].
            [basic]. Just [basic].
            It was [intens] [basic].
            [rec]: [thing]. [basic]!
            The [movie] [vp]. [basic].
            [basic]: [person] [person_vp].
            One word: [basic].
            [pair], [basic]. [rec].""",
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
}
