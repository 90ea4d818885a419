"""LiteLLM's proxy, unmodified, is a provider of the gateway: a gateway behind the gateway.

The proxy has the scripted upstream as its only server, and wants a key, which the gateway has.
"""

import json
import os

import openai
import pytest
from conftest import PREFIX, control, unique
from scripted import ANSWER, CALLS, IMAGES, LONG, MESSAGES, PERSON, SEEN, TOOLS, USAGE, Person
from scripted import tokens

PREFIXES = {
    "passthrough": os.environ.get("LITELLM_PREFIX"),
    "translated": os.environ.get("LITELLM_TRANSLATED_PREFIX"),
}

# What an error of the upstream is behind two gateways. The proxy puts the status in the place of
# the code, and its own words around the upstream's.
ERRORS = {
    "error-400": (openai.BadRequestError, 400),
    "error-401": (openai.InternalServerError, 502),
    "error-404": (openai.NotFoundError, 404),
    "error-429": (openai.RateLimitError, 429),
    "error-500": (openai.InternalServerError, 502),
    "error-503": (openai.InternalServerError, 503),
}

pytestmark = pytest.mark.skipif(not all(PREFIXES.values()), reason="there is no proxy")


@pytest.fixture(params=PREFIXES.values(), ids=PREFIXES.keys())
def prefix(request):
    return request.param


def ask(client, model, **rest):
    return client.chat.completions.create(**{"model": model, "messages": MESSAGES, **rest})


def text_of(chunks):
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


def called(message):
    calls = [call.function for call in message.tool_calls]
    return [(function.name, json.loads(function.arguments)) for function in calls]


def test_chat(client, prefix):
    completion = ask(client, prefix + "echo")
    assert completion.choices[0].message.content == ANSWER
    assert completion.choices[0].finish_reason == "stop"
    assert tokens(completion.usage) == USAGE


def test_vision(client, prefix):
    parts = [{"type": "image_url", "image_url": {"url": url}} for url in IMAGES]
    content = [{"type": "text", "text": "What is this?"}, *parts]
    completion = ask(client, prefix + "vision", messages=[{"role": "user", "content": content}])
    assert completion.choices[0].message.content == SEEN


def test_stream(client, prefix):
    chunks = list(ask(client, prefix + "echo", stream=True))
    assert text_of(chunks) == ANSWER
    assert len(chunks) > 10, "it came in one piece"
    assert [reason for chunk in chunks if (reason := chunk.choices[0].finish_reason)] == ["stop"]
    assert all(chunk.usage is None for chunk in chunks), "nobody asked for the usage"


def test_stream_with_usage(client, prefix):
    *chunks, last = ask(
        client, prefix + "echo", stream=True, stream_options={"include_usage": True}
    )
    assert text_of(chunks) == ANSWER
    assert all(chunk.usage is None for chunk in chunks)
    # The proxy has an empty delta beside the usage, where OpenAI has no choice.
    assert text_of([last]) == ""
    assert tokens(last.usage) == USAGE


def test_reasoning(client, prefix):
    message = ask(client, prefix + "reasoning").choices[0].message
    assert message.reasoning_content.startswith("First I read")
    assert message.content == ANSWER


def test_tools(client, prefix):
    choice = ask(client, prefix + "tools", tools=TOOLS).choices[0]
    assert choice.finish_reason == "tool_calls"
    assert called(choice.message) == CALLS
    results = [
        {"role": "tool", "tool_call_id": call.id, "content": "sunny"}
        for call in choice.message.tool_calls
    ]
    messages = [*MESSAGES, choice.message, *results]
    completion = ask(client, prefix + "tools", tools=TOOLS, messages=messages)
    assert completion.choices[0].message.content.startswith("You said: sunny")


def test_tools_in_a_stream(client, prefix):
    with client.chat.completions.stream(
        model=prefix + "tools", messages=MESSAGES, tools=TOOLS
    ) as stream:
        completion = stream.get_final_completion()
    assert called(completion.choices[0].message) == CALLS


def test_structured_output(client, prefix):
    completion = client.chat.completions.parse(
        model=prefix + "json", messages=MESSAGES, response_format=Person
    )
    assert completion.choices[0].message.parsed == PERSON


def test_embeddings_are_those_of_the_upstream(client, prefix):
    def vectors(model):
        response = client.embeddings.create(model=model, input=["one", "two"])
        assert response.usage.prompt_tokens == 2
        return [list(item.embedding) for item in response.data]

    assert vectors(prefix + "embed") == vectors(PREFIX + "embed")


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("script", ERRORS)
def test_errors_are_those_of_a_single_gateway(client, prefix, script, stream):
    exception, status = ERRORS[script]
    with pytest.raises(openai.APIStatusError) as caught:
        ask(client, prefix + script, stream=stream)
    assert type(caught.value) is exception
    assert caught.value.status_code == status


def test_a_context_too_long_is_told_by_its_code(client, prefix):
    with pytest.raises(openai.BadRequestError) as caught:
        ask(client, prefix + "context-too-long")
    assert caught.value.code == "context_length_exceeded"


def test_a_stream_that_fails(client, prefix):
    stream = ask(client, prefix + "error-midstream", stream=True)
    with pytest.raises(openai.APIError) as caught:
        list(stream)
    assert "scripted: the model exploded" in caught.value.message


def test_a_stream_that_is_cut_off(client, prefix):
    with pytest.raises(openai.APIError):
        list(ask(client, prefix + "cut-after-3", stream=True))


def test_a_stream_closed_half_way(client, prefix):
    script = unique("echo-20ms")
    stream = ask(client, prefix + script, messages=LONG, stream=True)
    next(iter(stream))
    stream.close()
    # How soon it is noticed is the proxy's affair.
    assert control("/_/cancelled", model=script, wait_ms=10_000)["count"] == 1
