"""The official `anthropic` package, unmodified, does what its users do with it.

It asks three kinds of provider: one that speaks its own protocol and is passed on; one that
speaks OpenAI's, whose answers the gateway reads by itself; and one that a plugin translates.
"""

import asyncio
import itertools
import os
import time

import anthropic
import pytest
from conftest import (
    GATEWAY,
    KEY,
    PREFIX,
    PREFIXES,
    ROOT_URL,
    assert_upstream_saw_it_go,
    control,
    unique,
)
from scripted import ANSWER, CALLS, LONG, MESSAGES, PARAMETERS, PERSON, QUESTION, SEEN, Person

# Without a gateway there is only the upstream's own kind.
PROVIDERS = {"messages": os.environ.get("MESSAGES_PREFIX")}
if GATEWAY:
    PROVIDERS |= PREFIXES

OPTIONS = {"base_url": ROOT_URL, "api_key": KEY, "max_retries": 0, "timeout": 30.0}

TOOLS = [
    {"name": name, "description": "Tells.", "input_schema": PARAMETERS}
    for name in ("get_weather", "get_time")
]
IMAGES = [
    {"type": "image", "source": {"type": "base64", "media_type": media_type, "data": "AAAA"}}
    for media_type in ("image/png", "image/jpeg")
]
# How the scripted upstream refuses.
DECLINED = "I would rather not answer that."
THINKING = {"type": "adaptive", "display": "summarized"}

# What an error of the upstream is for the client: the exception's name, which is enough to know
# its class, the status, and the type.
ERRORS = {
    "error-400": ("BadRequestError", 400, "invalid_request_error"),
    "error-401": ("InternalServerError", 502, "api_error"),
    "error-403": ("InternalServerError", 502, "api_error"),
    "error-404": ("NotFoundError", 404, "not_found_error"),
    "error-429": ("RateLimitError", 429, "rate_limit_error"),
    "error-500": ("InternalServerError", 502, "api_error"),
    "error-529": ("OverloadedError", 529, "overloaded_error"),
    "context-too-long": ("BadRequestError", 400, "invalid_request_error"),
}

behind_a_gateway = pytest.mark.skipif(not GATEWAY, reason="the upstream's own errors differ")
pytestmark = pytest.mark.skipif(PROVIDERS["messages"] is None, reason="there is no such provider")


@pytest.fixture
def client():
    with anthropic.Anthropic(**OPTIONS) as client:
        yield client


@pytest.fixture(params=PROVIDERS.keys())
def kind(request):
    return request.param


def request(kind, script, **rest):
    model = f"{PROVIDERS[kind]}{script}"
    return {"model": model, "max_tokens": 1000, "messages": MESSAGES, **rest}


def text_of(message):
    return "".join(block.text for block in message.content if block.type == "text")


def called(message):
    return [(block.name, block.input) for block in message.content if block.type == "tool_use"]


def used(message):
    return message.usage.input_tokens, message.usage.output_tokens


def results_of(message):
    """The user's turn that answers the calls of a message."""
    uses = [block for block in message.content if block.type == "tool_use"]
    results = [
        {"type": "tool_result", "tool_use_id": use.id, "content": [{"type": "text", "text": "sunny"}]}
        for use in uses
    ]
    return {"role": "user", "content": results}


# Messages.


def test_message(client, kind):
    message = client.messages.create(**request(kind, "echo"))
    assert text_of(message) == ANSWER
    assert (message.type, message.role) == ("message", "assistant")
    assert (message.stop_reason, message.stop_sequence) == ("end_turn", None)
    assert used(message) == (3, 15)
    assert message._request_id


@pytest.mark.parametrize(
    "system",
    ["Be brief.", [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}]],
    ids=["text", "blocks"],
)
def test_system(client, kind, system):
    message = client.messages.create(**request(kind, "echo", system=system))
    assert text_of(message) == ANSWER
    # A word is a token of the upstream's, so this tells whether they arrived.
    assert used(message) == (5, 15)


def test_turns(client, kind):
    turns = [*MESSAGES, {"role": "assistant", "content": "Three."}, *MESSAGES]
    message = client.messages.create(**request(kind, "echo", messages=turns))
    assert text_of(message) == ANSWER
    assert used(message) == (7, 15)


def test_max_tokens_end_an_answer(client, kind):
    message = client.messages.create(**request(kind, "echo", max_tokens=2))
    assert text_of(message) == "You said: "
    assert message.stop_reason == "max_tokens"


def test_a_stop_sequence_ends_an_answer(client, kind):
    message = client.messages.create(**request(kind, "echo", stop_sequences=["counted"]))
    assert text_of(message) == ANSWER.partition("counted")[0]
    if kind == "messages":
        assert (message.stop_reason, message.stop_sequence) == ("stop_sequence", "counted")
    else:
        # OpenAI's protocol does not tell which it was, nor that it was one.
        assert message.stop_reason == "end_turn"


def test_a_refusal(client, kind):
    message = client.messages.create(**request(kind, "refusal"))
    assert (message.stop_reason, message.content) == ("refusal", [])
    details = message.model_dump()["stop_details"]
    assert details == {"type": "refusal", "category": None, "explanation": DECLINED}


def test_a_streamed_refusal(client, kind):
    events = list(client.messages.create(**request(kind, "refusal", stream=True)))
    assert [event.type for event in events if event.type != "ping"] == [
        "message_start",
        "message_delta",
        "message_stop",
    ]
    assert events[-2].delta.stop_reason == "refusal"
    details = events[-2].delta.model_dump()["stop_details"]
    assert details["explanation"] == DECLINED
    with client.messages.stream(**request(kind, "refusal")) as stream:
        message = stream.get_final_message()
    assert (message.stop_reason, message.content) == ("refusal", [])


def test_vision(client, kind):
    content = [*IMAGES, {"type": "text", "text": "What is this?"}]
    turns = [{"role": "user", "content": content}]
    message = client.messages.create(**request(kind, "vision", messages=turns))
    assert text_of(message) == SEEN


def test_an_image_by_its_address(client, kind):
    image = {"type": "image", "source": {"type": "url", "url": "https://images.example/a.png"}}
    turns = [{"role": "user", "content": [image, {"type": "text", "text": "What is this?"}]}]
    message = client.messages.create(**request(kind, "vision", messages=turns))
    assert text_of(message) == "I see 1 image: url."


def test_what_came_from_a_cache(client, kind):
    usage = client.messages.create(**request(kind, "cached")).usage
    assert usage.cache_read_input_tokens == 1024
    if kind == "messages":
        assert (usage.input_tokens, usage.cache_creation_input_tokens) == (3, 256)
    else:
        # OpenAI's protocol does not tell what was written to the cache.
        assert usage.input_tokens == 3 + 256


def test_structured_output(client, kind):
    message = client.messages.parse(**request(kind, "json", output_format=Person))
    assert message.parsed_output == PERSON


# Thinking.


def test_thinking(client, kind):
    thinking, answer = client.messages.create(
        **request(kind, "reasoning", thinking=THINKING)
    ).content
    assert thinking.type == "thinking"
    assert thinking.thinking.startswith("First I read")
    assert isinstance(thinking.signature, str)
    assert answer.text == ANSWER

    # And what was thought is sent back with the next question.
    turns = [*MESSAGES, {"role": "assistant", "content": [thinking, answer]}, *MESSAGES]
    message = client.messages.create(**request(kind, "echo", thinking=THINKING, messages=turns))
    assert text_of(message) == ANSWER


def test_thinking_in_a_stream(client, kind):
    with client.messages.stream(**request(kind, "reasoning", thinking=THINKING)) as stream:
        thoughts = [event.thinking for event in stream if event.type == "thinking"]
        message = stream.get_final_message()
    assert "".join(thoughts).startswith("First I read")
    assert [block.type for block in message.content] == ["thinking", "text"]
    assert message.content[0].thinking == "".join(thoughts)
    assert text_of(message) == ANSWER


# Streams.


@pytest.mark.parametrize("script", ["echo", "echo-1ms", "claude-haiku-4-5--echo"])
def test_stream(client, kind, script):
    events = list(client.messages.create(**request(kind, script), stream=True))
    types = [event.type for event in events]
    deltas = [event.delta for event in events if event.type == "content_block_delta"]
    assert types[0] == "message_start"
    assert types[-3:] == ["content_block_stop", "message_delta", "message_stop"]
    assert types.count("content_block_start") == 1
    assert len(deltas) > 10, "it came in one piece"
    assert "".join(delta.text for delta in deltas) == ANSWER
    start, end = events[0].message, events[-2]
    assert (start.role, start.content, start.stop_reason) == ("assistant", [], None)
    assert isinstance(start.usage.input_tokens, int)
    assert (end.delta.stop_reason, end.usage.output_tokens) == ("end_turn", 15)


def test_the_stream_helper(client, kind):
    with client.messages.stream(**request(kind, "echo")) as stream:
        pieces = list(stream.text_stream)
        message = stream.get_final_message()
    assert len(pieces) > 10, "it came in one piece"
    assert "".join(pieces) == text_of(message) == ANSWER
    assert message.stop_reason == "end_turn"
    assert used(message) == (3, 15)


def test_characters_survive_a_stream(client, kind):
    text = "naïve Ωμέγα 日本語 👩‍👩‍👧‍👦 e\u0301 \u2028 \U0010ffff"
    turns = [{"role": "user", "content": text}]
    asked = request(kind, "claude-haiku-4-5--echo", messages=turns)
    with client.messages.stream(**asked) as stream:
        assert f"You said: {text} I counted" in stream.get_final_text()


# Tools.


def test_tools(client, kind):
    message = client.messages.create(**request(kind, "tools", tools=TOOLS))
    assert message.stop_reason == "tool_use"
    assert called(message) == CALLS
    assert len({block.id for block in message.content}) == 2

    # And the round is completed.
    turns = [
        *MESSAGES,
        {"role": "assistant", "content": message.content},
        results_of(message),
    ]
    message = client.messages.create(**request(kind, "tools", tools=TOOLS, messages=turns))
    assert text_of(message).startswith("You said: sunny")
    assert message.stop_reason == "end_turn"


def test_one_tool_at_a_time(client, kind):
    choice = {"type": "auto", "disable_parallel_tool_use": True}
    asked = request(kind, "tools", tools=TOOLS, tool_choice=choice)
    assert called(client.messages.create(**asked)) == CALLS[:1]


def test_a_tool_that_has_to_be_called(client, kind):
    choice = {"type": "tool", "name": "get_time", "disable_parallel_tool_use": True}
    asked = request(kind, "tools", tools=TOOLS, tool_choice=choice)
    assert called(client.messages.create(**asked)) == [("get_time", {"city": "text-0"})]


def test_tools_in_a_stream(client, kind):
    events = list(client.messages.create(**request(kind, "tools", tools=TOOLS), stream=True))
    starts = [event for event in events if event.type == "content_block_start"]
    assert [start.index for start in starts] == [0, 1]
    assert [start.content_block.name for start in starts] == [name for name, _ in CALLS]
    for start in starts:
        pieces = [
            event.delta.partial_json
            for event in events
            if event.type == "content_block_delta" and event.index == start.index
        ]
        assert len(pieces) > 2, "it came in one piece"
    assert events[-2].delta.stop_reason == "tool_use"


def test_tools_in_the_stream_helper(client, kind):
    with client.messages.stream(**request(kind, "tools", tools=TOOLS)) as stream:
        message = stream.get_final_message()
    assert called(message) == CALLS
    assert message.stop_reason == "tool_use"


# Counting and models.


def test_count_tokens(client, kind):
    asked = request(kind, "echo", system="Be brief.")
    del asked["max_tokens"]
    count = client.messages.count_tokens(**asked).input_tokens
    more = client.messages.count_tokens(**asked, tools=TOOLS).input_tokens
    if kind == "messages":
        assert count == 5
    else:
        # Such a provider cannot count, so the gateway says what it thinks.
        assert 0 < count < more


@behind_a_gateway
def test_models(client):
    models = {model.id: model for model in client.models.list(limit=1000)}
    model = models[PREFIX + "echo"]
    assert (model.type, model.display_name) == ("model", PREFIX + "echo")
    assert model.created_at.year >= 1970


# Errors.


@behind_a_gateway
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("script", ERRORS)
def test_errors_are_the_exceptions_of_the_package(client, kind, script, stream):
    name, status, error_type = ERRORS[script]
    with pytest.raises(anthropic.APIStatusError) as caught:
        client.messages.create(**request(kind, script), stream=stream)
    error = caught.value
    assert type(error).__name__ == name
    assert error.status_code == status
    assert error.body["type"] == "error"
    assert error.body["error"]["type"] == error_type
    assert error.request_id == error.body["request_id"]


@behind_a_gateway
def test_a_model_that_is_not_there(client):
    with pytest.raises(anthropic.NotFoundError) as caught:
        client.messages.create(model="nobody/nothing", max_tokens=10, messages=MESSAGES)
    assert caught.value.body["error"]["type"] == "not_found_error"


@behind_a_gateway
def test_a_request_that_is_none(client, kind):
    with pytest.raises(anthropic.BadRequestError) as caught:
        client.messages.create(**request(kind, "echo", messages="Hello"))
    assert caught.value.body["error"]["type"] == "invalid_request_error"


@behind_a_gateway
def test_a_retry_helps_where_a_failure_passes(client):
    model = PREFIX + unique("flaky-1")
    message = client.with_options(max_retries=2).messages.create(
        model=model, max_tokens=1000, messages=MESSAGES
    )
    assert text_of(message) == ANSWER


def test_an_error_in_a_stream(client, kind):
    pieces = []
    with pytest.raises(anthropic.APIStatusError) as caught:
        with client.messages.stream(**request(kind, "error-midstream")) as stream:
            pieces.extend(stream.text_stream)
    assert pieces, "it was no error in the middle"
    error = caught.value.body["error"]
    expected = "overloaded_error" if kind == "messages" else "api_error"
    assert error["type"] == expected
    assert error["message"].startswith("scripted: ")


@behind_a_gateway
@pytest.mark.parametrize("script", ["cut-after-3", "cut-after-8"])
def test_a_gateway_never_ends_a_stream_silently(client, kind, script):
    with pytest.raises(anthropic.APIStatusError):
        list(client.messages.create(**request(kind, script), stream=True))


# Cancellation, and the client for asyncio.


def test_a_stream_closed_half_way(client, kind):
    script = unique("echo-20ms")
    stream = client.messages.create(**request(kind, script, messages=LONG), stream=True)
    assert len(list(itertools.islice(stream, 4))) == 4
    gone = time.monotonic()
    stream.close()
    assert_upstream_saw_it_go(script, gone)


def test_async(kind):
    async def run():
        async with anthropic.AsyncAnthropic(**OPTIONS) as client:
            one = await client.messages.create(**request(kind, "echo"))
            async with client.messages.stream(**request(kind, "echo")) as stream:
                return one, await stream.get_final_message()

    for message in asyncio.run(run()):
        assert text_of(message) == ANSWER


# As Claude Code asks.

SYSTEM = [
    {"type": "text", "text": "You are a coding agent."},
    {
        "type": "text",
        "text": "Mind the style of the code around yours. " * 400,
        "cache_control": {"type": "ephemeral"},
    },
]
MANY_TOOLS = [
    {
        "name": name,
        "description": "Does one thing, at some length. " * 20,
        "input_schema": {**PARAMETERS, "$schema": "http://json-schema.org/draft-07/schema#"},
    }
    for name in ["get_weather", "get_time", *(f"mcp__server__tool_{n}" for n in range(18))]
]
MANY_TOOLS[-1]["cache_control"] = {"type": "ephemeral"}
REMINDED = [
    {
        "role": "user",
        "content": [
            {"type": "text", "text": "<system-reminder>It is Saturday.</system-reminder>"},
            {"type": "text", "text": QUESTION, "cache_control": {"type": "ephemeral"}},
        ],
    }
]


def coding(kind, script):
    return request(
        kind,
        script,
        max_tokens=32_000,
        system=SYSTEM,
        tools=MANY_TOOLS,
        messages=REMINDED,
        thinking=THINKING,
        metadata={"user_id": "user_1_account__session_2"},
        betas=["claude-code-20250219", "interleaved-thinking-2025-05-14"],
    )


def test_a_coding_agent(client, kind):
    asked = coding(kind, unique("tools"))
    with client.beta.messages.stream(**asked) as stream:
        message = stream.get_final_message()
    assert called(message) == CALLS
    assert message.stop_reason == "tool_use"

    turns = [*REMINDED, {"role": "assistant", "content": message.content}, results_of(message)]
    with client.beta.messages.stream(**{**asked, "messages": turns}) as stream:
        assert stream.get_final_text().startswith("You said: sunny")


def test_what_a_coding_agent_asks_arrives(client, kind):
    script = unique("echo")
    asked = coding(kind, script)
    with client.beta.messages.stream(**asked) as stream:
        stream.until_done()
    (arrived,) = control("/_/requests", model=script)
    body, headers = arrived["body"], dict(arrived["headers"])
    if kind == "messages":
        # As it was, but for the model's name; the betas are the operator's to choose.
        del asked["betas"]
        assert body == {**asked, "model": script, "stream": True}
        assert not GATEWAY or "anthropic-beta" not in headers
    else:
        assert [tool["function"]["name"] for tool in body["tools"]] == [
            tool["name"] for tool in MANY_TOOLS
        ]
        assert [message["role"] for message in body["messages"]] == ["system", "user"]
