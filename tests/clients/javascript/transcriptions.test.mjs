// The official `openai` package sends sound, and is given what was said in every format.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BASE_URL, KEY, PREFIX, control, each, unique } from './environment.mjs';
import { caught } from './scripted.mjs';

// Node 18 has it elsewhere, and the package asks for it here.
globalThis.File ??= (await import('node:buffer')).File;
const PACKAGE = process.env.PACKAGE ?? 'openai-current';
const { default: OpenAI, toFile } = await import(PACKAGE);

const client = new OpenAI({ baseURL: BASE_URL, apiKey: KEY, maxRetries: 0, timeout: 30_000 });

// A second of silence: a WAV file as recorders write it. Nobody listens to it.
const SOUND = Buffer.alloc(44 + 16_000);
SOUND.write('RIFF', 0);
SOUND.writeUInt32LE(SOUND.length - 8, 4);
SOUND.write('WAVEfmt ', 8);
SOUND.writeUInt32LE(16, 16);
[1, 1].forEach((value, index) => SOUND.writeUInt16LE(value, 20 + 2 * index));
[8_000, 16_000].forEach((value, index) => SOUND.writeUInt32LE(value, 24 + 4 * index));
[2, 16].forEach((value, index) => SOUND.writeUInt16LE(value, 32 + 2 * index));
SOUND.write('data', 36);
SOUND.writeUInt32LE(16_000, 40);
// What the upstream claims to have heard: two sentences, of which each word takes half a second.
const SENTENCES = ['I heard 16044 bytes of audio/wav.', 'They are speech.wav.'];
const TEXT = SENTENCES.join(' ');

async function ask(model, rest = {}, options = {}) {
  const file = await toFile(SOUND, 'speech.wav', { type: 'audio/wav' });
  return await client.audio.transcriptions.create({ model, file, ...rest }, options);
}

each('json', async (prefix) => {
  assert.equal((await ask(`${prefix}echo`)).text, TEXT);
});

each('text', async (prefix) => {
  const text = await ask(`${prefix}echo`, { response_format: 'text' });
  assert.equal(text.trim(), TEXT);
});

each('srt', async (prefix) => {
  const captions = await ask(`${prefix}echo`, { response_format: 'srt' });
  const expected =
    `1\n00:00:00,000 --> 00:00:03,000\n${SENTENCES[0]}\n\n` +
    `2\n00:00:03,000 --> 00:00:04,500\n${SENTENCES[1]}`;
  assert.equal(captions.trim(), expected);
});

each('vtt', async (prefix) => {
  const captions = await ask(`${prefix}echo`, { response_format: 'vtt' });
  const expected =
    `WEBVTT\n\n00:00:00.000 --> 00:00:03.000\n${SENTENCES[0]}\n\n` +
    `00:00:03.000 --> 00:00:04.500\n${SENTENCES[1]}`;
  assert.equal(captions.trim(), expected);
});

each('words and segments', async (prefix) => {
  const verbose = await ask(`${prefix}echo`, {
    response_format: 'verbose_json',
    timestamp_granularities: ['word', 'segment'],
  });
  assert.equal(verbose.text, TEXT);
  assert.equal(Number(verbose.duration), 4.5);
  const words = verbose.words.map(({ word }) => word);
  assert.deepEqual(words, TEXT.split(' '));
  const segments = verbose.segments.map(({ start, end, text }) => [start, end, text.trim()]);
  assert.deepEqual(segments, [
    [0, 3, SENTENCES[0]],
    [3, 4.5, SENTENCES[1]],
  ]);
});

each('a stream', async (prefix) => {
  const events = [];
  for await (const event of await ask(`${prefix}echo`, { stream: true })) events.push(event);
  const done = events.pop();
  assert.ok(events.length > 4, 'it came in one piece');
  assert.ok(events.every(({ type }) => type === 'transcript.text.delta'));
  assert.equal(events.map(({ delta }) => delta).join(''), TEXT);
  assert.deepEqual([done.type, done.text], ['transcript.text.done', TEXT]);
});

each('what was asked arrives', async (prefix) => {
  const script = unique('echo');
  const told = { language: 'en', prompt: 'Names: Ada', temperature: 0.2 };
  assert.equal((await ask(prefix + script, told)).text, `${TEXT} I was told: Names: Ada.`);
  const [{ body }] = await control('/_/requests', { model: script });
  assert.deepEqual(
    [body.language, body.prompt, body.temperature],
    [told.language, told.prompt, '0.2'],
  );
  const file = { filename: 'speech.wav', content_type: 'audio/wav', bytes: 16_044 };
  assert.deepEqual(body.file, file);
});

for (const [script, exception] of [
  ['error-400', OpenAI.BadRequestError],
  ['error-404', OpenAI.NotFoundError],
  ['error-429', OpenAI.RateLimitError],
  ['error-500', OpenAI.InternalServerError],
]) {
  each(`${script} is an exception of the package`, async (prefix) => {
    const error = await caught(ask(prefix + script));
    assert.ok(error instanceof exception, `${error}`);
  });
}

// The old version reads a form once: its second try has nothing left to send, to whatever server.
const once = PACKAGE === 'openai-old' && 'this version cannot send a form twice';
test('a retry sends the sound again', { skip: once }, async () => {
  const { text } = await ask(PREFIX + unique('flaky-1'), {}, { maxRetries: 2 });
  assert.equal(text, TEXT);
});

each('a stream that fails', async (prefix) => {
  const stream = await ask(`${prefix}error-midstream`, { stream: true });
  const read = async () => {
    for await (const event of stream) assert.equal(event.type, 'transcript.text.delta');
  };
  const error = await caught(read());
  assert.ok(error instanceof OpenAI.APIError, `${error}`);
  assert.match(`${error.message} ${JSON.stringify(error.error)}`, /the model exploded/);
});
