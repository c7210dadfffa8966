"""Whether a text speaks of a minor: the second half of a rule that is made of two signs.

No weights of ours were, or will be, trained on sexual content involving minors. The rule against it is composed
instead: the sexual rules' risk, in a text that mentions a child, counts as that rule's risk, whatever its own head
says.
"""

import re

RULE = "child_safety.sexual"
"""The composed rule."""
SEXUAL_RULES = ("sexual_content.explicit", "sex_crimes.assault", "sex_crimes.exploitation")
"""Rules whose risk it takes over beside a mention of a minor."""

_WORDS = (
    "child", "children", "kid", "kids", "minor", "minors", "underage", "under-age", "toddler", "infant",
    "preteen", "pre-teen", "tween", "teen", "teenager", "teenage", "adolescent", "schoolgirl", "schoolboy",
    "pupil", "little girl", "little boy", "young girl", "young boy", "middle schooler", "high schooler",
    "kindergartner", "niña", "niño", "niñas", "niños", "menor de edad", "enfant", "mineur", "fillette", "kind",
    "kinder", "minderjährig", "mädchen", "bambina", "bambino", "minorenne", "criança", "menina", "menino",
    "ребёнок", "ребенок", "дети", "несовершеннолетн", "школьниц",
)  # fmt: skip
_AGES = r"\b(?:[1-9]|1[0-7])[ -]?(?:years?[ -]old|y/?o|yr[ -]?old|jahre|ans|años|anni|anos|лет)\b"
_OTHER_SCRIPTS = (
    "未成年|儿童|小学生|中学生|女童|男童|小女孩|小男孩|幼女|子供|小学|"
    "미성년|아동|어린이|طفل|أطفال|قاصر|बच्च|नाबालिग|เด็ก|trẻ em|vị thành niên"
)
_MINOR = re.compile(rf"\b(?:{'|'.join(re.escape(word) for word in _WORDS)})\b|{_AGES}|{_OTHER_SCRIPTS}", re.IGNORECASE)


def mentions_minor(text: str) -> bool:
    """Words for minors in several languages, or an age below eighteen; a mention is no offence by itself."""
    return _MINOR.search(text) is not None
