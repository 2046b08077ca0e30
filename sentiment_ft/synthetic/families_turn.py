"""Families in which the sentiment turns: contrast and negation. Format of the templates: see grammar.py."""

from __future__ import annotations

from sentiment_ft.synthetic.family import Family

TURN_FAMILIES: dict[str, Family] = {
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
            I have nothing good to say about this [movie].
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
            I have nothing bad to say about this [movie].
            I could not fault the [aspect] or the [aspects].""",
    ),
}
