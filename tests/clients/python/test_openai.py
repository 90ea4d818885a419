"""The official `openai` package, unmodified, does what its users do with it."""

import asyncio
import itertools
import json
import time

import openai
import pytest
from conftest import GATEWAY, PREFIX, assert_upstream_saw_it_go, unique, wait_arrived
from scripted import (
    ANSWER,
    CALLS,
    IMAGES,
    LONG,
    MESSAGES,
    PERSON,
    QUESTION,
    SEEN,
    TOOLS,
    USAGE,
    Person,
    tokens,
)

# What an error of the upstream is for the client: exception, status, code, and whether the
# upstream's message is kept. A gateway answers for its own credentials, so that the upstream
# refuses them is no fault of the client's; nor can a client do anything about a conflict.
DIRECT = {
    400: (openai.BadRequestError, 400, None, True),
    401: (openai.AuthenticationError, 401, "invalid_api_key", True),
    403: (openai.PermissionDeniedError, 403, "unsupported_country", True),
    404: (openai.NotFoundError, 404, "model_not_found", True),
    409: (openai.ConflictError, 409, None, True),
    422: (openai.UnprocessableEntityError, 422, None, True),
    429: (openai.RateLimitError, 429, "rate_limit_exceeded", True),
    500: (openai.InternalServerError, 500, None, True),
    503: (openai.InternalServerError, 503, "server_overloaded", True),
}
BEHIND_GATEWAY = DIRECT | {
    401: (openai.InternalServerError, 502, "upstream_authentication", False),
    403: (openai.InternalServerError, 502, "upstream_permission", False),
    409: (openai.InternalServerError, 502, None, True),
    422: (openai.BadRequestError, 400, None, True),
    500: (openai.InternalServerError, 502, None, True),
    503: (openai.InternalServerError, 503, None, True),
}
ERRORS = BEHIND_GATEWAY if GATEWAY else DIRECT


def text_of(chunks):
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


def finishes(chunks):
    reasons = [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices]
    return [reason for reason in reasons if reason]


# Chat.


def test_chat(client, prefix):
    completion = client.chat.completions.create(model=prefix + "echo", messages=MESSAGES)
    assert completion.choices[0].message.content == ANSWER
    assert completion.choices[0].message.role == "assistant"
    assert completion.choices[0].finish_reason == "stop"
    assert tokens(completion.usage) == USAGE
    assert completion._request_id


def test_max_tokens_end_an_answer(client, prefix):
    completion = client.chat.completions.create(
        model=prefix + "echo", messages=MESSAGES, max_completion_tokens=2
    )
    assert completion.choices[0].message.content == "You said: "
    assert completion.choices[0].finish_reason == "length"


def test_a_refusal_is_no_content(client):
    completion = client.chat.completions.create(model=PREFIX + "refusal", messages=MESSAGES)
    assert completion.choices[0].message.content is None
    assert "rather not" in completion.choices[0].message.refusal


def test_vision(client, prefix):
    parts = [{"type": "image_url", "image_url": {"url": url}} for url in IMAGES]
    content = [{"type": "text", "text": "What is this?"}, *parts]
    completion = client.chat.completions.create(
        model=prefix + "vision", messages=[{"role": "user", "content": content}]
    )
    assert completion.choices[0].message.content == SEEN


# Streams.


@pytest.mark.parametrize("script", ["echo", "echo-1ms", "crlf", "split", "no-done"])
def test_stream(client, prefix, script):
    stream = client.chat.completions.create(
        model=prefix + script, messages=MESSAGES, stream=True
    )
    chunks = list(stream)
    assert text_of(chunks) == ANSWER
    assert finishes(chunks) == ["stop"]
    assert len(chunks) > 10, "it came in one piece"
    assert [chunk.choices[0].delta.role for chunk in chunks][:2] == ["assistant", None]
    assert len({chunk.id for chunk in chunks}) == 1
    assert all(chunk.usage is None for chunk in chunks), "nobody asked for the usage"


def test_stream_with_usage(client, prefix):
    stream = client.chat.completions.create(
        model=prefix + "echo",
        messages=MESSAGES,
        stream=True,
        stream_options={"include_usage": True},
    )
    *chunks, last = stream
    assert text_of(chunks) == ANSWER
    assert all(chunk.usage is None for chunk in chunks)
    assert last.choices == []
    assert tokens(last.usage) == USAGE


@pytest.mark.parametrize("script", ["echo", "split"])
def test_characters_survive_a_stream(client, prefix, script):
    text = "naïve Ωμέγα 日本語 👩‍👩‍👧‍👦 e\u0301 \u2028 \U0010ffff"
    stream = client.chat.completions.create(
        model=prefix + script, messages=[{"role": "user", "content": text}], stream=True
    )
    assert f"You said: {text} I counted" in text_of(stream)


def test_reasoning_comes_first(client, prefix):
    stream = client.chat.completions.create(
        model=prefix + "reasoning", messages=MESSAGES, stream=True
    )
    deltas = [chunk.choices[0].delta for chunk in stream]
    thoughts = [getattr(delta, "reasoning_content", None) for delta in deltas]
    assert "".join(thought or "" for thought in thoughts).startswith("First I read")
    assert "".join(delta.content or "" for delta in deltas) == ANSWER


def test_the_stream_helper(client, prefix):
    with client.chat.completions.stream(
        model=prefix + "echo", messages=MESSAGES, stream_options={"include_usage": True}
    ) as stream:
        deltas = [event.delta for event in stream if event.type == "content.delta"]
        completion = stream.get_final_completion()
    assert "".join(deltas) == ANSWER
    assert completion.choices[0].message.content == ANSWER
    assert tokens(completion.usage) == USAGE


# Tools.


def called(message):
    calls = [call.function for call in message.tool_calls]
    return [(function.name, json.loads(function.arguments)) for function in calls]


def test_tools(client, prefix):
    completion = client.chat.completions.create(
        model=prefix + "tools", messages=MESSAGES, tools=TOOLS
    )
    choice = completion.choices[0]
    assert choice.finish_reason == "tool_calls"
    assert called(choice.message) == CALLS
    assert len({call.id for call in choice.message.tool_calls}) == 2

    # And the round is completed.
    results = [
        {"role": "tool", "tool_call_id": call.id, "content": "sunny"}
        for call in choice.message.tool_calls
    ]
    completion = client.chat.completions.create(
        model=prefix + "tools", messages=[*MESSAGES, choice.message, *results], tools=TOOLS
    )
    assert completion.choices[0].message.content.startswith("You said: sunny")


def test_one_tool_at_a_time(client, prefix):
    completion = client.chat.completions.create(
        model=prefix + "tools", messages=MESSAGES, tools=TOOLS, parallel_tool_calls=False
    )
    assert called(completion.choices[0].message) == CALLS[:1]


def test_tools_in_a_stream(client, prefix):
    stream = client.chat.completions.create(
        model=prefix + "tools", messages=MESSAGES, tools=TOOLS, stream=True
    )
    names, ids, arguments = {}, {}, {0: [], 1: []}
    chunks = list(stream)
    for delta in [call for chunk in chunks for call in chunk.choices[0].delta.tool_calls or []]:
        assert isinstance(delta.index, int)
        if delta.id:
            # Clients append: what comes twice is there twice.
            assert delta.index not in ids
            ids[delta.index] = delta.id
            names[delta.index] = delta.function.name
        else:
            assert delta.function.name is None
        arguments[delta.index].append(delta.function.arguments)
    assert finishes(chunks) == ["tool_calls"]
    assert len(set(ids.values())) == 2
    assert all(len(pieces) > 2 for pieces in arguments.values()), "they came in one piece"
    parsed = {index: json.loads("".join(pieces)) for index, pieces in arguments.items()}
    assert [(names[index], parsed[index]) for index in (0, 1)] == CALLS


def test_tools_in_the_stream_helper(client, prefix):
    with client.chat.completions.stream(
        model=prefix + "tools", messages=MESSAGES, tools=TOOLS
    ) as stream:
        completion = stream.get_final_completion()
    assert called(completion.choices[0].message) == CALLS


# Structured output.


def test_json_schema(client, prefix):
    schema = {"name": "person", "strict": True, "schema": Person.model_json_schema()}
    completion = client.chat.completions.create(
        model=prefix + "json",
        messages=MESSAGES,
        response_format={"type": "json_schema", "json_schema": schema},
    )
    assert Person.model_validate_json(completion.choices[0].message.content) == PERSON


def test_json_object(client):
    completion = client.chat.completions.create(
        model=PREFIX + "json", messages=MESSAGES, response_format={"type": "json_object"}
    )
    assert json.loads(completion.choices[0].message.content) == {"answer": QUESTION}


def test_parse(client, prefix):
    completion = client.chat.completions.parse(
        model=prefix + "json", messages=MESSAGES, response_format=Person
    )
    assert completion.choices[0].message.parsed == PERSON


# Embeddings and models.


def test_embeddings_are_the_same_in_both_encodings(client, prefix):
    inputs = ["one", "two"]
    model = prefix + "embed"
    default = client.embeddings.create(model=model, input=inputs)
    floats = client.embeddings.create(model=model, input=inputs, encoding_format="float")
    assert [len(item.embedding) for item in default.data] == [8, 8]
    assert [item.index for item in default.data] == [0, 1]
    assert default.data[0].embedding != default.data[1].embedding
    for ours, theirs in zip(default.data, floats.data):
        assert list(ours.embedding) == list(theirs.embedding)
    assert default.usage.prompt_tokens == 2


def test_models(client):
    models = {model.id: model for model in client.models.list()}
    assert models[PREFIX + "echo"].object == "model"
    assert PREFIX + "tools" in models


# Errors.


@pytest.mark.parametrize("status", ERRORS)
@pytest.mark.parametrize("stream", [False, True])
def test_errors_are_the_exceptions_of_the_package(client, status, stream):
    exception, expected, code, keeps = ERRORS[status]
    with pytest.raises(openai.APIStatusError) as caught:
        client.chat.completions.create(
            model=f"{PREFIX}error-{status}", messages=MESSAGES, stream=stream
        )
    error = caught.value
    assert type(error) is exception
    assert error.status_code == expected
    assert code in (None, error.code)
    assert not keeps or f"scripted {status}: " in error.message
    assert error.request_id


def test_a_context_too_long_is_told_by_its_code(client):
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model=PREFIX + "context-too-long", messages=MESSAGES)
    assert caught.value.code == "context_length_exceeded"


def test_a_retry_helps_where_a_failure_passes(client):
    completion = client.with_options(max_retries=2).chat.completions.create(
        model=PREFIX + unique("flaky-1"), messages=MESSAGES
    )
    assert completion.choices[0].message.content == ANSWER


def test_an_error_in_a_stream_keeps_message_and_code(client):
    stream = client.chat.completions.create(
        model=PREFIX + "error-midstream", messages=MESSAGES, stream=True
    )
    with pytest.raises(openai.APIError) as caught:
        list(stream)
    assert "scripted: the model exploded" in caught.value.message
    assert caught.value.code == "model_exploded"


def test_an_error_as_the_first_event(client):
    # A gateway may still make a failed answer of it: nothing was promised yet.
    with pytest.raises(openai.APIError) as caught:
        list(
            client.chat.completions.create(
                model=PREFIX + "error-first", messages=MESSAGES, stream=True
            )
        )
    assert "scripted: the model exploded" in caught.value.message


@pytest.mark.skipif(not GATEWAY, reason="the package itself takes these for complete, or raises")
@pytest.mark.parametrize("script", ["cut-after-3", "cut-after-0", "no-finish", "no-blank-line"])
def test_a_gateway_never_ends_a_stream_silently(client, prefix, script):
    chunks, error = [], None
    try:
        for chunk in client.chat.completions.create(
            model=prefix + script, messages=MESSAGES, stream=True
        ):
            chunks.append(chunk)
    except openai.APIError as caught:
        error = caught
    assert error or finishes(chunks), "without a finish, it looks complete"
    if script.startswith("cut"):
        assert isinstance(error, openai.APIError)


@pytest.mark.skipif(not GATEWAY, reason="the package itself shows its user what it was sent")
@pytest.mark.parametrize("script", ["not-json", "empty", "redirect"])
def test_a_gateway_makes_an_error_of_what_is_no_answer(client, prefix, script):
    with pytest.raises(openai.InternalServerError):
        client.chat.completions.create(model=prefix + script, messages=MESSAGES)


# Cancellation.


def test_a_stream_closed_half_way(client, prefix):
    script = unique("echo-20ms")
    stream = client.chat.completions.create(model=prefix + script, messages=LONG, stream=True)
    assert len(list(itertools.islice(stream, 2))) == 2
    gone = time.monotonic()
    stream.close()
    assert_upstream_saw_it_go(script, gone)


def test_a_call_that_timed_out(client, prefix):
    script = unique("silent")
    with pytest.raises(openai.APITimeoutError):
        client.with_options(timeout=0.5).chat.completions.create(
            model=prefix + script, messages=MESSAGES
        )
    assert_upstream_saw_it_go(script, time.monotonic())


# The client for asyncio.


def test_async(async_client, prefix):
    async def run():
        async with async_client() as client:
            one = await client.chat.completions.create(model=prefix + "echo", messages=MESSAGES)
            stream = await client.chat.completions.create(
                model=prefix + "echo", messages=MESSAGES, stream=True
            )
            return one, [chunk async for chunk in stream]

    one, chunks = asyncio.run(run())
    assert one.choices[0].message.content == ANSWER
    assert text_of(chunks) == ANSWER


def test_async_calls_share_nothing(async_client, prefix):
    async def ask(client, number):
        stream = await client.chat.completions.create(
            model=prefix + "echo-1ms",
            messages=[{"role": "user", "content": f"I am {number}."}],
            stream=True,
        )
        return text_of([chunk async for chunk in stream])

    async def run():
        async with async_client() as client:
            return await asyncio.gather(*(ask(client, number) for number in range(20)))

    for number, answer in enumerate(asyncio.run(run())):
        assert answer.startswith(f"You said: I am {number}. I counted")


def test_an_async_call_that_was_cancelled(async_client, prefix):
    script = unique("silent")

    async def run():
        async with async_client() as client:
            call = client.chat.completions.create(model=prefix + script, messages=MESSAGES)
            call = asyncio.ensure_future(call)
            await asyncio.to_thread(wait_arrived, script)
            gone = time.monotonic()
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            await asyncio.to_thread(assert_upstream_saw_it_go, script, gone)

    asyncio.run(run())
