"""Blame: the negative side of the lexicon. Format: see grammar.py; the same symbols as in lexicon_positive.py."""

from __future__ import annotations

NEGATIVE: dict[str, str] = {
    "basic": """terrible | awful | boring | horrible | bad | dreadful | poor | dull | stupid | lousy | disappointing | pathetic | weak
        | atrocious | abysmal | worthless | rubbish | ridiculous | appalling | unwatchable | tedious""",
    "adj": """aimless | airless | amateurish | annoying | anaemic | artificial | banal | barren | bland
        | bloated | botched | brainless | bungled | callous | careless | chaotic | charmless | cheap | cheerless
        | choppy | clichéd | cloying | clumsy | colourless | condescending | confused | confusing | contrived
        | crass | creaky | cynical | deadening | deadly | dim-witted | derivative | dire | disagreeable
        | disastrous | disconnected | disgusting | dishonest | disjointed | dismal | disorganised | dispiriting
        | disposable | distasteful | dopey | drab | dreary | drippy | dumb | embarrassing | emotionless | empty
        | endless | exasperating | excruciating | exhausting | exploitative | fake | false | far-fetched
        | fatuous | feeble | flabby | flaccid | flat | flat-footed | flavourless | flimsy | foolish | forced
        | forgettable | formulaic | frustrating | fuzzy | garbled | generic | glib | gratuitous | grating
        | grubby | half-baked | half-hearted | hackneyed | ham-fisted | haphazard | harebrained | heartless
        | heavy-handed | hideous | hokey | hollow | humourless | idiotic | ill-conceived | ill-judged
        | illogical | immature | impenetrable | implausible | inane | inauthentic | incoherent | incompetent
        | inconsequential | inconsistent | inept | inert | inferior | insipid | insubstantial | insufferable
        | insulting | interminable | irksome | irritating | jarring | joyless | jumbled | juvenile | lacklustre
        | lame | laboured | lazy | leaden | lethargic | lifeless | limp | listless | lumbering | lumpy
        | maddening | manipulative | maudlin | mawkish | meaningless | mean-spirited | mechanical | mediocre
        | messy | mind-numbing | mindless | mirthless | misbegotten | misconceived | misguided | misjudged
        | moronic | monotonous | muddled | mundane | mushy | nauseating | nonsensical | numbing | obnoxious
        | odious | off-putting | offensive | one-note | overblown | overcooked | overlong | overstuffed
        | overwrought | padded | painful | paper-thin | patronising | pedestrian | perfunctory | plodding
        | pointless | pompous | ponderous | preachy | preposterous | pretentious | prosaic | puerile | punishing
        | recycled | redundant | repellent | repetitive | repulsive | risible | rote | schmaltzy | scattershot
        | second-rate | self-important | self-indulgent | senseless | shabby | shallow | shameless | shapeless
        | shoddy | shrill | simplistic | skin-deep | slack | slapdash | sloppy | sluggish | smug | soggy
        | sophomoric | soporific | soulless | spineless | sputtering | stale | sterile | stiff | stilted
        | stodgy | strained | strident | stultifying | superficial | tacky | tasteless | tawdry | tepid
        | third-rate | thudding | tired | tiresome | toothless | tortured | trashy | trite | trivial | turgid
        | unappealing | unbearable | unconvincing | undercooked | underdeveloped | underwhelming | unfocused
        | unfunny | unimaginative | uninspired | unintelligible | uninteresting | uninvolving | unlikable
        | unnecessary | unoriginal | unpleasant | unremarkable | unsatisfying | unsavoury | vacuous | vapid
        | vile | washed-out | watered-down | wearisome | wooden | woeful | worn-out | wrong-headed | wretched
        | yawn-inducing""",
    # Read as praise or blame only beside a clearer word.
    "mild": """abrasive | absurd | arid | awkward | baffling | bleary | bombastic | broken | calculated
        | cartoonish | cheesy | chilly | cluttered | coarse | cold | corny | crude | dated | desperate | dour
        | draggy | dry | erratic | flawed | frantic | frivolous | gimmicky | gloomy | glum | grim | grotesque
        | hammy | hysterical | indulgent | long-winded | malodorous | mannered | meandering | melodramatic
        | murky | nasty | needless | obvious | pale | patchy | predictable | rambling | rushed | sappy
        | sentimental | silly | sleazy | slight | slow | sour | stagy | static | synthetic | thin | toxic | ugly
        | uneven | vague | vulgar | wan | weary | wobbly | wordy""",
    "adj_part": """dreadful | wooden | amateurish | laughable | second-rate | stilted | lifeless | embarrassing | all over the place
        | painful | poor | weak | sloppy | clumsy | unconvincing | hard to believe | forced | flat | cheap | ugly | tiresome
        | a mess | a joke | predictable | muddled | unbearable | grating | lazy | a disgrace | dull
        | painfully bad | truly awful | badly off | beneath contempt | a chore | tedious | without a spark of life
        | the worst I have seen this year | below average | shoddy | a pain | atrocious | pitiful | boring | incompetent""",
    "noun": """mess | dud | bore | disaster | failure | turkey | misfire | chore | disappointment | waste of time | fiasco | letdown
        | ordeal | flop | bomb | embarrassment | slog | clunker | washout | snooze | waste of talent | insult | shambles | blunder
        | stinker | miss | non-event | mistake | nightmare | exercise in tedium | endurance test | train wreck | muddle | cash-in
        | trial to sit through | piece of junk | piece of hackwork | vanity project | fraud | horror | piece of trash""",
    "thing": """a waste of time | a must-miss | an assault on the ears | a real letdown | one of the year's worst films | a minor catastrophe
        | a bore from start to finish | the kind of film that gives the genre a bad name | a rare stinker | a total mess | pure drivel
        | a modern disaster | an instant contender for worst of the year | a cynical cash grab | cinema at its worst | a big nothing
        | storytelling of the laziest kind | a work of no imagination | time very badly spent | no fun for anyone
        | a film to avoid | an unwelcome surprise | a genuine endurance test | a cause for despair | as bad as movies get
        | a thing of ugliness | a cut below the rest | a film that evaporates as you watch it | a dud | a total drag | not worth the ticket
        | the least fun I have had at the movies in ages | a master class in boredom | a lesson in how not to tell a story
        | an insult to grown-up audiences | everything a movie should not be | a miserable night out | two hours of misery
        | a film of uncommon stupidity | a testament to the emptiness of big budgets | a low point of the season | a nasty shock
        | a sad fall from grace | a big film with no heart | a journey to nowhere | a stale slice of nothing | two hours I will never get back
        | a film that treats its audience as fools | the director's worst work | a tired piece of product | a missed opportunity""",
    "vp": """falls flat | sinks like a stone | stumbles | fizzles out | disappoints | fails miserably | outstays its welcome | misses every note
        | never gets off the ground | is forgotten before you reach the car park | goes nowhere slowly | loses its way early on
        | drags on and on | tries your patience | wears out its welcome | gets on your nerves | telegraphs every twist | moves like a snail
        | is dead on arrival | is short of ideas | runs out of steam | breaks every promise | begs for tears it has not earned
        | strains for laughs | lands with a thud | drains the life out of you | beats a dead horse | finds nothing new to say
        | falls far short of the hype | fails to meet the lowest expectation | has no heart at all | has no charm whatsoever
        | loses your attention within minutes | leaves you cold | leaves you checking your watch | leaves a bad taste in the mouth
        | makes you groan and makes you yawn | rings false | makes no sense | strikes one false note after another | fails on every level
        | drowns in its own clichés | numbs the mind | treats its characters like puppets | insults its audience | collapses under its own weight
        | ties its threads together with no skill | will ruin your evening | reduces real pain to soap opera | reeks of desperation
        | smells of cynicism | gets everything wrong | goes straight to the gutter | grows duller with every scene | feels fake
        | never finds a reason to exist | is a chore to watch | is never more than tedious | is as dumb as it is loud
        | is not worth a penny | is impossible to sit through | is a rough ride | is dead from the neck up | is worse than it sounds
        | proves that the genre is worn out | botches a simple task | tests your faith in the movies | stinks | speaks to nobody
        | cannot stand up to a single viewing | sits at the bottom of the pile | builds to a ludicrous climax | builds to nothing
        | mixes crude humour and cheap tears | creates a world nobody would visit | bores the socks off you | gives its fine cast nothing to do
        | flounders | offers no insight | offers hardly a laugh | offers a bumpy ride | marks a new low for everyone involved
        | reminds us why we stay at home | never finds a tone | does not pay off at all | evaporates before the credits
        | takes no risks | takes forever to get going | tells its tale with a heavy hand | plods from beginning to end
        | lumbers along | talks down to its audience | handles a hard subject with clumsy hands | looks and sounds cheap
        | barely scratches the surface | limps along | is a mess | is a drag | is phony and false | deserves to be forgotten | deserves every bad review
        | manages to be neither funny nor sad | manages to bore at every turn | irritates | bores | grates | self-destructs""",
    "person_vp": """flounders | sleepwalks through the part | gives a career-worst performance | is a bore | fades into the wallpaper
        | brings nothing at all to the part | is dreadful | mumbles through every scene | is nothing short of terrible | has never been worse
        | looks lost in the role | is wasted on the material | hits all the wrong notes | is painful to watch | fails
        | makes every line sound false | turns in a badly judged performance | should find other work | sinks the film
        | is wooden | is loud and irritating | proves to have no talent | has no idea what to do | is badly miscast
        | drains the life out of every scene | mugs shamelessly | radiates boredom | disappoints | is painfully stiff
        | brings no wit or style to the story | shows a clumsy hand | seems bored by the whole business | never strikes a true note | overacts""",
    "stuff": """clichés | padding | self-importance | empty noise | stale jokes | phony feeling | stupidity | vulgarity | stereotypes
        | cheap tricks | boredom | confusion | bad taste | drivel | sentimentality | bathos | false notes | plot holes | hot air | nonsense
        | tedium | lame gags | cardboard characters | dull talk | moments of idiocy | sloppy details | dead air | trite observations
        | clumsy touches | fake thrills | forced emotion | wooden dialogue | worn-out ideas | emotional blackmail | gloom
        | heavy-handed symbolism | visual clutter | tiresome detours | flat performances | unearned tears | incompetence | pretension | bombast
        | cynicism | contrivance | bluster | forgettable tunes | tired formula | toilet humour | amateurish performances | schmaltz""",
    "adv": """badly | poorly | clumsily | terribly | horribly | awkwardly | lazily | carelessly | ineptly | crudely
        | dreadfully | sloppily | atrociously | tediously | heavy-handedly | flatly | timidly | stupidly | hideously | cynically
        | abysmally | amateurishly | unimaginatively | mindlessly | mechanically | incompetently | woefully | painfully | shabbily""",
    "made": """acted | shot | written | directed | made | paced | staged | told | crafted | cast | edited | photographed | performed
        | constructed | observed | judged | put together | scored | designed | executed""",
    "cons": """I hated every minute of it | I could not stop yawning | I nearly walked out | I was bored from the first scene
        | I kept looking at my watch | I wanted it to be over | I left the cinema with a headache | I cried tears of boredom
        | I never want to see it again | I have already told all my friends to stay away | I was completely bored | I regret seeing it
        | I asked for my money back on the way home | I have already forgotten it | I was bored to tears | I gave up on it
        | it ruined my week | the time crawled by | I could not wait for it to end | I would not watch it again for money | it lost me
        | I groaned at the end | I fell asleep | it was not worth a penny | it fell below my lowest hopes | I despised it
        | I came out angry | I was irritated from the start | it put me to sleep | it left me cold
        | I had a miserable time | I had an awful evening | I was let down | I was annoyed | I was disappointed | I was insulted
        | I felt worse about the world | the laughs never came | I guessed the ending after ten minutes | I left before the end
        | I disliked it even more than I expected | I did not care about any of these people | it gave me a headache | it made me groan out loud""",
    "rec": """avoid it | stay away | not recommended | do not see it on any screen | do yourself a favour and skip it
        | keep the family away | I would not recommend it to anyone | save your money | zero out of ten | it does not deserve your time | skip it
        | do not bother | not worth your time | I cannot warn you enough | you will regret it | spare yourself
        | see something else | a miss even for fans of the genre | strongly discouraged | leave it at the bottom of your list | you will hate it
        | run the other way | stay at home instead | one star | thumbs down | two thumbs down | a waste of time | give it a miss""",
    "verb": """hated | loathed | disliked | really disliked | regretted | despised | endured | suffered through | detested""",
    "felt": """bored | annoyed | let down | irritated | cheated | disappointed | angry | depressed | insulted | dissatisfied | cold
        | exhausted | miserable | restless | drained | frustrated | numb | regretful | short-changed""",
    "act": """bore | annoy | irritate | disappoint | exhaust | confuse | frustrate | insult | depress | grate | alienate | baffle | weary
        | repel | numb | offend | tire | embarrass""",
    "score": "1/10 | 2/10 | 3/10 | one star | zero stars | F | one out of ten | two out of ten",
    "cheer": "Ugh! | What a bore! | Yuck! | Hated it! | Awful! | Rubbish! | Dreadful! | Simply terrible. | Pure tedium. | Yawn.",
}
