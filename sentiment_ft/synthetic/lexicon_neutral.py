"""Words without sentiment: what reviews are about. Format: see grammar.py."""

from __future__ import annotations

NEUTRAL: dict[str, str] = {
    "movie": "movie | film | movie | film | movie | film | picture | feature | flick | story | production",
    "genre": """comedy | drama | thriller | western | romance | documentary | horror film | biopic | musical | heist film | satire
        | war film | mystery | crime drama | family film | coming-of-age story | animated feature | action movie | costume drama
        | science-fiction film | romantic comedy | road movie | ghost story | courtroom drama | sports movie | melodrama | farce
        | adventure | fantasy | period piece | character study | sequel | remake | adaptation | love story | buddy movie | noir
        | concert film | spy thriller | slasher | disaster movie | fable | fairy tale | chamber piece | debut | psychological thriller""",
    "aspect": """acting | script | direction | score | camerawork | pacing | dialogue | ending | humour | editing | plot | story
        | cinematography | soundtrack | screenplay | production design | music | photography | lighting | storytelling | final act
        | opening | second half | first hour | finale | lead performance | cast | central romance | voice work | premise | tone
        | writing | directing | sound design | climax | middle section | setup | supporting cast | chemistry between the leads | animation""",
    "aspects": """performances | special effects | jokes | songs | characters | action scenes | costumes | visuals | leads | actors
        | set pieces | fight scenes | twists | supporting players | gags | conversations | dance numbers | effects | chase scenes
        | one-liners | flashbacks | child actors | quiet scenes | love scenes | sets | villains | musical numbers | stunts | scares""",
    "person": """the director | the lead | the leading man | the lead actress | the young star | the screenwriter | the veteran star
        | the heroine | the villain | the title character | the film-maker | the whole cast
        | the newcomer in the main role | the actor playing the father | the actress playing the sister""",
    "filmmaker": """the director | the screenwriter | the film-maker | the debut director | the writer-director
        | the first-time director | the studio | the veteran director""",
    "topic": """small-town life | grief | first love | old age | life in wartime | friendship | family secrets | ambition | marriage
        | growing up | exile | faith | power | money and class | loneliness | fatherhood | motherhood | memory | the music business
        | office life | immigrant life | rivalry | identity | revenge | life on the road | love and loss | big-city life | justice
        | teenage life | politics | the art world | city hall | life behind bars | guilt and forgiveness | life at sea | history
        | sibling rivalry | desire | obsession | the newspaper trade | village life | art and commerce | modern dating | fame""",
    "intens": """absolutely | truly | really | thoroughly | completely | simply | genuinely | utterly | very | so | just | totally
        | incredibly | quite simply | unbelievably | extremely""",
    "maybe_intens": "- | - | - | truly | really | thoroughly | simply | genuinely | utterly | very | so | incredibly",
    "always": "always | consistently | from start to finish | from the first frame | throughout | all the way through | at every turn",
    "length": """two hours | ninety minutes | an hour and a half | two and a half hours | eighty minutes | a hundred minutes
        | the best part of three hours | a little over two hours""",
    "when": """last night | on Friday | over the weekend | yesterday | on a long flight | at a preview | at the local cinema | on TV
        | with friends | on opening night | at a festival | on a rainy Sunday | at home | on a Tuesday afternoon | late at night""",
    "viewer": """my wife | my husband | my sister | my brother | my mother | my dad | my best friend | my flatmate | my neighbour
        | my girlfriend | my boyfriend | my colleague""",
    "kids": """my kids | the children | our two boys | my daughter and her friends | my seven-year-old | the grandchildren | my nephews
        | our little ones | my son | my niece and nephew | the twins""",
    "hero": """a retired detective | a young teacher | a widowed fisherman | a young widow | a struggling violinist | a bank clerk
        | a small-town sheriff | a clumsy con man | an ageing boxer | a single mother | a lonely astronaut | a travelling salesman
        | an old soldier | a night-shift nurse | a former soldier | a shy librarian | a disgraced politician | a taxi driver
        | a teenage runaway | a concert pianist | a country vet | an undercover agent | a circus clown | a junior reporter
        | a lighthouse keeper | a divorced chef | an orphaned girl | a retired spy | a truck driver | a dance teacher""",
    "deed": """returns to the village where it all began | takes a job in a hotel by the sea | sets out across the desert
        | inherits a house from a stranger | finds a suitcase full of money | moves to Lisbon | drives across the country
        | joins a travelling theatre | discovers an old diary | meets a stranger on a train | goes into business with a rival
        | witnesses something in the park | gets stuck in an airport | opens a restaurant | is asked to find a missing boy
        | spends a summer on an island | takes in a lodger | falls for the new neighbour | agrees to one more job
        | looks for a long-lost father | has to share a flat with an old rival | crosses the border at night""",
    "aim": """before the winter comes | after a letter arrives | while a war is going on | in the summer of 1969 | with a dog for company
        | and meets an old love | as an election draws near | to settle a debt | in the last days of the empire | after the funeral
        | during a heat wave | in search of a new start | over one long weekend | in a town near the border | when the factory closes
        | and has one week to decide | with the police a day behind | at the turn of the century""",
    "plot": """[hero] [deed] [aim].
        The story follows [hero] who [deed] [aim].
        It is about [hero] who [deed].
        In this one, [hero] [deed] [aim].
        The film opens as [hero] [deed], and goes on from there.
        Set in the [decade], it tells of [hero] who [deed] [aim].
        The plot: [hero] [deed] [aim].""",
    "era": "fifties | sixties | seventies | eighties | days of the double bill | age of video",
    "decade": "twenties | thirties | forties | fifties | sixties | seventies | eighties | nineties | near future | Middle Ages",
    "context": """I saw it [when].
        I watched this [when] with [viewer].
        We rented it [when].
        It runs for [length].
        I had read the book years ago.
        It is the director's third film.
        I had not heard of anyone in the cast before.
        It came out in the same month as two other films about [topic].
        Most of it takes place in one house.
        The subject is [topic].
        It was shot on location over one summer.
        There are subtitles for part of it.
        I went in knowing only the title.
        [viewer] picked it.
        The theme, as the poster says, is [topic].
        It is set mostly at night.""",
}
