"""Where the suites run, and what they share.

PORTCULLIS_URL             the gateway, without /v1
UPSTREAM_URL               the scripted upstream, for its control endpoints
MODEL_PREFIX               stands before a script's name to make a model's name: "house/" unless set
TRANSLATED_PREFIX          the same for a provider whose dialect is translated
MESSAGES_PREFIX            the same for a provider that speaks Anthropic's Messages API
LITELLM_PREFIX             the same for a provider that is LiteLLM's proxy
LITELLM_TRANSLATED_PREFIX  the same for the proxy, translated
LLAMA_PREFIX               the same for a provider that is llama.cpp's server
LLAMA_TRANSLATED_PREFIX    the same for that server, translated
GATEWAY                    1 behind a gateway, unset where PORTCULLIS_URL is the upstream itself
PORTCULLIS_KEY             the key that the clients send; a gateway that asks for one has to know it

What has a prefix that is unset is not tested.
"""

import itertools
import json
import os
import time
import urllib.parse
import urllib.request

import openai
import pytest

GATEWAY = os.environ.get("GATEWAY") == "1"
PREFIX = os.environ.get("MODEL_PREFIX", "house/")
PREFIXES = {"passthrough": PREFIX}
if os.environ.get("TRANSLATED_PREFIX"):
    PREFIXES["translated"] = os.environ["TRANSLATED_PREFIX"]

ROOT_URL = os.environ["PORTCULLIS_URL"]
BASE_URL = ROOT_URL + "/v1"
KEY = os.environ.get("PORTCULLIS_KEY", "sk-any")
# No retries: a test sees the first answer.
OPTIONS = {"base_url": BASE_URL, "api_key": KEY, "max_retries": 0, "timeout": 30.0}

_numbers = itertools.count(1)


def unique(script):
    """A name that only this test uses, to find its request at the upstream."""
    return f"{script}-py{os.getpid()}-{next(_numbers)}"


@pytest.fixture
def client():
    with openai.OpenAI(**OPTIONS) as client:
        yield client


@pytest.fixture
def async_client():
    """Made by the test, because it belongs to the event loop of the test."""
    return lambda: openai.AsyncOpenAI(**OPTIONS)


@pytest.fixture(params=PREFIXES.values(), ids=PREFIXES.keys())
def prefix(request):
    return request.param


def control(path, **query):
    """Asks the scripted upstream."""
    url = os.environ["UPSTREAM_URL"] + path + "?" + urllib.parse.urlencode(query)
    with urllib.request.urlopen(url, timeout=30) as response:
        return json.load(response)


def wait_arrived(script):
    assert control("/_/requests", model=script, wait_ms=10_000), "it has not arrived"


def assert_upstream_saw_it_go(script, gone):
    """`gone` is when the client went away, by time.monotonic()."""
    seen = control("/_/cancelled", model=script, wait_ms=10_000)
    now = time.monotonic()
    assert seen["count"] == 1, "the upstream was not told that the client went away"
    noticed_ms = (now - gone) * 1000 - seen["noticed_ms_ago"]
    assert noticed_ms <= 100
    assert control("/_/idle", wait_ms=10_000)["in_flight"] == 0
