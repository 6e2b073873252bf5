// The official Node SDK, unchanged but for baseURL. Usage: node check.mjs BASE_URL IMAGE MASK
// Prints one JSON object with what happened; the test judges it.
import fs from 'node:fs';
import OpenAI, { toFile } from 'openai';

const [baseURL, imagePath, maskPath] = process.argv.slice(2);
const client = new OpenAI({ baseURL, apiKey: 'DUMMY-KEY', maxRetries: 2 });
const image = () => fs.createReadStream(imagePath);
const mask = () => fs.createReadStream(maskPath);
const untyped = async () => toFile(fs.readFileSync(imagePath), 'a.png');
const report = {};

report.plain = (await client.images.edit({ model: 'gpt-image-2', image: image(), prompt: 'p' })).data.length;
report.list = (await client.images.edit({ model: 'gpt-image-2', image: [image(), await untyped()], prompt: 'p' })).data.length;

const masked = await client.images.edit({ model: 'local/erase', image: image(), mask: mask(), prompt: 'p', n: 2 });
report.masked = masked.data.map((item) => Buffer.from(item.b64_json, 'base64').subarray(1, 4).toString());

report.events = [];
const stream = await client.images.edit({ model: 'local/erase', image: image(), mask: mask(), prompt: 'p', stream: true });
for await (const event of stream) report.events.push(event.type);

try {
  await client.images.edit({ model: 'gpt-image-2', image: image(), prompt: 'p', size: '1000x1000' });
} catch (error) {
  report.refused = { bad: error instanceof OpenAI.BadRequestError, status: error.status, param: error.param, code: error.code };
}
console.log(JSON.stringify(report));
