// The official Node SDK with an edit that fails after the response has begun, or that takes longer than its timeout.
// Usage: node slow.mjs BASE_URL IMAGE CLIENT_TIMEOUT_MS REQUEST_TIMEOUT_MS STREAM ("" leaves a value out)
// Prints one JSON object with the error that the SDK raised; the test judges it.
import fs from 'node:fs';
import OpenAI, { toFile } from 'openai';

const [baseURL, imagePath, clientTimeout, requestTimeout, stream] = process.argv.slice(2);
const client = new OpenAI({ baseURL, apiKey: 'DUMMY-KEY', ...(clientTimeout && { timeout: Number(clientTimeout) }) });
// The SDK never sends a stream again, so the image is a file in memory.
const image = await toFile(fs.readFileSync(imagePath), 'a.png', { type: 'image/png' });
const edit = { model: 'openai/gpt-image-2', image, prompt: 'p', ...(stream && { stream: true }) };
try {
  const response = await client.images.edit(edit, requestTimeout ? { timeout: Number(requestTimeout) } : {});
  if (stream) for await (const event of response) void event;
  console.log(JSON.stringify({ raised: null }));
} catch (error) {
  const { status = null, code = null, message } = error;
  console.log(JSON.stringify({ raised: error.constructor.name, status, code, message }));
}
