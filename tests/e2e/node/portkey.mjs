// Portkey's own Node SDK, unchanged but for baseURL. Usage: node portkey.mjs BASE_URL IMAGE MASK CUTOUT
// Prints one JSON object with what happened; the test judges it.
import fs from 'node:fs';
import { Portkey } from 'portkey-ai';

const [baseURL, imagePath, maskPath, cutoutPath] = process.argv.slice(2);
const client = new Portkey({ baseURL, provider: 'openai', Authorization: 'sk-node' });
const file = (path) => fs.createReadStream(path);
const report = {};

const plain = await client.images.edit({ image: file(cutoutPath), prompt: 'Add a party hat to the cat', n: 1, size: '1024x1024' });
report.plain = plain.data[0].url.slice(0, 4);

const masked = await client.images.edit({
  image: file(imagePath), mask: file(maskPath), prompt: 'A sunlit indoor lounge area with a pool',
  model: 'openai/dall-e-2', n: 1, size: '1024x1024', response_format: 'b64_json',
});
report.masked = Buffer.from(masked.data[0].b64_json, 'base64').subarray(1, 4).toString();

report.events = [];
const stream = await client.images.edit({ model: 'gpt-image-2', image: file(imagePath), prompt: 'p', stream: true });
for await (const event of stream) report.events.push(event.type);
console.log(JSON.stringify(report));
