"""What screening does to a request on its way: refusals, refinement, cuts, shadows, records. Words stand for harm."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import anthropic
import httpx
import openai
import pytest
from gateways import KEY, Gateway, gateway
from upstreams import Upstream, saying, streaming, upstream

from solon.core.action import Action
from solon.gateway.dialects.base import Refusal
from solon.gateway.reply_screen import Outcome
from solon.gateway.screen import Screen, Screening
from solon.gateway.wire import Ask, Channel, Reply

NOTICE = "This service cannot help with that."
CONFIG = "upstreams:\n  main: {{url: '{url}', retries: {{attempts: 1}}}}\n"


class MarkedReply:
    """Stands in for the classifiers on a reply: holds eight characters and cuts at ``[harm]``."""

    def __init__(self, real: Any) -> None:
        self._real = real
        self._texts: dict[tuple[int, Channel, int], str] = {}
        self._out: dict[tuple[int, Channel, int], int] = {}
        self.cause = ""
        self.withheld = ""

    def decision(self) -> Any:
        decision = self._real.decision()
        return replace(decision, action=Action.BLOCK) if self.cause else decision

    async def push(self, choice: int, channel: Channel, item: int, text: str) -> str:
        from solon.gateway.reply_stream import Cut

        key = (choice, channel, item)
        known = self._texts[key] = self._texts.get(key, "") + text
        if "[harm]" in known:
            self.cause, self.withheld = "output", known[self._out.get(key, 0) :]
            raise Cut(Refusal(notice=NOTICE), "")
        return self._free(key, len(known) - 8)

    async def finish(self, choice: int, channel: Channel, item: int) -> str:
        key = (choice, channel, item)
        return self._free(key, len(self._texts.get(key, "")))

    def _free(self, key: tuple[int, Channel, int], end: int) -> str:
        start = self._out.get(key, 0)
        self._out[key] = max(start, end)
        return self._texts.get(key, "")[start : self._out[key]]

    async def whole(self, reply: Reply) -> Outcome:
        if "[harm]" in json.dumps(reply.body):
            self.cause = "output"
            return Outcome(action=Action.BLOCK, refusal=Refusal(notice=NOTICE))
        return Outcome(action=Action.PERMIT)


class Marked:
    """Stands in for the classifiers: ``[block]`` and ``[refine]`` in a request are what they say."""

    def __init__(self, real: Screen) -> None:
        self._real = real
        self.shadow = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    async def read(self, ask: Ask, principal: Any, *, extra_texts: Sequence[str] = ()) -> Screening:
        screening = await self._real.read(ask, principal, extra_texts=extra_texts)
        said = " ".join(message.content for message in ask.exchange().messages)
        action = Action.BLOCK if "[block]" in said else Action.REFINE if "[refine]" in said else Action.PERMIT
        decided = replace(screening, decision=replace(screening.decision, action=action), refusal=None, guidance="")
        if self.shadow:
            return replace(decided, action=Action.PERMIT, shadow=True)
        refusal = Refusal(notice=NOTICE) if action is Action.BLOCK else None
        return replace(decided, action=action, refusal=refusal, guidance="Mind the rules." if action else "")

    def reply(self, ask: Ask, screening: Screening) -> Any:
        return MarkedReply(self._real.reply(ask, screening))


@pytest.fixture(scope="module")
def server() -> Iterator[Upstream]:
    with upstream(saying("The lake lies still below the hills.")) as running:
        yield running


@pytest.fixture(scope="module")
def running(server: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with gateway(tmp_path_factory.mktemp("state"), CONFIG.format(url=server.url)) as one:
        parts = one.worker.parts
        assert parts is not None
        live = parts.live
        screens: Any = {name: Marked(screen) for name, screen in live.now.screens.items()}
        live.now = replace(live.now, screens=screens)
        yield one


@pytest.fixture
def play(server: Upstream) -> Iterator[Any]:
    def set_to(*script: Any) -> None:
        server.asked.clear()
        server.script[:] = script

    set_to(saying("The lake lies still below the hills."))
    yield set_to
    set_to(saying("The lake lies still below the hills."))


@pytest.fixture
def chat(running: Gateway) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{running.url}/v1", api_key=KEY, max_retries=0, timeout=20) as client:
        yield client


@pytest.fixture
def claude(running: Gateway) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=running.url, api_key=KEY, max_retries=0, timeout=20) as client:
        yield client


def asking(text: str) -> dict[str, Any]:
    return {"model": "m", "messages": [{"role": "user", "content": text}]}


def streamed(client: openai.OpenAI, text: str) -> tuple[str, str | None]:
    said, stop = "", None
    for chunk in client.chat.completions.create(**asking(text), stream=True):
        for choice in chunk.choices:
            said += choice.delta.content or ""
            stop = choice.finish_reason or stop
    return said, stop


def test_what_is_permitted_passes_and_says_so(
    running: Gateway, server: Upstream, play: Any, chat: openai.OpenAI
) -> None:
    reply = chat.chat.completions.create(**asking("Hello."))
    assert reply.choices[0].message.content == "The lake lies still below the hills."
    assert streamed(chat, "Hello.") == ("The lake lies still below the hills.", "stop")
    body = running.record().body
    assert (body["action"], body["cause"], body["notice"]) == ("permit", "", "")
    assert body["input"]["action"] == "permit" and body["output"]["action"] == "permit"
    assert body["policy_digest"] and body["weights_digest"] and body["conversation"]


@pytest.mark.parametrize("stream", [False, True])
def test_what_is_blocked_never_reaches_a_model(
    running: Gateway, server: Upstream, play: Any, chat: openai.OpenAI, stream: bool
) -> None:
    if stream:
        said, stop = streamed(chat, "[block] please")
    else:
        choice = chat.chat.completions.create(**asking("[block] please")).choices[0]
        said, stop = choice.message.content or "", choice.finish_reason
    assert (said, stop) == (NOTICE, "content_filter")
    assert not server.asked
    stored = running.record()
    body = stored.body
    assert (body["action"], body["cause"], body["notice"], body["status"]) == ("block", "input", NOTICE, 200)
    assert body["delivered_chars"] == 0 and body["attempts"] == 0
    assert stored.content is not None and "response" not in stored.content


@pytest.mark.parametrize("stream", [False, True])
def test_what_is_refined_goes_with_guidance(
    running: Gateway, server: Upstream, play: Any, chat: openai.OpenAI, stream: bool
) -> None:
    asked = {**asking("[refine] please"), "reasoning_effort": "low"}
    answer: Any = chat.chat.completions.create(**asked, stream=stream)
    if stream:
        list(answer)
    sent = server.asked[0]
    assert sent["messages"][0] == {"role": "system", "content": "Mind the rules."}
    assert sent["reasoning_effort"] == "medium"
    body = running.record().body
    assert body["action"] == "refine" and body["effort"]["sent"] == "medium"


@pytest.mark.parametrize("stream", [False, True])
def test_a_refined_reply_that_may_not_go_out_is_asked_for_once_more(
    running: Gateway, server: Upstream, play: Any, chat: openai.OpenAI, stream: bool
) -> None:
    play(saying("[harm] indeed"), saying("A safe answer."))
    if stream:
        assert streamed(chat, "[refine] please") == ("A safe answer.", "stop")
    else:
        assert chat.chat.completions.create(**asking("[refine] please")).choices[0].message.content == "A safe answer."
    assert len(server.asked) == 2
    assert "withheld" in server.asked[1]["messages"][0]["content"]
    body = running.record().body
    assert body["attempts"] == 2 and not body["cut"]


@pytest.mark.parametrize("stream", [False, True])
def test_a_second_one_is_refused(
    running: Gateway, server: Upstream, play: Any, chat: openai.OpenAI, stream: bool
) -> None:
    play(saying("[harm] indeed"))
    if stream:
        said, stop = streamed(chat, "[refine] please")
    else:
        choice = chat.chat.completions.create(**asking("[refine] please")).choices[0]
        said, stop = choice.message.content or "", choice.finish_reason
    assert NOTICE in said and "[harm]" not in said and stop == "content_filter"
    assert len(server.asked) == 2 and running.record().body["cut"]


def test_a_stream_is_cut_where_it_turns(running: Gateway, server: Upstream, play: Any, chat: openai.OpenAI) -> None:
    play(streaming(["A calm beginning. ", "Then ", "[ha", "rm] and ", "more of it."]))
    said, stop = streamed(chat, "Hello.")
    assert said.startswith("A calm beginning. ") and "[ha" not in said and "more" not in said
    assert said.endswith(NOTICE) and stop == "content_filter"
    stored = running.record()
    assert stored.body["cut"] and (stored.body["action"], stored.body["cause"]) == ("block", "output")
    assert stored.content is not None
    assert stored.content["response"] == "A calm beginning. " and "[harm]" in stored.content["withheld"]


def test_a_whole_reply_is_judged_as_the_stream_is(
    running: Gateway, server: Upstream, play: Any, chat: openai.OpenAI
) -> None:
    play(saying("Then [harm] and more."))
    choice = chat.chat.completions.create(**asking("Hello.")).choices[0]
    assert (choice.message.content, choice.finish_reason) == (NOTICE, "content_filter")
    assert running.record().body["delivered_chars"] == 0


def test_shadow_mode_records_and_lets_through(
    running: Gateway, server: Upstream, play: Any, chat: openai.OpenAI
) -> None:
    assert running.worker.parts is not None
    screen: Any = running.worker.parts.live.now.screens["default"]
    screen.shadow = True
    try:
        reply = chat.chat.completions.create(**asking("[block] please"))
    finally:
        screen.shadow = False
    assert reply.choices[0].finish_reason == "stop"
    body = running.record().body
    assert body["shadow"] and body["action"] == "block" and body["delivered_chars"] > 0


def test_another_dialect_on_the_clients_side(
    running: Gateway, server: Upstream, play: Any, claude: anthropic.Anthropic
) -> None:
    talk: Any = [{"role": "user", "content": "Hello."}]
    message = claude.messages.create(model="m", max_tokens=50, messages=talk)
    assert message.content[0].text == "The lake lies still below the hills."  # type: ignore[union-attr]
    assert server.paths[-1] == "/v1/chat/completions"
    with claude.messages.stream(model="m", max_tokens=50, messages=talk) as stream:
        assert "".join(stream.text_stream) == "The lake lies still below the hills."
    blocked: Any = [{"role": "user", "content": "[block] please"}]
    refused = claude.messages.create(model="m", max_tokens=50, messages=blocked)
    assert refused.stop_reason == "refusal"
    play(streaming(["A calm beginning. ", "Then ", "[harm]"]))
    with claude.messages.stream(model="m", max_tokens=50, messages=talk) as stream:
        said = "".join(stream.text_stream)
        assert said.startswith("A calm") and "[harm]" not in said
        assert stream.get_final_message().stop_reason == "refusal"
    with pytest.raises(anthropic.NotFoundError):
        claude.post("/v1/nothing", body={}, cast_to=object)


def test_nothing_a_client_sends_skips_a_check(running: Gateway, server: Upstream, play: Any) -> None:
    asked = {**asking("[block] please"), "metadata": {"solon": "off"}, "solon": {"screen": False}, "policy": "none"}
    headers = {"authorization": f"Bearer {KEY}", "x-solon-skip": "1", "x-solon-policy": "none", "x-shadow": "true"}
    answer = httpx.post(f"{running.url}/v1/chat/completions?policy=none&skip=1", json=asked, headers=headers)
    assert answer.json()["choices"][0]["finish_reason"] == "content_filter" and not server.asked
