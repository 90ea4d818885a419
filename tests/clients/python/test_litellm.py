"""LiteLLM's library, unmodified, asks the gateway as an OpenAI-compatible server."""

import asyncio
import json
import os

# Otherwise the package fetches its list of prices, which is a file of a public repository.
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"

import litellm
import pytest
from conftest import BASE_URL, GATEWAY, KEY, PREFIX, ROOT_URL, unique
from litellm import exceptions
from scripted import ANSWER, CALLS, IMAGES, MESSAGES, PERSON, SEEN, TOOLS, USAGE, Person, tokens

litellm.suppress_debug_info = True

# The two names under which it knows such a server: any that speaks OpenAI's protocol, and a
# gateway in particular, to which it passes on more of what its user asks for.
PROVIDERS = ["openai", "litellm_proxy"]

# What an error of the upstream is for the user. Of its own accord it tells them by their status
# and, where there is one for it, by their words.
ERRORS = {
    "error-400": (exceptions.BadRequestError, 400),
    "error-401": (exceptions.BadGatewayError, 502),
    "error-404": (exceptions.NotFoundError, 404),
    "error-429": (exceptions.RateLimitError, 429),
    "error-500": (exceptions.BadGatewayError, 502),
    "error-503": (exceptions.ServiceUnavailableError, 503),
    "context-too-long": (exceptions.ContextWindowExceededError, 400),
}

behind_a_gateway = pytest.mark.skipif(not GATEWAY, reason="the upstream's own errors differ")


@pytest.fixture(params=PROVIDERS)
def provider(request):
    return request.param


def options(provider, model, **rest):
    server = {"model": f"{provider}/{model}", "api_base": BASE_URL, "api_key": KEY}
    return {**server, "messages": MESSAGES, "num_retries": 0, "max_retries": 0, **rest}


def ask(provider, model, **rest):
    return litellm.completion(**options(provider, model, **rest))


def text_of(chunks):
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


def called(message):
    calls = [call.function for call in message.tool_calls]
    return [(function.name, json.loads(function.arguments)) for function in calls]


# Chat.


def test_chat(provider, prefix):
    completion = ask(provider, prefix + "echo")
    assert completion.choices[0].message.content == ANSWER
    assert completion.choices[0].finish_reason == "stop"
    assert tokens(completion.usage) == USAGE


def test_vision(prefix):
    parts = [{"type": "image_url", "image_url": {"url": url}} for url in IMAGES]
    content = [{"type": "text", "text": "What is this?"}, *parts]
    completion = ask("openai", prefix + "vision", messages=[{"role": "user", "content": content}])
    assert completion.choices[0].message.content == SEEN


def test_stream(provider, prefix):
    chunks = list(ask(provider, prefix + "echo", stream=True))
    assert text_of(chunks) == ANSWER
    assert [reason for chunk in chunks if (reason := chunk.choices[0].finish_reason)] == ["stop"]
    assert len(chunks) > 10, "it came in one piece"


def test_stream_with_usage(provider, prefix):
    chunks = list(
        ask(provider, prefix + "echo", stream=True, stream_options={"include_usage": True})
    )
    assert text_of(chunks) == ANSWER
    # The package can put a stream together again, which its callbacks rely on.
    whole = litellm.stream_chunk_builder(chunks, messages=MESSAGES)
    assert whole.choices[0].message.content == ANSWER
    assert tokens(whole.usage) == USAGE


def test_reasoning_comes_first(prefix):
    completion = ask("openai", prefix + "reasoning")
    assert completion.choices[0].message.reasoning_content.startswith("First I read")
    assert completion.choices[0].message.content == ANSWER
    deltas = [
        chunk.choices[0].delta for chunk in ask("openai", prefix + "reasoning", stream=True)
    ]
    thoughts = [getattr(delta, "reasoning_content", None) or "" for delta in deltas]
    assert "".join(thoughts).startswith("First I read")


def test_async(provider, prefix):
    async def run():
        one = await litellm.acompletion(**options(provider, prefix + "echo"))
        stream = await litellm.acompletion(**options(provider, prefix + "echo", stream=True))
        return one, [chunk async for chunk in stream]

    one, chunks = asyncio.run(run())
    assert one.choices[0].message.content == ANSWER
    assert text_of(chunks) == ANSWER


# Tools and structured output.


def test_tools(provider, prefix):
    choice = ask(provider, prefix + "tools", tools=TOOLS).choices[0]
    assert choice.finish_reason == "tool_calls"
    assert called(choice.message) == CALLS

    # And the round is completed, with the message as the package gave it.
    results = [
        {"role": "tool", "tool_call_id": call.id, "content": "sunny"}
        for call in choice.message.tool_calls
    ]
    completion = ask(
        provider, prefix + "tools", tools=TOOLS, messages=[*MESSAGES, choice.message, *results]
    )
    assert completion.choices[0].message.content.startswith("You said: sunny")


def test_tools_in_a_stream(provider, prefix):
    chunks = list(ask(provider, prefix + "tools", tools=TOOLS, stream=True))
    whole = litellm.stream_chunk_builder(chunks, messages=MESSAGES)
    assert called(whole.choices[0].message) == CALLS
    assert whole.choices[0].finish_reason == "tool_calls"


def test_structured_output(provider, prefix):
    completion = ask(provider, prefix + "json", response_format=Person)
    assert Person.model_validate_json(completion.choices[0].message.content) == PERSON


# As a server that speaks Anthropic's protocol.


@behind_a_gateway
@pytest.mark.parametrize("stream", [False, True])
def test_messages(prefix, stream):
    answer = ask("anthropic", prefix + "tools", api_base=ROOT_URL, tools=TOOLS, stream=stream)
    if stream:
        answer = litellm.stream_chunk_builder(list(answer), messages=MESSAGES)
    choice = answer.choices[0]
    assert choice.finish_reason == "tool_calls"
    assert called(choice.message) == CALLS

    results = [
        {"role": "tool", "tool_call_id": call.id, "content": "sunny"}
        for call in choice.message.tool_calls
    ]
    turns = [*MESSAGES, choice.message, *results]
    answer = ask("anthropic", prefix + "tools", api_base=ROOT_URL, tools=TOOLS, messages=turns)
    assert answer.choices[0].message.content.startswith("You said: sunny")


# Embeddings.


@pytest.mark.parametrize("encoding", [None, "float", "base64"])
def test_embeddings(provider, prefix, encoding):
    request = {"input": ["one", "two"], "api_base": BASE_URL, "api_key": KEY, "max_retries": 0}
    if encoding:
        request["encoding_format"] = encoding
    response = litellm.embedding(model=f"{provider}/{prefix}embed", **request)
    assert len(response.data) == 2
    assert response.usage.prompt_tokens == 2
    if encoding != "base64":
        assert [len(item["embedding"]) for item in response.data] == [8, 8]


# Errors.


@behind_a_gateway
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("script", ERRORS)
def test_errors_are_the_exceptions_of_the_package(provider, prefix, script, stream):
    exception, status = ERRORS[script]
    with pytest.raises(Exception) as caught:
        ask(provider, prefix + script, stream=stream)
    assert type(caught.value) is exception
    assert caught.value.status_code == status


@behind_a_gateway
def test_a_model_that_is_not_there(provider):
    with pytest.raises(exceptions.NotFoundError) as caught:
        ask(provider, "nobody/nothing")
    assert "nobody/nothing" in str(caught.value)


def test_a_retry_helps_where_a_failure_passes():
    completion = ask("openai", PREFIX + unique("flaky-1"), num_retries=2)
    assert completion.choices[0].message.content == ANSWER


def test_a_stream_that_fails(provider, prefix):
    chunks = []
    # What it raises for its router, which would go on with another server.
    with pytest.raises(exceptions.MidStreamFallbackError) as caught:
        for chunk in ask(provider, prefix + "error-midstream", stream=True):
            chunks.append(chunk)
    assert "scripted: the model exploded" in str(caught.value)
    assert text_of(chunks) == "You "


@behind_a_gateway
def test_a_stream_that_is_cut_off(provider, prefix):
    with pytest.raises(exceptions.MidStreamFallbackError):
        list(ask(provider, prefix + "cut-after-3", stream=True))
