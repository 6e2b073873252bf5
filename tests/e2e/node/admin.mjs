// Portkey's own Node SDK at the admin API, unchanged but for baseURL. Usage: node admin.mjs BASE_URL ADMIN_KEY IMAGE
// Prints one JSON object with what happened; the test judges it.
import fs from 'node:fs';
import { Portkey } from 'portkey-ai';

const [baseURL, adminKey, imagePath] = process.argv.slice(2);
const admin = new Portkey({ baseURL, apiKey: adminKey });
const report = {};

const workspace = await admin.admin.workspaces.create({ name: 'Node', description: 'a customer' });
const virtualKey = await admin.virtualKeys.create({ name: 'main', provider: 'openai', key: 'sk-of-node-0123456789', workspace_id: workspace.id });
const config = await admin.configs.create({ name: 'main', config: { virtual_key: virtualKey.slug, override_params: { model: 'gpt-image-2' } }, workspace_id: workspace.id });
const made = await admin.apiKeys.create({
  type: 'workspace', 'sub-type': 'service', name: 'shop', workspace_id: workspace.id, scopes: ['completions.write'],
  usage_limits: { credit_limit: 5, periodic_reset: 'monthly' }, rate_limits: [{ type: 'requests', unit: 'rpm', value: 100 }],
});
report.key = made.key.slice(0, 3);
await admin.apiKeys.update({ id: made.id, name: 'web-shop' });
report.name = (await admin.apiKeys.retrieve({ id: made.id })).name;
report.total = (await admin.apiKeys.list({ workspace_id: workspace.id })).total;

const caller = new Portkey({ baseURL, apiKey: made.key, config: config.id });
const edited = await caller.images.edit({ image: fs.createReadStream(imagePath), prompt: 'a red hat', response_format: 'b64_json' });
report.images = edited.data.length;

await admin.apiKeys.delete({ id: made.id });
await admin.configs.delete({ slug: config.id });
await admin.virtualKeys.delete({ slug: virtualKey.slug });
report.left = (await admin.apiKeys.list({ workspace_id: workspace.id })).total;
console.log(JSON.stringify(report));
