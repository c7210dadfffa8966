"""Run by another interpreter: one client library against a gateway; prints what it read. ``client url key``."""

import sys


def langchain_openai(url: str, key: str) -> str:
    from langchain_openai import ChatOpenAI

    model = ChatOpenAI(model="solon-echo", base_url=f"{url}/v1", api_key=key, max_retries=0)
    streamed = "".join(str(piece.content) for piece in model.stream("Hello there"))
    assert streamed == model.invoke("Hello there").content
    return streamed


def langchain_anthropic(url: str, key: str) -> str:
    from langchain_anthropic import ChatAnthropic

    model = ChatAnthropic(model="solon-echo", base_url=url, api_key=key, max_retries=0, max_tokens=100)
    return str(model.invoke("Hello there").content)


def litellm(url: str, key: str) -> str:
    import litellm

    messages = [{"role": "user", "content": "Hello there"}]
    asked = {"messages": messages, "api_key": key, "num_retries": 0}
    whole = litellm.completion(model="openai/solon-echo", api_base=f"{url}/v1", **asked)
    messages_reply = litellm.completion(model="anthropic/solon-echo", api_base=url, max_tokens=100, **asked)
    assert messages_reply.choices[0].message.content == whole.choices[0].message.content
    return whole.choices[0].message.content


def pydantic_ai(url: str, key: str) -> str:
    from pydantic_ai import Agent
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.providers.openai import OpenAIProvider

    model = OpenAIChatModel("solon-echo", provider=OpenAIProvider(base_url=f"{url}/v1", api_key=key))
    return Agent(model).run_sync("Hello there").output


def inspect_ai(url: str, key: str) -> str:
    import asyncio

    from inspect_ai.model import get_model

    model = get_model("openai/solon-echo", base_url=f"{url}/v1", api_key=key)
    return asyncio.run(model.generate("Hello there")).completion


if __name__ == "__main__":
    print(globals()[sys.argv[1]](*sys.argv[2:]))
