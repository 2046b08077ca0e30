"""Whole sentences in the manner of newspaper critics, one side each. Format: see grammar.py.

They carry what single words cannot: irony, comparison, conditions, praise and blame by description.
"""

from __future__ import annotations

PRAISE = """
    [filmmaker] has found a way to make [topic] feel fresh and alive, and [person] is a big part of it.
    you laugh, you gasp, and an hour later you find that you are still thinking about it.
    here at last is a [genre] with brains, a heart and a sense of [bonus].
    a [genre] made with such care that every frame feels like a gift.
    it has the courage to be quiet, and the quiet moments are the ones that stay with you.
    [person] gives one of those performances that people will be talking about for years.
    it is the kind of [genre] that makes you want to call your friends as soon as it is over.
    seldom has [topic] been shown on the screen with so much [stuff].
    the laughs come easily, and so do the tears.
    it would be easy to make fun of [topic]; the [movie] does something harder and finds the people in it.
    what makes it work is [stuff], and there is a great deal of it.
    [filmmaker] knows when to hold back and when to let go, and the last half hour is a knockout.
    here is a [genre] that respects the intelligence of everyone who buys a ticket.
    whatever it lacks in polish, it more than makes up for in [stuff].
    it may not be a great [movie], but it is a very good one, and a [adj] one at that.
    you could do a lot worse than spend [length] in such [adj] company.
    even at [length], it never feels too long.
    though the story is as old as the hills, [filmmaker] tells it with [stuff] and [stuff].
    if it doesn't break new ground, it covers the old ground with real [stuff].
    a [genre] that wins over people who thought they had no time for the genre.
    by turns funny and sad, it is always [adj].
    there are scenes here of such [stuff] that you hold your breath.
    the best thing about it is that it never tries too hard.
    it is hard to resist a [movie] with this much [stuff].
    [person] and the rest of the cast are so good that you believe every word.
    the [movie] is like [fine_thing]: [adj], [adj] and over too soon.
    see it for the [aspect], and stay for the [aspects], which are [adj_part].
    it succeeds where so many others have failed, in making [topic] matter.
    it knows exactly what it wants to be, and does it with [stuff].
    [filmmaker] turns a simple idea into something rich and strange and [adj].
    one of those rare films where everything clicks.
    it earns a place beside the best films about [topic].
    an evening with these characters is time you will be glad you spent.
    the [aspect] alone is worth the price of admission.
    the more you think about it, the better it gets.
    it is a [movie] that grows on you, and by the final scene you are completely under its spell.
    it sneaks up on you, this [adj] little [movie], and before you know it you are wiping your eyes.
    fans of the genre will be in heaven, and everyone else will have a good time too.
    smart, funny and full of feeling, it is a reminder of what movies can do.
    just about the best [genre] you are likely to see this year.
    [filmmaker] keeps things moving, keeps us laughing and sends us home happy.
    it is the rare [remake] that improves on what came before.
    leaves the audience with a lump in the throat and a smile on the face.
    the camera loves [person], and so will you.
    the jokes are good, the songs are better, and the ending is perfect.
    it gives you a lot to think about and even more to enjoy.
    worth seeing for [person] alone, who [person_vp].
    not since the [era] has a [genre] been this much fun.
    it has been a long time since a [genre] made [topic] look so [adj].
    the film-makers clearly love their subject, and by the end so do we.
    makes [length] fly by like ten minutes.
    beneath the jokes lies a [adj] and surprisingly moving story about [topic].
    a [movie] of small moments, every one of them true.
    it delivers exactly what it promises: [stuff], [stuff] and a [adj] ending.
    the script crackles, the cast is having a ball, and so is the audience.
    what a pleasure it is to see a [genre] that takes its time and gets it right.
    for once, a [genre] that is about something and still manages to be fun.
    it is easy to see why this [movie] has won over crowds wherever it has been shown.
    few directors could have brought off such a difficult tale, and this one does it with [stuff].
    the images are so beautiful that you could hang them on a wall.
    you'll want to see it again as soon as the lights come up.
    you may have to see it twice to catch all the jokes, and you'll be glad to.
    will have you humming, laughing and reaching for a handkerchief.
    as good a [genre] as anyone has made in a decade.
    a [adj] [genre] that works on every level, and [adj] to the last shot.
    it hits the spot.
    it works, and works well, because [filmmaker] believes in these people.
    the rewards are many for those who stay with it.
    [filmmaker] is a talent to watch, and this [adj] first feature proves it.
    go for the laughs and you'll get them; stay for the story and you'll get [stuff] as well.
    this is one of the great ones.
    exactly the kind of [adj] entertainment that summer was made for.
    if you can see only one film about [topic], let it be this one.
    ultimately, what holds it together is the [adj] work of [person].
    it may be predictable, but it is predictable in the way a favourite song is, and just as welcome.
    it may be sentimental, but it earns its sentiment, and there wasn't a dry eye in the house.
    an intelligent, unhurried [genre] that pays the viewer back with interest.
"""

BLAME = """
    [filmmaker] has found a way to make [topic] feel stale and dead, and [person] is a big part of it.
    you sigh, you fidget, and an hour later you can't remember a thing about it.
    here is yet another [genre] with no brains, no heart and no sense of [bonus].
    a [genre] thrown together with so little care that every frame feels like an insult.
    it mistakes noise for excitement, and by the halfway mark you long for earplugs.
    [person] gives one of those performances that an agent should have prevented.
    it is the kind of [genre] that makes you want to call your friends and warn them.
    seldom has [topic] been shown on the screen with so much [stuff].
    the laughs are few, and most of them are not meant to be.
    it would be easy to feel something about [topic]; the [movie] makes sure that we don't.
    what sinks it is [stuff], and there is a great deal of it.
    [filmmaker] never knows when to stop, and the last half hour is a shambles.
    here is a [genre] that holds the intelligence of its audience in contempt.
    whatever it has in polish, it more than loses in [stuff].
    it may not be the worst [movie] of the year, but it is a very bad one, and a [adj] one at that.
    you could do a lot better than spend [length] in such [adj] company.
    at [length], it feels like a week.
    the story is as old as the hills, and [filmmaker] tells it with [stuff] and [stuff].
    it doesn't break new ground; it just digs itself a deeper hole.
    a [genre] for people who will watch anything.
    by turns silly and grim, it is always [adj].
    there are scenes here of such [stuff] that you hide your face in your hands.
    the worst thing about it is how hard it tries.
    it is hard to forgive a [movie] with this much [stuff].
    [person] and the rest of the cast look as though they would rather be somewhere else.
    the [movie] is like [dull_thing]: [adj], [adj] and much too long.
    come for the [aspect], and leave because of the [aspects], which are [adj_part].
    it fails where so many others have succeeded, in making [topic] matter.
    it has no idea what it wants to be, and does it with [stuff].
    [filmmaker] turns a simple idea into something loud and empty and [adj].
    one of those films where nothing clicks.
    it earns a place among the worst films about [topic].
    an evening with these characters is time you will wish you had back.
    the [aspect] alone is reason enough to stay at home.
    the more you think about it, the less sense it makes.
    it is a [movie] that wears you down, and by the final scene you are praying for the credits.
    it creeps along, this [adj] little [movie], and before you know it you are fast asleep.
    fans of the genre will be let down, and everyone else will wonder what the fuss was about.
    dumb, dull and empty of feeling, it is a reminder of how bad movies can get.
    just about the worst [genre] you are likely to see this year.
    [filmmaker] pads things out, leaves us yawning and sends us home angry.
    it is one more [remake] that nobody asked for.
    leaves the audience with a headache and a hole in the wallet.
    [person] tries hard, but there is no character there to play.
    the jokes are bad, the songs are worse, and the ending is a cheat.
    it gives you little to think about and even less to enjoy.
    not worth seeing even for [person], who [person_vp].
    not since the [era] has a [genre] been this much of a chore.
    it has been a long time since a [genre] made [topic] look so [adj].
    the film-makers clearly have no interest in their subject, and by the end neither do we.
    makes ten minutes feel like [length].
    beneath the noise lies a [adj] and surprisingly empty story about nothing much.
    a [movie] of big speeches, every one of them false.
    it delivers none of what it promises: [stuff], [stuff] and a [adj] ending is all you get.
    the script creaks, the cast is going through the motions, and the audience is looking for the door.
    what a pity to see a [genre] rush through everything and get it wrong.
    once again, a [genre] that is about nothing and still manages to be dull.
    it is easy to see why this [movie] sat on the shelf for two years.
    few directors could have made such an easy tale so tiresome, and this one does it with [stuff].
    the images are so murky that you can hardly tell who is who.
    you'll want your money back as soon as the lights come up.
    you won't have to see it twice to hate it; once is more than enough.
    will have you squirming, groaning and reaching for your coat.
    as bad a [genre] as anyone has made in a decade.
    a [adj] [genre] that works on no level, and [adj] to the last shot.
    it misses the mark.
    it doesn't work, and never could, because [filmmaker] doesn't believe in these people.
    there is no reward for those who stay with it.
    [filmmaker] may have talent, but this [adj] first feature hides it well.
    go for the laughs and you won't get any; stay for the story and all you get is [stuff].
    this is one of the truly bad ones.
    exactly the kind of [adj] product that gives summer movies a bad name.
    if you have to skip one film about [topic], let it be this one.
    ultimately, what kills it is the [adj] work of [person].
    too slow to be exciting, too silly to be moving.
    all style and no substance.
    we have seen it all before, and we have seen it done better.
    a lot of effort has gone into this [genre], and none of it shows on the screen.
    it all adds up to very little.
    it's a shame that so many good actors are stuck in something so [adj].
    the plot has more holes than a sieve, and the [aspect] is no better.
    there may be a good [movie] buried somewhere in here, but [filmmaker] never finds it.
    it tries to be [!adj] and only succeeds in being [adj].
    it is so busy being clever that it forgets to tell a story.
    what should have been a romp turns into a slog.
"""
