// The official `openai` package asks by the Responses API, which every chat provider answers.

import assert from 'node:assert/strict';
import { BASE_URL, KEY, each } from './environment.mjs';
import { ANSWER, CALLS, IMAGES, MESSAGES, PARAMETERS, PERSON, Person } from './scripted.mjs';
import { QUESTION, SEEN, USAGE, caught } from './scripted.mjs';

const PACKAGE = process.env.PACKAGE ?? 'openai-current';
const { default: OpenAI } = await import(PACKAGE);
const { zodTextFormat } = await import(`${PACKAGE}/helpers/zod`);

// No retries: a test sees the first answer.
const client = new OpenAI({ baseURL: BASE_URL, apiKey: KEY, maxRetries: 0, timeout: 30_000 });

const TOOLS = ['get_weather', 'get_time'].map((name) => ({
  type: 'function',
  name,
  parameters: PARAMETERS,
  strict: true,
}));

// What an error of the upstream is for the client: exception, status and code.
const ERRORS = {
  'error-400': [OpenAI.BadRequestError, 400],
  'error-401': [OpenAI.InternalServerError, 502, 'upstream_authentication'],
  'error-404': [OpenAI.NotFoundError, 404, 'model_not_found'],
  'error-429': [OpenAI.RateLimitError, 429, 'rate_limit_exceeded'],
  'error-500': [OpenAI.InternalServerError, 502],
  'context-too-long': [OpenAI.BadRequestError, 400, 'context_length_exceeded'],
};

const create = (model, rest = {}) => client.responses.create({ model, input: QUESTION, ...rest });
const helper = (model, rest = {}) => client.responses.stream({ model, input: QUESTION, ...rest });
const used = ({ usage }) => [usage.input_tokens, usage.output_tokens, usage.total_tokens];
const textOf = (response) =>
  response.output.map((item) => item.content?.map((part) => part.text).join('') ?? '').join('');
const callsOf = (response) => response.output.filter((item) => item.type === 'function_call');
const called = (response) =>
  callsOf(response).map((call) => [call.name, JSON.parse(call.arguments)]);

async function collect(stream) {
  const events = [];
  for await (const event of await stream) events.push(event);
  return events;
}

each('response', async (prefix) => {
  const response = await create(`${prefix}echo`, { instructions: 'Be brief.' });
  assert.equal(response.output_text, ANSWER);
  assert.equal(response.status, 'completed');
  assert.deepEqual(used(response), [USAGE[0] + 2, USAGE[1], USAGE[2] + 2]);
});

each('vision', async (prefix) => {
  const images = IMAGES.map((image_url) => ({ type: 'input_image', image_url, detail: 'auto' }));
  const content = [{ type: 'input_text', text: 'What is this?' }, ...images];
  const response = await create(`${prefix}vision`, { input: [{ role: 'user', content }] });
  assert.equal(response.output_text, SEEN);
});

each('stream', async (prefix) => {
  const events = await collect(create(`${prefix}echo`, { stream: true }));
  const deltas = events.filter((event) => event.type === 'response.output_text.delta');
  assert.ok(deltas.length > 10, 'it came in one piece');
  assert.equal(deltas.map((event) => event.delta).join(''), ANSWER);
  assert.deepEqual(events.map((event) => event.sequence_number), [...events.keys()]);
  assert.equal(events.at(-1).type, 'response.completed');
  assert.deepEqual(used(events.at(-1).response), USAGE);
});

each('the stream helper', async (prefix) => {
  const deltas = [];
  const stream = helper(`${prefix}echo`);
  stream.on('response.output_text.delta', (event) => deltas.push(event.delta));
  const response = await stream.finalResponse();
  assert.equal(deltas.join(''), ANSWER);
  // The old version sums up the text of whole responses only.
  assert.equal(textOf(response), ANSWER);
});

each('reasoning in the stream helper', async (prefix) => {
  const { output } = await helper(`${prefix}reasoning`).finalResponse();
  assert.deepEqual(output.map((item) => item.type), ['reasoning', 'message']);
  assert.match(output[0].summary[0].text, /^First I read/);
});

each('tools', async (prefix) => {
  const response = await create(`${prefix}tools`, { tools: TOOLS });
  assert.deepEqual(called(response), CALLS);

  // And the round is completed.
  const results = callsOf(response).map(({ call_id }) => ({
    type: 'function_call_output',
    call_id,
    output: 'sunny',
  }));
  const input = [...MESSAGES, ...response.output, ...results];
  const next = await create(`${prefix}tools`, { tools: TOOLS, input });
  assert.match(next.output_text, /^You said: sunny/);
});

each('tools in the stream helper', async (prefix) => {
  assert.deepEqual(called(await helper(`${prefix}tools`, { tools: TOOLS }).finalResponse()), CALLS);
});

each('parse', async (prefix) => {
  const text = { format: zodTextFormat(Person, 'person') };
  const asked = { model: `${prefix}json`, input: QUESTION, text };
  assert.deepEqual((await client.responses.parse(asked)).output_parsed, PERSON);
});

for (const [script, [exception, status, code]] of Object.entries(ERRORS)) {
  for (const stream of [false, true]) {
    each(`${script}${stream ? ' in place of a stream' : ''}`, async (prefix) => {
      const error = await caught(create(prefix + script, { stream }));
      assert.equal(error.constructor, exception);
      assert.equal(error.status, status);
      if (code) assert.equal(error.code, code);
    });
  }
}

for (const script of ['error-midstream', 'cut-after-3']) {
  each(`a stream of ${script}`, async (prefix) => {
    const error = await caught(collect(create(prefix + script, { stream: true })));
    assert.ok(error instanceof OpenAI.APIError, error);
  });
}
