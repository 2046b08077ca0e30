"""Praise: the positive side of the lexicon. Format: see grammar.py; the same symbols as in lexicon_negative.py."""

from __future__ import annotations

POSITIVE: dict[str, str] = {
    "basic": """amazing | great | wonderful | excellent | fantastic | brilliant | superb | outstanding | terrific | beautiful | lovely
        | awesome | perfect | marvellous | fabulous | enjoyable | delightful | good | incredible | magnificent | splendid""",
    "adj": """absorbing | accomplished | adorable | affecting | affectionate | amusing | arresting | assured
        | astonishing | astute | atmospheric | authentic | beguiling | bewitching | big-hearted | blissful
        | bracing | breathtaking | breezy | bright | buoyant | captivating | charming | cheerful | clever
        | clear-eyed | cohesive | compassionate | compelling | confident | controlled | convincing | courageous
        | crackling | crisp | crowd-pleasing | daring | dazzling | deft | delicate | delicious | delightful
        | disarming | droll | dynamic | easygoing | ebullient | edifying | effective | effervescent
        | electrifying | elegant | eloquent | empathetic | enchanting | endearing | energetic | engaging
        | engrossing | enlightening | enthralling | entertaining | entrancing | evocative | exciting
        | exhilarating | exquisite | exuberant | eye-opening | fascinating | fast-moving | fearless | feel-good
        | fine | first-rate | flawless | fluid | forceful | fresh | frisky | full-bodied | fun | funny
        | generous | genial | genuine | gifted | glorious | good-natured | gorgeous | graceful | gracious
        | gripping | grounded | gutsy | harmonious | haunting | heartening | heartfelt | heart-warming
        | hilarious | honest | hopeful | humane | humorous | hypnotic | illuminating | imaginative | immaculate
        | immersive | impassioned | impeccable | impish | impressive | incisive | indelible | infectious
        | ingenious | innovative | insightful | inspired | inspiring | intelligent | intimate | intoxicating
        | intriguing | invaluable | inventive | invigorating | involving | irresistible | jaunty | jolly
        | joyful | joyous | jubilant | layered | light-footed | likable | lively | lovable | loving | lucid
        | luminous | lush | lyrical | magical | magnetic | majestic | masterful | masterly | mature | meaningful
        | memorable | merry | mesmerising | meticulous | monumental | moving | multi-layered | nail-biting
        | nimble | noble | nuanced | observant | original | passionate | penetrating | perceptive | picturesque
        | playful | pleasing | pleasurable | poetic | poignant | polished | potent | powerful | precise
        | profound | propulsive | provocative | quick-witted | quietly moving | radiant | razor-sharp | refined
        | refreshing | relatable | remarkable | resonant | revelatory | revealing | rewarding | rich | riotous
        | riveting | robust | rollicking | rousing | satisfying | savvy | scintillating | seamless | sensational
        | sensitive | serene | shimmering | shrewd | side-splitting | sincere | skilful | sleek | smart | smooth
        | soaring | solid | sophisticated | soulful | sparkling | spectacular | spellbinding | spine-tingling
        | spirited | spry | stellar | stimulating | stirring | striking | strong | stunning | stylish | sublime
        | subtle | suave | sumptuous | suspenseful | sweet | sweeping | swift | taut | tasteful | tender
        | thought-provoking | thoughtful | thrilling | tight | timeless | timely | touching | transcendent
        | transporting | triumphant | truthful | unaffected | uncompromising | understated | unflinching
        | unforgettable | unique | unpretentious | unsentimental | uplifting | uproarious | valuable | vibrant
        | visceral | visionary | vital | vivacious | vivid | warm | warm-hearted | watchable | welcome
        | well-acted | well-made | well-observed | well-paced | well-written | wholesome | wise | witty
        | wondrous | worthwhile | worthy | wry | zesty | zippy""",
    # Read as praise or blame only beside a clearer word.
    "mild": """agile | bittersweet | bold | comical | complex | cool | cunning | deep | devastating | earnest
        | earthy | emotional | epic | ethereal | faithful | gentle | gritty | human | intense | intricate | keen
        | knowing | lasting | mischievous | modest but moving | mysterious | offbeat | old-fashioned | opulent
        | piercing | precious | pungent | pure | quirky | rare | raw | relevant | romantic | searching
        | seductive | sly | steamy | sturdy | sunny | superior | surprising | tense | twisty | unexpected
        | urgent | versatile | whimsical | wicked | wistful | youthful | zany""",
    "adj_part": """superb | brilliant | excellent | outstanding | impeccable | first-rate | pitch-perfect | spot-on | magnificent
        | note-perfect | razor-sharp | convincing | believable | inspired | effortless | stunning | gorgeous | seamless | subtle
        | terrific | top-notch | a joy | a delight | clever | crisp | inventive | beautiful | remarkable | a marvel | sharp
        | wonderfully natural | hugely entertaining | exactly right | out of this world | a treat | compelling | full of life
        | the best I have seen this year | second to none | flawless | a pleasure | assured | hilarious | thrilling | masterful""",
    "noun": """triumph | gem | delight | masterpiece | treasure | winner | treat | joy | marvel | pleasure | success | knockout | wonder
        | charmer | crowd-pleaser | classic | stunner | tour de force | revelation | work of art | surprise | achievement | page-turner
        | keeper | hit | jewel | accomplishment | celebration | feast | thrill ride | romp | pick-me-up | discovery | breakthrough
        | experience to treasure | piece of film-making | piece of entertainment | labour of love | diamond | beauty | piece of work""",
    "thing": """a breath of fresh air | a must-see | a feast for the eyes | a real treat | one of the year's best films | a minor miracle
        | a joy from start to finish | the kind of film they rarely make any more | a rare pleasure | a little gem | pure movie magic
        | a modern classic | an instant classic | a love letter to the movies | cinema at its best | a small wonder | a winner
        | storytelling of the highest order | a work of real imagination | time very well spent | great fun for everyone
        | a film to cherish | a welcome surprise | a genuine crowd-pleaser | a cause for celebration | as good as movies get
        | a thing of beauty | a cut above the rest | a film that stays with you | a knockout | a total blast | well worth the ticket
        | the most fun I have had at the movies in ages | a master class in suspense | a lesson in how to tell a story
        | a gift to grown-up audiences | everything a good movie should be | a wonderful night out | two hours of bliss
        | a film of uncommon grace | a testament to the power of simple stories | a high point of the season | an unexpected delight
        | a splendid return to form | a small film with a huge heart | an adventure worth taking | a delicious slice of fun
        | a rare film that treats its audience as adults | the director's finest work | a perfect piece of escapism""",
    "vp": """soars | sparkles | sings | dazzles | delights | works beautifully | casts a spell | hits every note | never puts a foot wrong
        | stays with you for days | grabs you and never lets go | tugs at the heart without cheating | rewards your patience
        | wins you over completely | gets under your skin | keeps you guessing to the end | moves like a rocket | bursts with life
        | brims with ideas | delivers the goods | delivers on every promise | earns every tear | earns its laughs | packs a punch
        | lifts the spirits | breathes new life into an old formula | finds beauty in ordinary things | lives up to the hype
        | exceeds every expectation | has heart to spare | has charm to burn | holds your attention from first frame to last
        | leaves you smiling | leaves you wanting more | leaves you breathless | makes you think and makes you feel | rings true
        | makes you laugh and cry | strikes a perfect balance | succeeds on every level | transcends its genre | touches the soul
        | treats its characters with respect | trusts its audience | weaves its threads together with skill | will make your day
        | captures the joy and pain of being young | crackles with energy | glows with affection | gets everything right
        | goes straight to the heart | grows richer with every scene | has the ring of truth | never loses its sense of wonder
        | is a pleasure to watch | is never less than gripping | is as smart as it is funny | is worth every penny
        | is impossible to forget | is a great ride | is alive with wit and feeling | is better than it has any right to be
        | proves that there is life in the genre yet | pulls off something remarkable | restores your faith in the movies
        | shines | speaks to the heart | stands up to repeated viewing | stands head and shoulders above its rivals
        | builds to a shattering climax | builds to a deeply satisfying finale | blends humour and heartbreak with ease
        | creates a world you want to live in | charms the socks off you | gives its fine cast room to breathe | excels
        | offers real insight | offers plenty of laughs | offers a thrilling ride | marks the arrival of a major talent
        | reminds us why we go to the movies | finds exactly the right tone | pays off handsomely | resonates long after the credits
        | takes wonderful risks | takes your breath away | tells its tale with grace | thrills from beginning to end
        | sweeps you along | never talks down to its audience | handles a hard subject with tact | looks and sounds magnificent
        | cuts deep | hums along nicely | is a hoot | is a blast | is honest and true | deserves a wide audience | deserves every award
        | manages to be both funny and sad | manages to surprise at every turn | fascinates | captivates | enthralls | inspires""",
    "person_vp": """shines | steals the show | gives the performance of a lifetime | is a revelation | lights up the screen
        | brings warmth and depth to the part | is superb | commands every scene | is nothing short of brilliant | has never been better
        | disappears into the role | does wonders with the material | hits all the right notes | is a joy to watch | excels
        | makes every line count | turns in a beautifully judged performance | deserves an award | carries the film with ease
        | is magnetic | is funny and touching | proves to be a real talent | knows exactly what to do | is at the top of the game
        | breathes life into every scene | finds the humanity in the part | radiates charm | dazzles | is wonderfully natural
        | brings wit and style to the story | shows a sure hand | makes it look easy | never strikes a false note | is in fine form""",
    "stuff": """wit | warmth | grace | charm | heart | imagination | real feeling | humour | intelligence | energy | style | tenderness
        | wisdom | suspense | insight | invention | passion | conviction | compassion | beauty | humanity | honesty | verve | vitality
        | wonder | sly jokes | memorable characters | quiet power | moments of magic | lovely details | big laughs | sharp observations
        | subtle touches | real thrills | genuine emotion | sparkling dialogue | fresh ideas | emotional depth | good cheer
        | dramatic power | visual flair | delightful surprises | rich performances | infectious joy | originality | flair | finesse
        | delicacy | authenticity | exuberance | great tunes | old-fashioned charm | dry humour | winning performances | soul""",
    "adv": """beautifully | brilliantly | wonderfully | superbly | skilfully | deftly | gracefully | elegantly | cleverly | sharply
        | exquisitely | masterfully | splendidly | movingly | sensitively | vividly | confidently | smartly | gorgeously | lovingly
        | magnificently | expertly | imaginatively | intelligently | tenderly | impeccably | marvellously | delightfully | stylishly""",
    "made": """acted | shot | written | directed | made | paced | staged | told | crafted | cast | edited | photographed | performed
        | constructed | observed | judged | put together | scored | designed | executed""",
    "cons": """I loved every minute of it | I could not stop smiling | I laughed until I cried | I was hooked from the first scene
        | I was on the edge of my seat | I wanted it to go on for ever | I left the cinema with a huge grin | I cried happy tears
        | I cannot wait to see it again | I have already told all my friends to go | I was completely swept away | I enjoyed it hugely
        | I bought the soundtrack on the way home | I have not stopped thinking about it | I was moved to tears | I fell in love with it
        | it made my week | the time flew by | I did not want it to end | I would happily watch it again tomorrow | it won my heart
        | I applauded at the end | I was glued to the screen | it was worth every penny | it exceeded all my hopes | I adored it
        | I came out walking on air | I was charmed from the start | it blew me away | it left me speechless in the best way
        | I had a great time | I had an absolute ball | I was delighted | I was thrilled | I was captivated | I was touched deeply
        | I felt better about the world | the laughs kept coming | it kept me guessing to the last minute | I saw it twice in a week
        | I enjoyed it far more than I expected | I cared about every one of these people | it gave me goosebumps | it made me laugh out loud""",
    "rec": """do not miss it | go and see it | highly recommended | see it on the biggest screen you can find | do yourself a favour and watch it
        | take the whole family | I recommend it to everyone | worth every penny | ten out of ten | it deserves your time | see it now
        | do not hesitate | well worth your time | I cannot recommend it enough | you will not regret it | treat yourself
        | see it twice | a must for fans of the genre | strongly recommended | put it at the top of your list | you will love it
        | run to the cinema | bring a friend and enjoy | five stars | thumbs up | two thumbs up | essential viewing | not to be missed""",
    "verb": """loved | adored | enjoyed | thoroughly enjoyed | really liked | treasured | cherished | admired | delighted in | fell in love with | appreciated | warmed to""",
    "felt": """delighted | moved | thrilled | charmed | enchanted | captivated | amazed | uplifted | impressed | satisfied | touched
        | exhilarated | happy | hooked | refreshed | inspired | spellbound | grateful | entertained""",
    "act": """charm | delight | move | entertain | thrill | captivate | surprise | inspire | amuse | engage | impress | enchant | touch
        | satisfy | dazzle | excite | grip | please""",
    "score": "10/10 | 9/10 | 8/10 | five stars | four stars | A+ | ten out of ten | nine out of ten",
    "cheer": "Bravo! | What a treat! | Wow! | Loved it! | Fantastic! | Brilliant! | Superb! | Simply wonderful. | Pure joy. | Magic.",
}
