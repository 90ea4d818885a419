"""LangChain's package for OpenAI, unmodified, asks the gateway as an OpenAI-compatible server."""

import asyncio

import openai
import pytest
from conftest import BASE_URL, GATEWAY, KEY, PREFIXES, unique
from langchain_core import exceptions
from langchain_core.messages import HumanMessage, SystemMessage, ToolMessage
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from scripted import ANSWER, CALLS, IMAGES, PERSON, QUESTION, SEEN, USAGE, Person

# What an error of the upstream is for the user: LangChain has classes of its own, which are also
# those of the package beneath.
ERRORS = {
    "error-400": (exceptions.ModelInvalidRequestError, openai.BadRequestError, 400),
    "error-401": (exceptions.ModelAPIError, openai.InternalServerError, 502),
    "error-404": (exceptions.ModelNotFoundError, openai.NotFoundError, 404),
    "error-429": (exceptions.ModelRateLimitError, openai.RateLimitError, 429),
    "error-500": (exceptions.ModelAPIError, openai.InternalServerError, 502),
    # It has a class for this, but looks for the code where the package does not show it.
    "context-too-long": (exceptions.ModelInvalidRequestError, openai.BadRequestError, 400),
}

behind_a_gateway = pytest.mark.skipif(not GATEWAY, reason="the upstream's own errors differ")


@tool
def get_weather(city: str) -> str:
    """Tells how the weather is."""
    return f"sunny in {city}"


@tool
def get_time(city: str) -> str:
    """Tells what time it is."""
    return f"noon in {city}"


TOOLS = {"get_weather": get_weather, "get_time": get_time}


def model(name, **rest):
    options = {"base_url": BASE_URL, "api_key": KEY, "max_retries": 0, "timeout": 30, **rest}
    return ChatOpenAI(model=name, **options)


def used(message):
    usage = message.usage_metadata
    return usage["input_tokens"], usage["output_tokens"], usage["total_tokens"]


def called(message):
    return [(call["name"], call["args"]) for call in message.tool_calls]


def added(chunks):
    """LangChain's chunks of a stream add up to the message."""
    whole = chunks[0]
    for chunk in chunks[1:]:
        whole += chunk
    return whole


# Chat.


def test_chat(prefix):
    message = model(prefix + "echo").invoke(QUESTION)
    assert message.content == ANSWER
    assert message.response_metadata["finish_reason"] == "stop"
    assert used(message) == USAGE


def test_a_chain(prefix):
    prompt = ChatPromptTemplate([("system", "Be {manner}."), ("human", "{question}")])
    chain = prompt | model(prefix + "echo") | (lambda message: message.content)
    assert chain.invoke({"manner": "brief", "question": QUESTION}) == ANSWER


def test_a_batch(prefix):
    questions = [f"I am {number}." for number in range(10)]
    for question, message in zip(questions, model(prefix + "echo").batch(questions)):
        assert message.content.startswith(f"You said: {question} I counted")


def test_vision(prefix):
    parts = [{"type": "image_url", "image_url": {"url": url}} for url in IMAGES]
    question = HumanMessage([{"type": "text", "text": "What is this?"}, *parts])
    assert model(prefix + "vision").invoke([SystemMessage("Look."), question]).content == SEEN


def test_max_tokens_end_an_answer(prefix):
    message = model(prefix + "echo", max_tokens=2).invoke(QUESTION)
    assert message.content == "You said: "
    assert message.response_metadata["finish_reason"] == "length"


def test_stream(prefix):
    chunks = list(model(prefix + "echo", stream_usage=True).stream(QUESTION))
    assert len(chunks) > 10, "it came in one piece"
    whole = added(chunks)
    assert whole.content == ANSWER
    assert whole.response_metadata["finish_reason"] == "stop"
    assert used(whole) == USAGE


def test_async():
    async def run(prefix):
        one = await model(prefix + "echo").ainvoke(QUESTION)
        return one, [chunk async for chunk in model(prefix + "echo").astream(QUESTION)]

    async def run_all():
        # In one event loop: LangChain keeps a client for all models of an address.
        return [await run(prefix) for prefix in PREFIXES.values()]

    for one, chunks in asyncio.run(run_all()):
        assert one.content == ANSWER
        assert added(chunks).content == ANSWER


# Tools and structured output.


def test_tools(prefix):
    assistant = model(prefix + "tools").bind_tools(list(TOOLS.values()))
    message = assistant.invoke(QUESTION)
    assert called(message) == CALLS

    # And the round is completed, with what the tools return.
    results = [TOOLS[call["name"]].invoke(call) for call in message.tool_calls]
    assert all(isinstance(result, ToolMessage) for result in results)
    answer = assistant.invoke([HumanMessage(QUESTION), message, *results])
    assert answer.content.startswith("You said: sunny in text-0 noon in text-1")


def test_tools_in_a_stream(prefix):
    assistant = model(prefix + "tools").bind_tools(list(TOOLS.values()))
    whole = added(list(assistant.stream(QUESTION)))
    assert called(whole) == CALLS
    assert whole.response_metadata["finish_reason"] == "tool_calls"


def test_one_tool_that_has_to_be_called(prefix):
    assistant = model(prefix + "tools").bind_tools(
        list(TOOLS.values()), tool_choice="get_time", parallel_tool_calls=False
    )
    assert called(assistant.invoke(QUESTION)) == [("get_time", {"city": "text-0"})]


@pytest.mark.parametrize(
    "method, script",
    [("json_schema", "json"), ("function_calling", "tools")],
)
def test_structured_output(prefix, method, script):
    structured = model(prefix + script).with_structured_output(Person, method=method)
    assert structured.invoke(QUESTION) == PERSON


def test_structured_output_in_a_stream(prefix):
    structured = model(prefix + "json").with_structured_output(Person, method="json_schema")
    *_, last = structured.stream(QUESTION)
    assert last == PERSON


# The same, by the Responses API.


@behind_a_gateway
def test_responses(prefix):
    asked = model(prefix + "echo", use_responses_api=True)
    message = asked.invoke(QUESTION)
    assert message.text == ANSWER
    assert used(message) == USAGE
    whole = added(list(asked.stream(QUESTION)))
    assert whole.text == ANSWER
    assert used(whole) == USAGE


@behind_a_gateway
def test_tools_of_responses(prefix):
    asked = model(prefix + "tools", use_responses_api=True)
    assistant = asked.bind_tools(list(TOOLS.values()))
    message = added(list(assistant.stream(QUESTION)))
    assert called(message) == CALLS
    results = [TOOLS[call["name"]].invoke(call) for call in message.tool_calls]
    answer = assistant.invoke([HumanMessage(QUESTION), message, *results])
    assert answer.text.startswith("You said: sunny in text-0 noon in text-1")


@behind_a_gateway
def test_a_stream_of_responses_that_fails(prefix):
    with pytest.raises(ValueError, match="scripted: the model exploded"):
        list(model(prefix + "error-midstream", use_responses_api=True).stream(QUESTION))


# Embeddings.


@pytest.mark.parametrize("encoding", [None, "float"])
def test_embeddings(prefix, encoding):
    # It counts tokens with a file that it fetches, unless it is told not to: so are all who use
    # it with a server that is not OpenAI's.
    options = {"check_embedding_ctx_length": False, "max_retries": 0}
    if encoding:
        options["model_kwargs"] = {"encoding_format": encoding}
    embeddings = OpenAIEmbeddings(
        model=prefix + "embed", base_url=BASE_URL, api_key=KEY, **options
    )
    documents = embeddings.embed_documents(["one", "two"])
    assert [len(vector) for vector in documents] == [8, 8]
    assert documents[0] != documents[1]
    assert embeddings.embed_query("one") == documents[0]


# Errors.


@behind_a_gateway
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("script", ERRORS)
def test_errors_are_the_exceptions_of_the_package(prefix, script, stream):
    exception, beneath, status = ERRORS[script]
    asked = model(prefix + script)
    with pytest.raises(exception) as caught:
        list(asked.stream(QUESTION)) if stream else asked.invoke(QUESTION)
    assert isinstance(caught.value, beneath)
    assert caught.value.status_code == status


@behind_a_gateway
def test_a_model_that_is_not_there():
    with pytest.raises(openai.NotFoundError) as caught:
        model("nobody/nothing").invoke(QUESTION)
    assert caught.value.code == "model_not_found"


def test_a_retry_helps_where_a_failure_passes(prefix):
    message = model(prefix + unique("flaky-1"), max_retries=2).invoke(QUESTION)
    assert message.content == ANSWER


def test_a_fallback_has_its_turn(prefix):
    chain = model(prefix + "error-500").with_fallbacks([model(prefix + "echo")])
    assert chain.invoke(QUESTION).content == ANSWER


def test_a_stream_that_fails(prefix):
    chunks = []
    with pytest.raises(openai.APIError) as caught:
        for chunk in model(prefix + "error-midstream").stream(QUESTION):
            chunks.append(chunk)
    assert "scripted: the model exploded" in str(caught.value)
    assert added(chunks).content == "You "


@behind_a_gateway
def test_a_stream_that_is_cut_off(prefix):
    with pytest.raises(openai.APIError):
        list(model(prefix + "cut-after-3").stream(QUESTION))
