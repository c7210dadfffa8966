"""Any JSON value is an Ask or a WireError with a place; whatever a model would read is screened or refused."""

import copy
import re
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from published import JSON, at, mangled, paths, put, requests

from solon.gateway.dialects.base import Refusal, WireError
from solon.gateway.dialects.catalogue import DIALECTS
from solon.gateway.wire import Ask

NAMES = sorted(DIALECTS)
FUZZ = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
CANARY = "canary4711"

# Places that no model reads as language: identifiers, switches, ciphertext, addresses, and the names that pick one of
# the tools, which are read where those are defined. The table in docs/gateway_dialects.md says the same in words.
_UNREAD = re.compile(
    r"""(^|\.)(
    type|id|call_id|tool_use_id|tool_call_id|item_id|approval_request_id|file_id|container_id|caller_id
    |model|role|status|detail|media_type|signature|encrypted_\w+|fingerprint|authorization\w*|headers\..*
    |data|file_data|image_url|url|result|file_url
    )$
    |^(tool_choice|function_call|metadata|user|safety_identifier|service_tier|stop|stop_sequences|include|seed
      |reasoning|reasoning_effort|verbosity|thinking|output_config\.effort|stream_options|modalities|audio|logit_bias
      |moderation|store|truncation|prompt_cache\w*|previous_response_id|conversation|background_options
      |access_programs|image|context_management|inference_geo|speed|diagnostics|user_profile_id|workspace_id|container
      |cache_control|prompt|text\.verbosity|text\.format\.type|response_format\.type|n|top_p)(\.|$)
    |cache_control|prompt_cache_breakpoint|\.caller|allowed_callers|\.transformations|\.toolset_name
    |^messages\.\d+\.audio
    |\.(phase|namespace|execution|created_by)$
    """,
    re.VERBOSE,
)


def read(dialect: str, body: Any) -> Ask | WireError:
    try:
        return DIALECTS[dialect].read_ask(body)
    except WireError as error:
        assert error.place, error
        assert error.repair, error
        assert DIALECTS[dialect].write_error(error)[0] in range(400, 600)
        return error


@pytest.mark.parametrize("dialect", NAMES)
@FUZZ
@given(data=st.data())
def test_any_request_is_read_or_refused_with_its_place(dialect: str, data: st.DataObject) -> None:
    body = data.draw(mangled(dialect))
    before = copy.deepcopy(body)
    ask = read(dialect, body)
    assert body == before, "a request is never changed in place"
    if isinstance(ask, WireError):
        return
    assert DIALECTS[dialect].write_ask(ask) is body
    ask.exchange()
    _ = ask.images, ask.unread
    for name, target in DIALECTS.items():
        orjson.dumps(target.refuse(Refusal(notice="No."), ask))
        assert target.writer(ask).cut(Refusal(notice="No."))
        try:
            said = target.write_ask(ask)
        except WireError as error:
            assert error.place, error
            continue
        if name != dialect:
            orjson.dumps(target.guided(target.metered(said), "Think."))
            again = target.read_ask(said)
            assert again.model == ask.model
            assert again.stream == ask.stream


@pytest.mark.parametrize("dialect", NAMES)
@FUZZ
@given(body=st.dictionaries(st.sampled_from(["model", "messages", "input", "tools", "max_tokens", "system"]), JSON))
def test_any_json_is_read_or_refused_with_its_place(dialect: str, body: dict[str, Any]) -> None:
    read(dialect, body)


@pytest.mark.parametrize("dialect", NAMES)
@settings(FUZZ, max_examples=40)
@given(data=st.data())
def test_nothing_a_model_reads_goes_unscreened(dialect: str, data: st.DataObject) -> None:
    body = data.draw(requests(dialect))
    places = [path for path in paths(body) if isinstance(at(body, path), str) and not _UNREAD.search(_dotted(path))]
    assume(places)
    path = data.draw(st.sampled_from(places))
    put(body, path, f'{{"{CANARY}": 1}}' if path[-1] == "arguments" else CANARY)
    ask = read(dialect, body)
    if isinstance(ask, WireError) or ask.unread:
        return
    heard = "\n".join(message.content for message in ask.exchange().messages)
    assert CANARY in heard, _dotted(path)


@pytest.mark.parametrize("dialect", NAMES)
@settings(FUZZ, max_examples=40)
@given(data=st.data())
def test_a_field_nobody_published_is_screened_wherever_it_stands(dialect: str, data: st.DataObject) -> None:
    body = data.draw(requests(dialect))
    holders = [path for path in [(), *paths(body)] if isinstance(at(body, path), dict)]
    holders = [path for path in holders if _ANYWHERE[dialect].fullmatch(_dotted(path))]
    path = data.draw(st.sampled_from(holders))
    at(body, path)["chat_template"] = {"deep": [CANARY]}
    ask = read(dialect, body)
    if isinstance(ask, WireError) or ask.unread:
        return
    heard = "\n".join(message.content for message in ask.exchange().messages)
    assert CANARY in heard, _dotted(path)


_ANYWHERE = {
    "openai_chat": re.compile(r"|messages\.\d+(\.content\.\d+)?|tools\.\d+(\.function)?"),
    "openai_responses": re.compile(r"|input\.\d+(\.content\.\d+)?|tools\.\d+"),
    "anthropic_messages": re.compile(r"|messages\.\d+(\.content\.\d+)?|tools\.\d+|system\.\d+"),
}


def _dotted(path: tuple[Any, ...]) -> str:
    return ".".join(str(step) for step in path)
