"""The official `openai` package sends sound, and is given what was said in every format."""

import asyncio
import struct

import openai
import pytest
from conftest import PREFIX, control, unique

# A second of silence: a WAV file as recorders write it. Nobody listens to it.
SAMPLES = b"\0\0" * 8000
SOUND = b"".join(
    [
        struct.pack("<4sI4s", b"RIFF", 36 + len(SAMPLES), b"WAVE"),
        struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, 8000, 16000, 2, 16),
        struct.pack("<4sI", b"data", len(SAMPLES)),
        SAMPLES,
    ]
)
FILE = ("speech.wav", SOUND, "audio/wav")
# What the upstream claims to have heard: two sentences, of which each word takes half a second.
SENTENCES = ["I heard 16044 bytes of audio/wav.", "They are speech.wav."]
TEXT = " ".join(SENTENCES)


def ask(client, model, **rest):
    return client.audio.transcriptions.create(model=model, file=FILE, **rest)


def test_json(client, prefix):
    assert ask(client, prefix + "echo").text == TEXT


def test_text(client, prefix):
    assert ask(client, prefix + "echo", response_format="text").strip() == TEXT


def test_srt(client, prefix):
    captions = ask(client, prefix + "echo", response_format="srt")
    assert captions.strip() == (
        f"1\n00:00:00,000 --> 00:00:03,000\n{SENTENCES[0]}\n\n"
        f"2\n00:00:03,000 --> 00:00:04,500\n{SENTENCES[1]}"
    )


def test_vtt(client, prefix):
    captions = ask(client, prefix + "echo", response_format="vtt")
    assert captions.strip() == (
        f"WEBVTT\n\n00:00:00.000 --> 00:00:03.000\n{SENTENCES[0]}\n\n"
        f"00:00:03.000 --> 00:00:04.500\n{SENTENCES[1]}"
    )


def test_segments(client, prefix):
    verbose = ask(client, prefix + "echo", response_format="verbose_json")
    assert verbose.text == TEXT
    assert float(verbose.duration) == 4.5
    assert verbose.language == "english"
    assert [segment.text.strip() for segment in verbose.segments] == SENTENCES
    assert [(segment.start, segment.end) for segment in verbose.segments] == [(0, 3), (3, 4.5)]


def test_words(client, prefix):
    verbose = ask(
        client,
        prefix + "echo",
        response_format="verbose_json",
        timestamp_granularities=["word", "segment"],
    )
    assert [word.word for word in verbose.words] == TEXT.split()
    assert (verbose.words[1].start, verbose.words[1].end) == (0.5, 1.0)
    assert len(verbose.segments) == 2


def test_stream(client, prefix):
    *deltas, done = ask(client, prefix + "echo", stream=True)
    assert len(deltas) > 4, "it came in one piece"
    assert {delta.type for delta in deltas} == {"transcript.text.delta"}
    assert "".join(delta.delta for delta in deltas) == TEXT
    assert (done.type, done.text) == ("transcript.text.done", TEXT)


def test_what_was_asked_arrives(client, prefix):
    script = unique("echo")
    told = {"language": "en", "prompt": "Names: Ada", "temperature": 0.2}
    assert ask(client, prefix + script, **told).text == f"{TEXT} I was told: Names: Ada."
    (arrived,) = control("/_/requests", model=script)
    body = arrived["body"]
    assert {name: body[name] for name in told} == told | {"temperature": "0.2"}
    assert body["file"] == {"filename": "speech.wav", "content_type": "audio/wav", "bytes": 16044}


@pytest.mark.parametrize(
    "script, exception",
    [
        ("error-400", openai.BadRequestError),
        ("error-404", openai.NotFoundError),
        ("error-429", openai.RateLimitError),
        ("error-500", openai.InternalServerError),
    ],
)
def test_errors_are_the_exceptions_of_the_package(client, prefix, script, exception):
    with pytest.raises(exception):
        ask(client, prefix + script)


def test_a_retry_sends_the_sound_again(client):
    assert ask(client.with_options(max_retries=2), PREFIX + unique("flaky-1")).text == TEXT


def test_a_stream_that_fails(client, prefix):
    with pytest.raises(openai.APIError) as caught:
        list(ask(client, prefix + "error-midstream", stream=True))
    assert "scripted: the model exploded" in caught.value.message


def test_async(async_client, prefix):
    async def run():
        async with async_client() as client:
            return await ask(client, prefix + "echo")

    assert asyncio.run(run()).text == TEXT
