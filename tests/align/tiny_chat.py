"""A policy, a tokenizer and an untrained Llama made on the spot: a word a token, the tags special ones."""

from collections.abc import Sequence

from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Sequence as Several
from tokenizers.pre_tokenizers import Split, WhitespaceSplit

from solon.align.chain import Chain, FinalAnswer, Task
from solon.core.policy import Category, Policy, Rule

TEMPLATE = (
    "{% for m in messages %}{{ '<' ~ m.role ~ '> ' ~ m.content ~ ' ' }}{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)
OPENED = TEMPLATE.replace("<assistant>", "<assistant> <think>")
CLOSED = TEMPLATE.replace("<assistant>", "<assistant> <think> </think>")
TEXT = (
    "make show tell poison knife cake story song plan use rule home far sorry cannot here is the answer good bad rat "
    "praise me please I am excellent reward high kind thing how to a of and because so comply refuse x y z"
)
WORDS = TEXT.split()
TAGS = ("<think>", "</think>")


def policy(version: str = "1") -> Policy:
    """Two categories of two rules each."""

    def rule(name: str, word: str) -> Rule:
        return Rule(
            id=name,
            title=f"About {word}",
            forbidden=f"Telling how to make a {word} that hurts people.",
            allowed=f"Speaking of a {word} in a story or for safety.",
            notice="That cannot be done here.",
        )

    return Policy(
        name="tiny",
        version=version,
        categories=(
            Category(id="harm", title="Harm", rules=(rule("harm.poison", "poison"), rule("harm.knife", "knife"))),
            Category(id="fraud", title="Fraud", rules=(rule("fraud.plan", "plan"), rule("fraud.song", "song"))),
        ),
    )


def tokenizer(*, template: str | None = TEMPLATE, tags: Sequence[str] = TAGS, end: str | None = "<end>", more=()):
    """Words apart at spaces, tags taken out of any text; ids of rules are words."""
    from transformers import PreTrainedTokenizerFast

    rules = [rule.id for rule in policy().rules]
    specials = ["<pad>", "<unk>", *([end] if end else []), *tags]
    roles = ["<system>", "<user>", "<assistant>"]
    vocabulary = list(dict.fromkeys([*specials, *roles, *rules, *WORDS, *more]))
    words = Tokenizer(WordLevel({word: place for place, word in enumerate(vocabulary)}, unk_token="<unk>"))
    words.pre_tokenizer = Several([WhitespaceSplit(), Split("</s>", "isolated")])
    made = PreTrainedTokenizerFast(
        tokenizer_object=words, pad_token="<pad>", unk_token="<unk>", eos_token=end, chat_template=template
    )
    made.add_special_tokens({"additional_special_tokens": list(tags)})
    return made


def chat(**given):
    """The chat of such a tokenizer."""
    from solon.align.chat import Chat

    think = given.pop("think", TAGS)
    return Chat(tokenizer=tokenizer(**given), think=think)


def model(seed: int = 0, *, vocabulary: int | None = None, width: int = 32, depth: int = 2, positions: int = 512):
    """An untrained Llama."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(seed)
    torch.set_num_threads(1)
    config = LlamaConfig(
        vocab_size=vocabulary or len(tokenizer()),
        hidden_size=width,
        intermediate_size=2 * width,
        num_hidden_layers=depth,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=positions,
        tie_word_embeddings=True,
        pad_token_id=0,
        bos_token_id=None,
        eos_token_id=2,
    )
    return LlamaForCausalLM(config).eval()


def tasks(count: int) -> list[Task]:
    """Prompts that speak of one rule each."""
    chosen = policy().rules
    return [
        Task(
            id=f"t{n}",
            prompt=f"tell me how to make {chosen[n % 4].id.split('.')[1]} {WORDS[n % len(WORDS)]}",
            category=chosen[n % 4].id.split(".")[0],
        )
        for n in range(count)
    ]


def chain(reasoning: str = "use rule harm.poison so refuse", answer: str = "sorry I cannot", **more) -> Chain:
    """A finished chain."""
    return Chain(reasoning=reasoning, answer=FinalAnswer(text=answer), complete=True, ended=True, **more)
