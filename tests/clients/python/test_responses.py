"""The official `openai` package asks by the Responses API, which every chat provider answers."""

import asyncio
import json

import openai
import pytest
from conftest import GATEWAY, PREFIX, unique
from scripted import ANSWER, CALLS, IMAGES, MESSAGES, PARAMETERS, PERSON, QUESTION, SEEN, USAGE
from scripted import Person

pytestmark = pytest.mark.skipif(not GATEWAY, reason="the upstream has no such interface")

TOOLS = [
    {"type": "function", "name": name, "parameters": PARAMETERS, "strict": True}
    for name in ("get_weather", "get_time")
]

# What an error of the upstream is for the client: exception, status and code.
ERRORS = {
    "error-400": (openai.BadRequestError, 400, None),
    "error-401": (openai.InternalServerError, 502, "upstream_authentication"),
    "error-404": (openai.NotFoundError, 404, "model_not_found"),
    "error-429": (openai.RateLimitError, 429, "rate_limit_exceeded"),
    "error-500": (openai.InternalServerError, 502, None),
    "context-too-long": (openai.BadRequestError, 400, "context_length_exceeded"),
}


def ask(client, model, **rest):
    return client.responses.create(**{"model": model, "input": QUESTION, **rest})


def used(response):
    usage = response.usage
    return usage.input_tokens, usage.output_tokens, usage.total_tokens


def called(response):
    calls = [item for item in response.output if item.type == "function_call"]
    return [(call.name, json.loads(call.arguments)) for call in calls]


# Responses.


def test_response(client, prefix):
    response = ask(client, prefix + "echo")
    assert response.output_text == ANSWER
    assert (response.object, response.status) == ("response", "completed")
    assert used(response) == USAGE
    assert response._request_id


def test_instructions_and_turns(client, prefix):
    turns = [*MESSAGES, {"role": "assistant", "content": "Three."}, *MESSAGES]
    response = ask(client, prefix + "echo", instructions="Be brief.", input=turns)
    assert response.output_text == ANSWER
    assert response.instructions == "Be brief."
    # A word is a token of the upstream's, so this tells whether they arrived.
    assert response.usage.input_tokens == 9


def test_an_answer_is_part_of_the_next_question(client, prefix):
    response = ask(client, prefix + "echo")
    turns = [*MESSAGES, *response.output, *MESSAGES]
    assert ask(client, prefix + "echo", input=turns).output_text == ANSWER


def test_max_tokens_end_an_answer(client, prefix):
    response = ask(client, prefix + "echo", max_output_tokens=2)
    assert response.output_text == "You said: "
    assert response.status == "incomplete"
    assert response.incomplete_details.reason == "max_output_tokens"


def test_vision(client, prefix):
    images = [{"type": "input_image", "image_url": url, "detail": "auto"} for url in IMAGES]
    content = [{"type": "input_text", "text": "What is this?"}, *images]
    response = ask(client, prefix + "vision", input=[{"role": "user", "content": content}])
    assert response.output_text == SEEN


def test_reasoning_comes_first(client, prefix):
    response = ask(client, prefix + "reasoning", reasoning={"effort": "low"})
    reasoning, message = response.output
    assert reasoning.type == "reasoning"
    assert reasoning.summary[0].text.startswith("First I read")
    assert message.content[0].text == ANSWER


def test_a_refusal(client, prefix):
    (message,) = ask(client, prefix + "refusal").output
    assert message.content[0].type == "refusal"
    assert "rather not" in message.content[0].refusal


# Streams.


@pytest.mark.parametrize("script", ["echo", "echo-1ms", "split"])
def test_stream(client, prefix, script):
    events = list(ask(client, prefix + script, stream=True))
    types = [event.type for event in events]
    deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert types[:4] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
    ]
    assert types[-4:] == [
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    assert len(deltas) > 10, "it came in one piece"
    assert "".join(deltas) == ANSWER
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert used(events[-1].response) == USAGE


def test_the_stream_helper(client, prefix):
    with client.responses.stream(model=prefix + "echo", input=QUESTION) as stream:
        deltas = [event.delta for event in stream if event.type == "response.output_text.delta"]
        response = stream.get_final_response()
    assert "".join(deltas) == response.output_text == ANSWER
    assert used(response) == USAGE


def test_reasoning_in_the_stream_helper(client, prefix):
    with client.responses.stream(model=prefix + "reasoning", input=QUESTION) as stream:
        response = stream.get_final_response()
    assert [item.type for item in response.output] == ["reasoning", "message"]
    assert response.output[0].summary[0].text.startswith("First I read")
    assert response.output_text == ANSWER


# Tools and structured output.


def test_tools(client, prefix):
    response = ask(client, prefix + "tools", tools=TOOLS)
    assert called(response) == CALLS
    assert len({call.call_id for call in response.output}) == 2

    # And the round is completed.
    results = [
        {"type": "function_call_output", "call_id": call.call_id, "output": "sunny"}
        for call in response.output
    ]
    turns = [*MESSAGES, *response.output, *results]
    response = ask(client, prefix + "tools", tools=TOOLS, input=turns)
    assert response.output_text.startswith("You said: sunny")


def test_one_tool_at_a_time(client, prefix):
    response = ask(client, prefix + "tools", tools=TOOLS, parallel_tool_calls=False)
    assert called(response) == CALLS[:1]


def test_a_tool_that_has_to_be_called(client, prefix):
    choice = {"type": "function", "name": "get_time"}
    response = ask(client, prefix + "tools", tools=TOOLS, tool_choice=choice)
    assert {name for name, _ in called(response)} == {"get_time"}


def test_tools_in_the_stream_helper(client, prefix):
    with client.responses.stream(
        model=prefix + "tools", input=QUESTION, tools=TOOLS
    ) as stream:
        deltas = [
            event.delta
            for event in stream
            if event.type == "response.function_call_arguments.delta"
        ]
        response = stream.get_final_response()
    assert len(deltas) > 4, "they came in one piece"
    assert called(response) == CALLS


def test_parse(client, prefix):
    response = client.responses.parse(
        model=prefix + "json", input=QUESTION, text_format=Person
    )
    assert response.output_parsed == PERSON


def test_parse_in_the_stream_helper(client, prefix):
    with client.responses.stream(
        model=prefix + "json", input=QUESTION, text_format=Person
    ) as stream:
        assert stream.get_final_response().output_parsed == PERSON


# Errors.


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("script", ERRORS)
def test_errors_are_the_exceptions_of_the_package(client, prefix, script, stream):
    exception, status, code = ERRORS[script]
    with pytest.raises(openai.APIStatusError) as caught:
        ask(client, prefix + script, stream=stream)
    assert type(caught.value) is exception
    assert caught.value.status_code == status
    assert code in (None, caught.value.code)


def test_what_only_a_vendor_can_do_is_refused(client, prefix):
    with pytest.raises(openai.BadRequestError) as caught:
        ask(client, prefix + "echo", previous_response_id="resp_1")
    assert "previous_response_id" in caught.value.message


def test_a_retry_helps_where_a_failure_passes(client):
    retrying = client.with_options(max_retries=2)
    assert ask(retrying, PREFIX + unique("flaky-1")).output_text == ANSWER


@pytest.mark.parametrize("script", ["error-midstream", "cut-after-3"])
def test_a_stream_that_fails(client, prefix, script):
    with pytest.raises(openai.APIError) as caught:
        list(ask(client, prefix + script, stream=True))
    if script == "error-midstream":
        assert "scripted: the model exploded" in caught.value.message


def test_async(async_client, prefix):
    async def run():
        async with async_client() as client:
            one = await ask(client, prefix + "echo")
            async with client.responses.stream(model=prefix + "echo", input=QUESTION) as stream:
                return one, await stream.get_final_response()

    for response in asyncio.run(run()):
        assert response.output_text == ANSWER
