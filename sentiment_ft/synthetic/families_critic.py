"""Families that sound like newspaper critics. Format of the templates: see grammar.py."""

from __future__ import annotations

from sentiment_ft.synthetic.family import Family

CRITIC_FAMILIES: dict[str, Family] = {
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
        positive="""[filmmaker] looks at [topic] through the eyes of [hero].
            a [genre] about [topic], set in the [decade] and told by [hero].
            part [genre] and part study of [topic], with [hero] at its centre.
            the story of [hero] who [deed], and of what follows.
            on its surface a [genre], the [movie] is at heart about [topic].
            [hero] [deed], and [topic] is seen as if for the first time.
            it asks what [topic] does to people, and lets [hero] find an answer.
            the [movie] has all the [fade] of [fine_thing].
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
        weight=10,
        long=False,
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
        positive="""a portrait of [topic] as seen by [hero]
            a look at [topic] from the inside
            a tale of [topic] set in the [decade]
            a journey into [topic] with [hero]
            equal parts [stuff] and [stuff]
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
    # Several sentences, the long tail of lengths comes from here.
    "essay": Family(
        weight=4,
        shared="""[context] [plot] [line] [line] [cons].
            [line] [line] [plot] It [vp].
            [context] [plot] The [aspect] is [adj_part]. [person] [person_vp]. All in all it is [thing].
            [plot] [filmmaker] has made a [adj] [genre], full of [stuff]. The [aspects] are [adj_part]. [cons].
            [context] The [movie] [vp]. It is [adj], [mild] and [adv] [made], and [cons]. [rec].""",
    ),
}
