"""All template families and the symbols they use: what reviews.py draws from."""

from __future__ import annotations

from sentiment_ft.synthetic.families_critic import CRITIC_FAMILIES
from sentiment_ft.synthetic.families_held_out import HELD_OUT_FAMILIES, HELD_OUT_SYMBOLS
from sentiment_ft.synthetic.families_turn import TURN_FAMILIES
from sentiment_ft.synthetic.families_viewer import VIEWER_FAMILIES
from sentiment_ft.synthetic.family import Family
from sentiment_ft.synthetic.grammar import Options, compile_grammar
from sentiment_ft.synthetic.lexicon_clauses import SYMBOLS
from sentiment_ft.synthetic.lexicon_negative import NEGATIVE
from sentiment_ft.synthetic.lexicon_neutral import NEUTRAL
from sentiment_ft.synthetic.lexicon_positive import POSITIVE

FAMILIES: dict[str, Family] = CRITIC_FAMILIES | TURN_FAMILIES | VIEWER_FAMILIES | HELD_OUT_FAMILIES


def _side(label: int) -> dict[str, str]:
    side: dict[str, str] = {}
    for name, family in FAMILIES.items():
        side[f"family_{name}"] = f"{family.shared}\n{family.positive if label else family.negative}"
    return side | {symbol: sides[label] for symbol, sides in (SYMBOLS | HELD_OUT_SYMBOLS).items()}


# Options by (symbol, label); the templates of a family are the symbol "family_" and its name.
GRAMMAR: dict[tuple[str, int], Options] = compile_grammar(NEUTRAL, NEGATIVE | _side(0), POSITIVE | _side(1))
