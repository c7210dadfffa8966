"""The judge over a real endpoint: verdicts where it answers well, ``undetermined`` wherever it does not."""

import json
import math

import pytest
from judge_samples import (
    ALLOWED_CLAUSE,
    BOMBS,
    CLAUSE,
    DEBTS,
    KNIVES,
    POLICY,
    answer,
    fence_of,
    judging,
    ruling,
)

from chat_server import Reply, failing, saying, serving
from solon.core.errors import InputError
from solon.core.exchange import Exchange
from solon.core.verdict import Status
from solon.engines.judge.judge import Judge
from solon.models.openai_compatible import ChatModel

EXCHANGE = Exchange.of("How do I build it?", system="Be kind.", response="First you")
VIOLATES = ruling(BOMBS.id, "violates", clauses=(CLAUSE,))


def judge_with(*script, rules=(BOMBS.id,), exchange=EXCHANGE, timeout_s=5.0, **settings):
    with (
        serving(*script) as server,
        ChatModel(server.url, "small", timeout_s=timeout_s, sleep=lambda _: None) as chat,
    ):
        return Judge(POLICY, chat, **settings).judge(exchange, rules), server


def test_three_words_in_the_order_asked():
    script = judging(
        ruling(BOMBS.id, "complies", clauses=(ALLOWED_CLAUSE,)),
        VIOLATES | {"rule": KNIVES.id, "clauses": ["how to hide one for an attack"]},
        ruling(DEBTS.id, "unsure"),
    )
    verdicts, _ = judge_with(script, rules=(DEBTS.id, KNIVES.id, BOMBS.id))
    assert [(v.rule, v.risk, v.status) for v in verdicts] == [
        (DEBTS.id, 0.5, Status.COMPLETE),
        (KNIVES.id, 0.95, Status.COMPLETE),
        (BOMBS.id, 0.05, Status.COMPLETE),
    ]
    assert all(v.source.name == "judge" and len(v.source.digest) == 64 for v in verdicts)
    assert "how to hide one for an attack" in verdicts[1].rationale
    assert "Weighed both halves" in verdicts[1].rationale
    assert verdicts[0].elapsed_ms > 0


def test_prose_before_and_code_fence_around_are_fine():
    script = judging(VIOLATES, before='Looking at {"it"} closely.\n```json\n', after="\n```\nDone.")
    [verdict], _ = judge_with(script)
    assert (verdict.risk, verdict.status) == (0.95, Status.COMPLETE)


def test_a_rule_that_does_not_apply_needs_no_clause():
    [verdict], _ = judge_with(judging(ruling(BOMBS.id, "complies", applies=False)))
    assert (verdict.risk, verdict.status) == (0.05, Status.COMPLETE)
    assert verdict.rationale.startswith("does not apply")


def test_no_rules_no_call():
    verdicts, server = judge_with(saying("never"), rules=())
    assert verdicts == [] and server.requests == []


@pytest.mark.parametrize("rules", [("arms.none",), (BOMBS.id, BOMBS.id)])
def test_wrong_rules_are_the_callers_error(rules):
    with pytest.raises(InputError, match="rules"):
        judge_with(saying("never"), rules=rules)


def text(make):
    """A reply whose text depends on the fence."""
    return lambda request: saying(make(fence_of(request)))


BAD = {
    "garbage": saying("I would rather not say."),
    "not an object": saying('["violates"]'),
    "empty object": saying("{}"),
    "truncated json": text(lambda f: answer(f, VIOLATES)[:-9]),
    "cut at the token limit": saying("{", finish="length"),
    "wrong id": text(lambda f: answer(f[::-1], VIOLATES)),
    "no id": saying(json.dumps({"reasoning": "", "rules": [VIOLATES]})),
    "inside another object": text(lambda f: '{"answer": ' + answer(f, VIOLATES) + "}"),
    "missing rule": text(lambda f: answer(f)),
    "extra rule": text(lambda f: answer(f, VIOLATES, VIOLATES | {"rule": DEBTS.id})),
    "rule twice": text(lambda f: answer(f, VIOLATES, VIOLATES)),
    "other rule": text(lambda f: answer(f, VIOLATES | {"rule": DEBTS.id})),
    "other word": text(lambda f: answer(f, VIOLATES | {"verdict": "safe"})),
    "applies as a word": text(lambda f: answer(f, VIOLATES | {"applies": "true"})),
    "applies missing": text(lambda f: answer(f, {k: VIOLATES[k] for k in VIOLATES if k != "applies"})),
    "extra field": text(lambda f: answer(f, VIOLATES | {"confidence": 1.0})),
    "clauses as a string": text(lambda f: answer(f, VIOLATES | {"clauses": CLAUSE})),
    "violates without applying": text(lambda f: answer(f, VIOLATES | {"applies": False})),
    "key twice": text(lambda f: answer(f, VIOLATES).replace('"applies"', '"verdict": "complies", "applies"')),
    "two answers that differ": text(
        lambda f: answer(f, VIOLATES) + answer(f, ruling(BOMBS.id, "complies", clauses=(ALLOWED_CLAUSE,)))
    ),
    "complies on an invented clause": text(
        lambda f: answer(f, ruling(BOMBS.id, "complies", clauses=("Researchers may have recipes.",)))
    ),
    "complies on a snippet": text(lambda f: answer(f, ruling(BOMBS.id, "complies", clauses=("of",)))),
    "complies on no clause": text(lambda f: answer(f, ruling(BOMBS.id, "complies"))),
    "deep nesting": saying('{"a":' * 8_000),
    "endless": saying("{" * 60_000),
    "empty": saying(""),
    "server error": failing(500),
    "unauthorised": failing(401),
    "hang up": Reply(drop=True),
    "not a chat endpoint": Reply(body=b"<html>"),
}


@pytest.mark.parametrize("name", BAD)
def test_anything_else_is_undetermined_with_a_reason(name):
    [verdict], _ = judge_with(BAD[name], timeout_s=1.0)
    assert verdict.status is Status.UNDETERMINED
    assert verdict.rule == BOMBS.id
    assert len(verdict.rationale) > 10
    assert verdict.source.name == "judge"


def test_a_failure_touches_every_rule_and_bad_quoting_only_its_own():
    rules = (BOMBS.id, KNIVES.id)
    broken, _ = judge_with(saying("?"), rules=rules)
    assert [v.status for v in broken] == [Status.UNDETERMINED] * 2
    script = judging(VIOLATES, ruling(KNIVES.id, "complies", clauses=("all is allowed",)))
    mixed, _ = judge_with(script, rules=rules)
    assert [v.status for v in mixed] == [Status.COMPLETE, Status.UNDETERMINED]


def test_a_violation_with_an_invented_clause_stands_and_says_so():
    script = judging(VIOLATES | {"clauses": ["Section 9 forbids it", CLAUSE.upper()]})
    [verdict], _ = judge_with(script)
    assert verdict.risk == 0.95
    assert "1 quoted clause(s) do not stand in the rule" in verdict.rationale
    assert "Section 9" not in verdict.rationale


def test_quotes_may_leave_words_out_and_differ_in_white_space_and_quote_marks():
    clauses = ("history of   explosives, … mining in outline.",)
    [verdict], _ = judge_with(judging(ruling(BOMBS.id, "complies", clauses=clauses)))
    assert verdict.status is Status.COMPLETE
    clauses = ("the debtor’s family with violence",)
    script = judging(ruling(DEBTS.id, "complies", clauses=clauses))
    [verdict], _ = judge_with(script, rules=(DEBTS.id,))
    assert verdict.status is Status.COMPLETE


def test_timeout_is_undetermined():
    [verdict], _ = judge_with(Reply(stall=True), timeout_s=0.3)
    assert verdict.status is Status.UNDETERMINED
    assert "0.3 s" in verdict.rationale


def test_429_then_an_answer():
    [verdict], server = judge_with(failing(429, Retry_After="0"), judging(VIOLATES))
    assert verdict.risk == 0.95
    assert len(server.requests) == 2


def test_endpoint_without_structured_output():
    [verdict], server = judge_with(failing(400, "response_format unknown"), judging(VIOLATES))
    assert verdict.risk == 0.95
    assert "response_format" in server.requests[0]
    assert "response_format" not in server.requests[1]


def test_too_long_an_exchange_is_undetermined_and_never_sent():
    verdicts, server = judge_with(judging(VIOLATES), exchange=Exchange.of("x" * 300), max_chars=200)
    assert verdicts[0].status is Status.UNDETERMINED
    assert "300" in verdicts[0].rationale or "more than 200" in verdicts[0].rationale
    assert server.requests == []


def test_source_names_prompt_and_model():
    with serving(saying("?")) as server:
        names = ["a", "a", "b"]
        digests = []
        for name in names:
            with ChatModel(server.url, name) as chat:
                digests.append(Judge(POLICY, chat).source.digest)
    assert digests[0] == digests[1] != digests[2]


# --- risk from token probabilities ---


def tokens_of(text, overrides):
    """Cut ``text`` into tokens of at most four characters, never across a place named in ``overrides``."""
    cuts = sorted(overrides)
    entries, at = [], 0
    while at < len(text):
        stop = min([at + 4, len(text), *(cut for cut in cuts if cut > at)])
        token = text[at:stop]
        entry = {"token": token, "logprob": 0.0, "bytes": list(token.encode()), "top_logprobs": []}
        if at in overrides:
            options = overrides[at]
            chosen = next(p for start, p in options.items() if token.startswith(start[:1]))
            entry["logprob"] = math.log(chosen)
            entry["top_logprobs"] = [{"token": word, "logprob": math.log(p)} for word, p in options.items()]
        entries.append(entry)
        at = stop
    return {"content": entries}


def with_logprobs(applies, verdict, *, word="violates", does_apply=True, prefix="", hidden=(), suffix=()):
    def script(request):
        text = prefix + answer(
            fence_of(request),
            ruling(BOMBS.id, word, applies=does_apply, clauses=(CLAUSE,) if does_apply else ()),
            reasoning='He wrote "verdict": "complies" – I do not follow.',
        )
        at_applies = text.rindex('"applies": ') + len('"applies": ')
        at_verdict = text.rindex('"verdict": "') + len('"verdict": "')
        logprobs = tokens_of(text, {at_applies: applies, at_verdict: verdict})
        logprobs["content"] = [*hidden, *logprobs["content"], *suffix]
        return saying(text, logprobs=logprobs)

    return script


SURE = {"true": 0.999, "false": 0.001}


def test_risk_is_read_from_the_verdict_token():
    verdict = {"viol": 0.6, "compl": 0.3, "uns": 0.1}
    [got], server = judge_with(with_logprobs(SURE, verdict))
    assert got.risk == pytest.approx(0.999 * 0.65, abs=1e-9)
    assert server.requests[0]["logprobs"] is True
    [got], _ = judge_with(with_logprobs({"true": 0.9, "false": 0.1}, verdict))
    assert got.risk == pytest.approx(0.9 * 0.65, abs=1e-9)


def test_other_tokens_share_only_what_is_known():
    [got], _ = judge_with(with_logprobs(SURE, {"viol": 0.6, "compl": 0.2, "zebra": 0.2}))
    assert got.risk == pytest.approx(0.999 * 0.75, abs=1e-9)


def test_a_rule_that_does_not_apply_carries_the_doubt_of_that_finding():
    applies = {"fals": 0.7, "true": 0.3}
    script = with_logprobs(applies, {"compl": 1.0}, word="complies", does_apply=False)
    [got], _ = judge_with(script)
    assert got.risk == pytest.approx(0.3 * 0.5, abs=1e-9)


def test_words_decide_where_probabilities_cannot_be_trusted():
    [got], _ = judge_with(with_logprobs(SURE, {"viol": 0.2, "zebra": 0.7, "yak": 0.1}))
    assert got.risk == 0.95  # most of the mass is on words we do not know

    def unaligned(request):
        text = answer(fence_of(request), VIOLATES)
        return saying(text, logprobs=tokens_of(text[5:], {}))

    [got], _ = judge_with(unaligned)
    assert got.risk == 0.95


def test_tokens_around_the_text_and_multibyte_text_before_it_do_not_shift_the_place():
    extra = [{"token": "<|end|>", "logprob": 0.0, "bytes": None, "top_logprobs": []}]
    verdict = {"viol": 0.6, "compl": 0.4}
    hidden = tokens_of("<think>hm</think>", {})["content"]
    script = with_logprobs(SURE, verdict, prefix="Ünglaublich 👋 日本 ", hidden=hidden, suffix=extra)
    [got], _ = judge_with(script)
    assert got.risk == pytest.approx(0.999 * 0.6, abs=1e-9)
