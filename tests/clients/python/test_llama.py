"""llama.cpp's server, unmodified, is a provider of the gateway: a real model, though one that has
learnt nothing.

What it says means nothing, but is the same every time, and what a grammar demands it obeys.
"""

import json
import os
from typing import Literal

import openai
import pytest
from pydantic import BaseModel

PREFIXES = {
    "passthrough": os.environ.get("LLAMA_PREFIX"),
    "translated": os.environ.get("LLAMA_TRANSLATED_PREFIX"),
}
MODEL = "tiny"
MESSAGES = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello 🦀"}]


class Verdict(BaseModel):
    sure: bool
    colour: Literal["red", "green"]


TOOL = {
    "type": "function",
    "function": {"name": "decide", "parameters": Verdict.model_json_schema()},
}


pytestmark = pytest.mark.skipif(not all(PREFIXES.values()), reason="there is no such server")


@pytest.fixture(params=PREFIXES.values(), ids=PREFIXES.keys())
def model(request):
    return request.param + MODEL


def ask(client, model, **rest):
    options = {"messages": MESSAGES, "max_tokens": 12, "temperature": 0, "seed": 1, **rest}
    return client.chat.completions.create(model=model, **options)


def text_of(chunks):
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


def test_chat_is_the_same_in_a_stream(client, model):
    completion = ask(client, model)
    text = completion.choices[0].message.content
    assert text.strip()
    assert completion.choices[0].finish_reason == "length"
    assert completion.usage.completion_tokens == 12
    assert completion.usage.prompt_tokens > len("Be brief. Hello")

    chunks = list(ask(client, model, stream=True))
    assert text_of(chunks) == text
    assert len(chunks) > 5, "it came in one piece"
    assert [reason for chunk in chunks if (reason := chunk.choices[0].finish_reason)] == ["length"]


def test_both_ways_say_the_same(client):
    passed_on, translated = (
        ask(client, prefix + MODEL).choices[0].message.content for prefix in PREFIXES.values()
    )
    assert passed_on == translated


def test_a_stop_sequence_ends_an_answer(client, model):
    text = ask(client, model).choices[0].message.content
    choice = ask(client, model, stop=[text[-2:]]).choices[0]
    assert choice.finish_reason == "stop"
    assert text.startswith(choice.message.content)
    assert text[-2:] not in choice.message.content


def test_json_schema(client, model):
    # Its own way to ask for it.
    form = {"type": "json_object", "schema": Verdict.model_json_schema()}
    completion = ask(client, model, max_tokens=200, response_format=form)
    Verdict.model_validate_json(completion.choices[0].message.content)


def test_a_tool_that_has_to_be_called(client, model):
    choice = {"type": "function", "function": {"name": "decide"}}
    completion = ask(client, model, max_tokens=200, tools=[TOOL], tool_choice=choice)
    (call,) = completion.choices[0].message.tool_calls
    assert call.function.name == "decide"
    Verdict.model_validate(json.loads(call.function.arguments))


def test_a_tool_that_has_to_be_called_in_a_stream(client, model):
    choice = {"type": "function", "function": {"name": "decide"}}
    with client.chat.completions.stream(
        model=model,
        messages=MESSAGES,
        max_tokens=200,
        temperature=0,
        tools=[TOOL],
        tool_choice=choice,
    ) as stream:
        completion = stream.get_final_completion()
    (call,) = completion.choices[0].message.tool_calls
    Verdict.model_validate(json.loads(call.function.arguments))


def test_a_context_too_long_is_told_by_its_code(client, model):
    long = [{"role": "user", "content": "word " * 1000}]
    with pytest.raises(openai.BadRequestError) as caught:
        ask(client, model, messages=long)
    assert caught.value.code == "context_length_exceeded"
