// The AI SDK with its default retries and an Idempotency-Key. Usage: node keyed.mjs BASE_URL IMAGE KEY
// Prints one JSON object: the bytes of the image, or the name of the error.
import fs from 'node:fs';
import { createOpenAI } from '@ai-sdk/openai';
import { generateImage } from 'ai';

const [baseURL, imagePath, key] = process.argv.slice(2);
const retouch = createOpenAI({ baseURL, apiKey: 'none' });
try {
  const { image } = await generateImage({
    model: retouch.image('openai/gpt-image-2'),
    prompt: { text: key, images: [fs.readFileSync(imagePath)] },
    headers: { 'Idempotency-Key': key },
  });
  console.log(JSON.stringify({ bytes: image.uint8Array.length }));
} catch (error) {
  console.log(JSON.stringify({ raised: error.name }));
}
