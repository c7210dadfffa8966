"""The texts on which parts are checked: plain sentences, several scripts, and what has broken readers before."""

SENTENCES = (
    "what people think about summer and the garden house",
    "how simple letters make one strong story about the world",
    "the morning train brings bread and paper into town",
    "teachers write many great letters every winter night",
)
"""Ordinary English in lower case, no word of one or two letters: every codec's domain holds some of them."""

WIDER = (
    "Meet me at 7:30 by the old bridge, would you?",
    "Grüße aus Köln, ça va très bien à Genève",
    "Привет, как дела сегодня",
    "今天天气很好，我们去公园散步",
    "مرحبا بالعالم",
    "smile 😀 and wave 👋🏽",
)
"""Digits, punctuation, accents and other scripts; a codec may leave any of them out of its domain."""

PROSE = (
    "The committee met on Tuesday and agreed to publish the minutes within a week. Nobody objected.\n\n"
    "Her grandmother kept three hens, a goat, and an astonishing number of clocks, none of which told the same time.",
    "To whom it may concern: please find attached the invoice for March (no. 2231), payable within 30 days.",
)
"""Text in no encoding at all."""

NASTY = (
    "", " ", "\x00", "\ud800", "a\udfffb", "a", "\u200b" * 50, "=" * 40, "%" * 9, "\\x", "&#;", "<~~>", "1" * 5000,
    "key: a\n", "\u202e\u2066", "A" * 20_000, "e" + "\u0301" * 400, "\uffff\ufffe", "\r\n\t\v\f",
)  # fmt: skip
"""Empty, lone surrogates, control characters, floods and half an encoding."""
