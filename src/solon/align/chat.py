"""A tokenizer with a chat template, and the ids of its reasoning tags."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, cast

from solon.align.chain import Chain, FinalAnswer, Tags, Task, find, split
from solon.core.errors import TrainingError

THINK = ("<think>", "</think>")


@dataclass(frozen=True, kw_only=True)
class Chat:
    """Writes prompts and reads completions for one tokenizer.

    Args:
        tokenizer: a Transformers tokenizer with a chat template.
        think: the words that open and close reasoning in this model's format.
    """

    tokenizer: Any
    think: tuple[str, str] = THINK

    @cached_property
    def tags(self) -> Tags:
        """The reasoning tags as token ids.

        Raises:
            TrainingError: where the tokenizer has no chat template, no end token, or cannot write the tags.
        """
        if not getattr(self.tokenizer, "chat_template", None):
            raise TrainingError(
                "the tokenizer has no chat template: this is a base model",
                place="tokenizer.chat_template",
                repair="Use the instruct version, or give a template with --chat-template FILE.",
            )
        if self.tokenizer.eos_token_id is None:
            raise TrainingError(
                "the tokenizer has no end token", place="tokenizer.eos_token", repair="Set eos_token in the folder."
            )
        opening, closing = (self._tag(word) for word in self.think)
        # In some formats (Harmony) a token that ends a message is part of the tag between reasoning and answer.
        tags = Tags(opening=opening, closing=closing, end=self._ends() - {*opening, *closing})
        if not tags.end:
            raise TrainingError(
                "every end token is part of a reasoning tag", place="tokenizer.eos_token", repair="Name other --think."
            )
        tail = self.prompt_ids(Task(id="", prompt="x"))[-2 * len(opening) - 2 :]
        place = find(tail, opening)
        return replace(tags, opened=place >= 0 and find(tail, closing, place) < 0)

    def _tag(self, word: str) -> tuple[int, ...]:
        ids = tuple(self.tokenizer.encode(word, add_special_tokens=False))
        unknown = self.tokenizer.unk_token_id
        if not ids or (unknown is not None and unknown in ids):
            raise TrainingError(
                f"the tokenizer cannot write {word!r}",
                place="tokenizer",
                repair="Name the model's own reasoning tags with --think OPEN CLOSE, or add them to its vocabulary.",
            )
        return ids

    def _ends(self) -> frozenset[int]:
        ends = {int(self.tokenizer.eos_token_id)}
        for word in ("<|im_end|>", "<|eot_id|>", "<|end|>", "<|return|>"):
            found = self.tokenizer.convert_tokens_to_ids(word)
            if isinstance(found, int) and found >= 0 and found != self.tokenizer.unk_token_id:
                ends.add(found)
        return frozenset(ends)

    def prompt_ids(self, task: Task, *, rules: str = "") -> list[int]:
        """The tokens of a conversation up to where the model goes on; ``rules`` go before the system message."""
        system = "\n\n".join(part for part in (rules, task.system) if part)
        messages = [{"role": "system", "content": system}] if system else []
        messages.append({"role": "user", "content": task.prompt})
        try:
            ids = self.tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_dict=False)
        except Exception as error:  # templates are programs of others, and raise what they like
            raise TrainingError(
                f"the chat template refuses the conversation: {error}",
                place=f"task {task.id}",
                repair="Leave the system message out, or give another template with --chat-template FILE.",
            ) from None
        return cast(list[int], list(ids))

    def completion_ids(self, reasoning: str, answer: str) -> list[int]:
        """The tokens of a completion to learn: tags, reasoning, answer and end token."""
        opening = () if self.tags.opened else self.tags.opening
        thought = self.tokenizer.encode(reasoning, add_special_tokens=False)
        said = self.tokenizer.encode(answer, add_special_tokens=False)
        return [*opening, *thought, *self.tags.closing, *said, int(self.tokenizer.eos_token_id)]

    def read(self, ids: Sequence[int], *, forced: bool = False) -> Chain:
        """The chain in sampled tokens, cut at ids (``split``).

        A tag may also be written in other tokens than the tokenizer's own, as pieces that run into their neighbours.
        Then the chain is not complete, but what stands inside such tags is kept from the answer all the same.
        """
        parts = split(ids, self.tags)
        reasoning, answer = self._text(parts.reasoning), self._text(parts.answer)
        if not parts.closed and any(word in answer for word in self.think):
            shown, opened, after = answer.partition(self.think[0])
            thought, closed, said = answer.rpartition(self.think[1])
            reasoning = f"{reasoning} {thought if closed else after if opened else ''}".strip()
            answer = said if closed else shown
        return Chain(
            reasoning=reasoning,
            answer=FinalAnswer(text=answer.strip()),
            complete=parts.closed and parts.ended,
            ended=parts.ended,
            ids=tuple(token for token in ids if token not in self.tags.end),
            thought_tokens=len(parts.reasoning),
            forced=forced,
        )

    def _text(self, ids: Sequence[int]) -> str:
        return str(self.tokenizer.decode(list(ids), skip_special_tokens=False)).strip()
