// The verifiers of standardwebhooks and of OpenAI's SDK. Reads {secret, cases: [{name, body, headers}]} from the input.
// Prints, for each verifier, which cases it accepts.
import fs from 'node:fs';
import OpenAI from 'openai';
import { Webhook } from 'standardwebhooks';

const { secret, cases } = JSON.parse(fs.readFileSync(0, 'utf8'));
const client = new OpenAI({ apiKey: 'none' });
const verifiers = {
  standardwebhooks: async ({ body, headers }) => new Webhook(secret).verify(body, headers),
  openai: async ({ body, headers }) => client.webhooks.verifySignature(body, headers, secret),
};
const accepts = async (verify, signed) => {
  try {
    await verify(signed);
    return true;
  } catch {
    return false;
  }
};

const report = {};
for (const [name, verify] of Object.entries(verifiers)) {
  report[name] = {};
  for (const signed of cases) report[name][signed.name] = await accepts(verify, signed);
}
console.log(JSON.stringify(report));
