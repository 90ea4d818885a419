// The official `@anthropic-ai/sdk` package, unmodified, does what its users do with it.
// ../python/test_anthropic.py says which kinds of provider it asks, and why they differ.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GATEWAY, KEY, PREFIX, PREFIXES, assertUpstreamSawItGo, control } from './environment.mjs';
import { unique } from './environment.mjs';
import { ANSWER, CALLS, LONG, MESSAGES, PARAMETERS, QUESTION, SEEN } from './scripted.mjs';
import { caught } from './scripted.mjs';

const { default: Anthropic } = await import(process.env.PACKAGE ?? 'anthropic-current');

const PROVIDERS = { messages: process.env.MESSAGES_PREFIX ?? 'messages/' };
if (GATEWAY) Object.assign(PROVIDERS, PREFIXES);

const client = new Anthropic({
  baseURL: process.env.PORTCULLIS_URL,
  apiKey: KEY,
  maxRetries: 0,
  timeout: 30_000,
});

const TOOLS = ['get_weather', 'get_time'].map((name) => ({
  name,
  description: 'Tells.',
  input_schema: PARAMETERS,
}));
const THINKING = { type: 'adaptive', display: 'summarized' };

// What an error of the upstream is for the client: exception, status and type. The old version has
// no class of its own for a service that is overloaded.
const ERRORS = {
  'error-400': [Anthropic.BadRequestError, 400, 'invalid_request_error'],
  'error-401': [Anthropic.InternalServerError, 502, 'api_error'],
  'error-404': [Anthropic.NotFoundError, 404, 'not_found_error'],
  'error-429': [Anthropic.RateLimitError, 429, 'rate_limit_error'],
  'error-500': [Anthropic.InternalServerError, 502, 'api_error'],
  'error-529': [Anthropic.OverloadedError ?? Anthropic.InternalServerError, 529, 'overloaded_error'],
  'context-too-long': [Anthropic.BadRequestError, 400, 'invalid_request_error'],
};

const request = (kind, script, rest = {}) => ({
  model: PROVIDERS[kind] + script,
  max_tokens: 1000,
  messages: MESSAGES,
  ...rest,
});
const create = (kind, script, rest = {}) => client.messages.create(request(kind, script, rest));
const textOf = (message) =>
  message.content.map((block) => (block.type === 'text' ? block.text : '')).join('');
const usesOf = (message) => message.content.filter((block) => block.type === 'tool_use');
const called = (message) => usesOf(message).map((use) => [use.name, use.input]);
const used = ({ usage }) => [usage.input_tokens, usage.output_tokens];

/** The user's turn that answers the calls of a message. */
function resultsOf(message) {
  const content = usesOf(message).map((use) => ({
    type: 'tool_result',
    tool_use_id: use.id,
    content: 'sunny',
  }));
  return { role: 'user', content };
}

async function collect(stream) {
  const events = [];
  for await (const event of await stream) events.push(event);
  return events;
}

/** Runs a test for each kind of provider. */
function eachKind(name, body) {
  for (const kind of Object.keys(PROVIDERS)) test(`${name} (${kind})`, () => body(kind));
}

// Messages.

eachKind('message', async (kind) => {
  const message = await create(kind, 'echo', { system: 'Be brief.' });
  assert.equal(textOf(message), ANSWER);
  assert.equal(message.role, 'assistant');
  assert.equal(message.stop_reason, 'end_turn');
  assert.deepEqual(used(message), [5, 15]);
  assert.ok(message._request_id);
});

eachKind('a limit of tokens ends an answer', async (kind) => {
  const message = await create(kind, 'echo', { max_tokens: 2 });
  assert.equal(textOf(message), 'You said: ');
  assert.equal(message.stop_reason, 'max_tokens');
});

eachKind('a refusal', async (kind) => {
  const message = await create(kind, 'refusal');
  assert.deepEqual([message.stop_reason, message.content], ['refusal', []]);
  const explanation = 'I would rather not answer that.';
  assert.deepEqual(message.stop_details, { type: 'refusal', category: null, explanation });
  const streamed = await client.messages.stream(request(kind, 'refusal')).finalMessage();
  assert.deepEqual([streamed.stop_reason, streamed.content], ['refusal', []]);
});

eachKind('vision', async (kind) => {
  const images = ['image/png', 'image/jpeg'].map((media_type) => ({
    type: 'image',
    source: { type: 'base64', media_type, data: 'AAAA' },
  }));
  const content = [...images, { type: 'text', text: 'What is this?' }];
  const message = await create(kind, 'vision', { messages: [{ role: 'user', content }] });
  assert.equal(textOf(message), SEEN);
});

eachKind('thinking', async (kind) => {
  const { content } = await create(kind, 'reasoning', { thinking: THINKING });
  assert.deepEqual(content.map((block) => block.type), ['thinking', 'text']);
  assert.match(content[0].thinking, /^First I read/);
  const messages = [...MESSAGES, { role: 'assistant', content }, ...MESSAGES];
  assert.equal(textOf(await create(kind, 'echo', { thinking: THINKING, messages })), ANSWER);
});

// Streams.

for (const script of ['echo', 'claude-haiku-4-5--echo']) {
  eachKind(`stream of ${script}`, async (kind) => {
    const events = await collect(create(kind, script, { stream: true }));
    const types = events.map((event) => event.type);
    const deltas = events.filter((event) => event.type === 'content_block_delta');
    assert.equal(types[0], 'message_start');
    assert.deepEqual(types.slice(-3), ['content_block_stop', 'message_delta', 'message_stop']);
    assert.ok(deltas.length > 10, 'it came in one piece');
    assert.equal(deltas.map((event) => event.delta.text).join(''), ANSWER);
    assert.equal(events.at(-2).usage.output_tokens, 15);
  });
}

eachKind('the stream helper', async (kind) => {
  const pieces = [];
  const stream = client.messages.stream(request(kind, 'echo'));
  stream.on('text', (piece) => pieces.push(piece));
  const message = await stream.finalMessage();
  assert.ok(pieces.length > 10, 'it came in one piece');
  assert.equal(pieces.join(''), ANSWER);
  assert.equal(textOf(message), ANSWER);
  assert.deepEqual(used(message), [3, 15]);
});

eachKind('thinking in the stream helper', async (kind) => {
  const thoughts = [];
  const stream = client.messages.stream(request(kind, 'reasoning', { thinking: THINKING }));
  stream.on('thinking', (thought) => thoughts.push(thought));
  const message = await stream.finalMessage();
  assert.match(thoughts.join(''), /^First I read/);
  assert.equal(message.content[0].thinking, thoughts.join(''));
  assert.equal(textOf(message), ANSWER);
});

// Tools.

eachKind('tools', async (kind) => {
  const message = await create(kind, 'tools', { tools: TOOLS });
  assert.equal(message.stop_reason, 'tool_use');
  assert.deepEqual(called(message), CALLS);

  // And the round is completed.
  const turn = { role: 'assistant', content: message.content };
  const messages = [...MESSAGES, turn, resultsOf(message)];
  assert.match(textOf(await create(kind, 'tools', { tools: TOOLS, messages })), /^You said: sunny/);
});

eachKind('tools in the stream helper', async (kind) => {
  const pieces = [];
  const stream = client.messages.stream(request(kind, 'tools', { tools: TOOLS }));
  stream.on('inputJson', (piece) => pieces.push(piece));
  const message = await stream.finalMessage();
  assert.ok(pieces.length > 4, 'they came in one piece');
  assert.deepEqual(called(message), CALLS);
});

// Counting and models.

eachKind('counting tokens', async (kind) => {
  const { max_tokens: _, ...asked } = request(kind, 'echo', { system: 'Be brief.' });
  const { input_tokens } = await client.messages.countTokens(asked);
  if (kind === 'messages') assert.equal(input_tokens, 5);
  else assert.ok(input_tokens > 0);
});

if (GATEWAY) {
  test('models', async () => {
    const models = new Map();
    for await (const model of client.models.list({ limit: 1000 })) models.set(model.id, model);
    const model = models.get(`${PREFIX}echo`);
    assert.equal(model.type, 'model');
    assert.equal(model.display_name, `${PREFIX}echo`);
  });
}

// Errors.

if (GATEWAY) {
  for (const [script, [exception, status, type]] of Object.entries(ERRORS)) {
    for (const stream of [false, true]) {
      eachKind(`${script}${stream ? ' in place of a stream' : ''}`, async (kind) => {
        const error = await caught(create(kind, script, { stream }));
        assert.equal(error.constructor, exception);
        assert.equal(error.status, status);
        assert.equal(error.error.error.type, type);
        assert.ok(error.requestID);
      });
    }
  }

  test('a model that is not there', async () => {
    const asked = { model: 'nobody/nothing', max_tokens: 10, messages: MESSAGES };
    const error = await caught(client.messages.create(asked));
    assert.equal(error.constructor, Anthropic.NotFoundError);
    assert.equal(error.error.error.type, 'not_found_error');
  });

  for (const script of ['cut-after-3', 'cut-after-8']) {
    eachKind(`a gateway never ends ${script} silently`, async (kind) => {
      const error = await caught(collect(create(kind, script, { stream: true })));
      assert.ok(error instanceof Anthropic.APIError, error);
    });
  }
}

eachKind('an error in a stream', async (kind) => {
  const stream = client.messages.stream(request(kind, 'error-midstream'));
  const pieces = [];
  stream.on('text', (piece) => pieces.push(piece));
  const error = await caught(stream.finalMessage());
  assert.ok(pieces.length, 'it was no error in the middle');
  assert.ok(error instanceof Anthropic.APIError, error);
  assert.match(error.message, /scripted: /);
});

// Cancellation.

eachKind('a stream aborted half way', async (kind) => {
  const script = unique('echo-20ms');
  const stream = await create(kind, script, { stream: true, messages: LONG });
  const events = stream[Symbol.asyncIterator]();
  for (let count = 0; count < 4; count += 1) await events.next();
  const gone = performance.now();
  stream.controller.abort();
  await assertUpstreamSawItGo(script, gone);
});

// As Claude Code asks.

const cache_control = { type: 'ephemeral' };
const names = Array.from({ length: 18 }, (_, number) => `mcp__server__tool_${number}`);
const MANY_TOOLS = ['get_weather', 'get_time', ...names].map((name) => ({
  name,
  description: 'Does one thing, at some length. '.repeat(20),
  input_schema: { ...PARAMETERS, $schema: 'http://json-schema.org/draft-07/schema#' },
}));
MANY_TOOLS.at(-1).cache_control = cache_control;
const CODING = {
  max_tokens: 32_000,
  system: [
    { type: 'text', text: 'You are a coding agent.' },
    { type: 'text', text: 'Mind the style of the code. '.repeat(400), cache_control },
  ],
  tools: MANY_TOOLS,
  thinking: THINKING,
  metadata: { user_id: 'user_1_account__session_2' },
};
const REMINDED = [
  {
    role: 'user',
    content: [
      { type: 'text', text: '<system-reminder>It is Saturday.</system-reminder>' },
      { type: 'text', text: QUESTION, cache_control },
    ],
  },
];

eachKind('a coding agent', async (kind) => {
  const script = unique('tools');
  const asked = request(kind, script, { ...CODING, messages: REMINDED });
  const betas = ['claude-code-20250219', 'interleaved-thinking-2025-05-14'];
  const message = await client.beta.messages.stream({ ...asked, betas }).finalMessage();
  assert.deepEqual(called(message), CALLS);
  assert.equal(message.stop_reason, 'tool_use');

  const [{ body, headers }] = await control('/_/requests', { model: script, wait_ms: 10_000 });
  if (kind === 'messages') {
    // As it was, but for the model's name; the betas are the operator's to choose.
    assert.deepEqual(body, { ...asked, model: script, stream: true });
    if (GATEWAY) assert.ok(!headers.some(([name]) => name === 'anthropic-beta'));
  }

  const turn = { role: 'assistant', content: message.content };
  const messages = [...REMINDED, turn, resultsOf(message)];
  const answer = client.beta.messages.stream({ ...asked, betas, messages });
  assert.match(await answer.finalText(), /^You said: sunny/);
});
