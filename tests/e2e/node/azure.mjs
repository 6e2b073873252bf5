// The official Node SDK's client for Azure, unchanged but for endpoint. Usage: node azure.mjs ENDPOINT IMAGE
// Prints one JSON object with the number of images of each call.
import fs from 'node:fs';
import { AzureOpenAI } from 'openai';

const [endpoint, imagePath] = process.argv.slice(2);
const options = { endpoint, apiKey: 'DUMMY-KEY', apiVersion: '2025-04-01-preview' };
const edit = async (client, fields) =>
  (await client.images.edit({ image: fs.createReadStream(imagePath), prompt: 'p', ...fields })).data.length;

console.log(JSON.stringify({
  named: await edit(new AzureOpenAI(options), { model: 'gpt-image-2' }),
  prefixed: await edit(new AzureOpenAI(options), { model: 'openai/gpt-image-2' }),
  deployed: await edit(new AzureOpenAI({ ...options, deployment: 'pictures-prod' }), {}),
}));
