// What the suites ask, and what the scripts of the upstream answer to it, as in
// ../python/scripted.py.

import { z } from 'zod';

export const QUESTION = 'one two 🦀';
export const MESSAGES = [{ role: 'user', content: QUESTION }];
export const ANSWER = 'You said: one two 🦀 I counted 3 words in that. This is the end.';
/** Tokens of the prompt, of the answer, and of both. */
export const USAGE = [3, 15, 18];
export const LONG = [{ role: 'user', content: 'word '.repeat(500) }];

export const PARAMETERS = {
  type: 'object',
  properties: { city: { type: 'string' } },
  required: ['city'],
  additionalProperties: false,
};
export const TOOLS = ['get_weather', 'get_time'].map((name) => ({
  type: 'function',
  function: { name, parameters: PARAMETERS, strict: true },
}));
export const CALLS = [
  ['get_weather', { city: 'text-0' }],
  ['get_time', { city: 'text-1' }],
];

export const IMAGES = ['data:image/png;base64,AAAA', 'data:image/jpeg;base64,AAAA'];
export const SEEN = 'I see 2 images: image/png, image/jpeg.';

export const Person = z.object({
  name: z.string(),
  age: z.number().int(),
  tags: z.array(z.string()),
});
export const PERSON = { name: 'text-0', age: 1, tags: ['text-0'] };

/** What `promise` fails with. */
export async function caught(promise) {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error('it did not fail');
}
