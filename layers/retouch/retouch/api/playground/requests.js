// The requests of the page. It uses only the public API, below the address of the page itself.

const DIRECT_BYTES = 4_500_000; // all files of one request; larger ones are uploaded first
const JOB_PAUSE_MS = 2_000;

// The address of the gateway, with a slash at its end: "https://host/prod/" for "https://host/prod/playground".
export function gatewayAddress() {
  return new URL('.', location.href).href;
}

// An error with the sentence of the gateway. `billed` is 'yes', 'no' or 'unknown'.
export class RequestError extends Error {
  constructor(message, { status = 0, code = '', param = null, billed = 'no', requestId = '' } = {}) {
    super(message);
    Object.assign(this, { status, code, param, billed, requestId });
  }
}

export function newSubmissionId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

export async function listModels(key) {
  const response = await send('v1/models?verbose=true', { headers: keyHeader(key) });
  return (await readJson(response)).data;
}

// Send a submission: {id, fields, files, headers, isJob}. When it is sent again, it has the same Idempotency-Key, so the
// gateway returns the same edit and nothing is bought twice. `onPreview` gets the bytes of partial images.
export async function sendEdit(submission, key, { signal, onPreview } = {}) {
  const body = await editBody(submission, key, signal);
  const headers = { ...keyHeader(key), ...submission.headers, 'Idempotency-Key': submission.id };
  if (submission.isJob) headers.Prefer = 'respond-async';
  if (typeof body === 'string') headers['Content-Type'] = 'application/json';
  const response = await send('v1/images/edits', { method: 'POST', headers, body, signal });
  if ((response.headers.get('content-type') ?? '').startsWith('text/event-stream'))
    return { response, answer: await readStream(response, onPreview) };
  return { response, answer: await readJson(response) };
}

export async function planEdit(submission, key, signal) {
  const fields = [...submission.fields.filter(([name]) => name !== 'stream'), ['dry_run', 'true']];
  const body = await editBody({ ...submission, fields }, key, signal);
  const headers = { ...keyHeader(key), ...submission.headers };
  if (typeof body === 'string') headers['Content-Type'] = 'application/json';
  return readJson(await send('v1/images/edits', { method: 'POST', headers, body, signal }));
}

export async function readJob(id, key) {
  return readJson(await send(`v1/images/edits/${encodeURIComponent(id)}`, { headers: keyHeader(key) }));
}

export async function cancelJob(id, key) {
  const path = `v1/images/edits/${encodeURIComponent(id)}/cancel`;
  return readJson(await send(path, { method: 'POST', headers: keyHeader(key) }));
}

// Ask for the job until it has ended. `onState` gets every state of it.
export async function followJob(id, key, onState) {
  for (;;) {
    const job = await readJob(id, key);
    onState(job);
    if (!['queued', 'in_progress'].includes(job.status)) return job;
    await new Promise((resume) => setTimeout(resume, JOB_PAUSE_MS));
  }
}

export function base64Bytes(text) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(text);
  const characters = atob(text);
  const bytes = new Uint8Array(characters.length);
  for (let at = 0; at < bytes.length; at += 1) bytes[at] = characters.charCodeAt(at);
  return bytes;
}

function keyHeader(key) {
  return key ? { Authorization: `Bearer ${key}` } : {};
}

// The body of an edit: a form with its files, or JSON that names the uploads of large files.
async function editBody({ fields, files }, key, signal) {
  const size = files.reduce((sum, [, , blob]) => sum + blob.size, 0);
  if (size <= DIRECT_BYTES) return encodeForm(fields, files);
  const uploads = [];
  for (const [name, , blob] of files) uploads.push([name, await upload(blob, key, signal)]);
  const images = uploads.filter(([name]) => name.startsWith('image')).map(([, reference]) => reference);
  const mask = uploads.find(([name]) => name === 'mask')?.[1];
  return JSON.stringify({ ...jsonFields(fields), images, ...(mask && { mask }) });
}

// FormData would change the line ends of a prompt, so that a copied request would be another one.
function encodeForm(fields, files) {
  const boundary = `retouch-${newSubmissionId()}`;
  const parts = [];
  for (const [name, fileName, blob] of files) {
    const disposition = `form-data; name="${name}"; filename="${encodeURIComponent(fileName)}"`;
    parts.push(partHead(boundary, disposition, `Content-Type: ${blob.type || 'application/octet-stream'}\r\n`), blob, '\r\n');
  }
  for (const [name, value] of fields) parts.push(partHead(boundary, `form-data; name="${name}"`), value, '\r\n');
  return new Blob([...parts, `--${boundary}--\r\n`], { type: `multipart/form-data; boundary=${boundary}` });
}

function partHead(boundary, disposition, more = '') {
  return `--${boundary}\r\nContent-Disposition: ${disposition}\r\n${more}\r\n`;
}

const JSON_TYPES = /^(n|output_compression|partial_images|mask_grow|mask_feather|stream|preserve|dry_run|shapes)$/;

function jsonFields(fields) {
  return Object.fromEntries(
    fields.map(([name, value]) => [name, JSON_TYPES.test(name) ? JSON.parse(value) : value]),
  );
}

async function upload(blob, key, signal) {
  const headers = { ...keyHeader(key), 'Content-Type': 'application/json' };
  const form = await readJson(await send('v1/uploads', { method: 'POST', headers, body: '{}', signal }));
  const body = new FormData();
  for (const [name, value] of Object.entries(form.fields)) body.append(name, value);
  body.append('file', blob);
  const response = await fetch(form.url, { method: 'POST', body, signal });
  if (!response.ok) throw new RequestError(`The upload of a large picture failed with status ${response.status}.`);
  return { file_id: form.id };
}

async function send(path, options) {
  try {
    return await fetch(gatewayAddress() + path, options);
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    const isEdit = path === 'v1/images/edits';
    throw new RequestError('The gateway does not answer. Check that it runs and that you are online.', {
      code: 'connection_failed',
      billed: isEdit ? 'unknown' : 'no',
    });
  }
}

async function readJson(response) {
  const billed = response.headers.get('x-retouch-billed') ?? 'no';
  const facts = { status: response.status, billed, requestId: response.headers.get('x-request-id') ?? '' };
  let document;
  try {
    document = await response.json();
  } catch {
    throw new RequestError(`The gateway answered with status ${response.status} and no readable body.`, {
      ...facts,
      billed: billed === 'no' && response.ok ? 'unknown' : billed,
    });
  }
  if (document.error && document.object !== 'image.edit') throw createError(document.error, facts);
  return document;
}

function createError(error, facts) {
  return new RequestError(String(error.message ?? 'The request failed.'), {
    ...facts,
    code: String(error.code ?? ''),
    param: error.param ?? null,
  });
}

// Read an event stream to its end and return the completed event as an image object.
async function readStream(response, onPreview) {
  const facts = { status: response.status, billed: response.headers.get('x-retouch-billed') ?? 'unknown' };
  const images = [];
  let usage = null;
  for await (const event of readEvents(response.body.getReader())) {
    if (event.error) throw createError(event.error, { ...facts, billed: event.billed ?? facts.billed });
    if (event.type?.endsWith('partial_image')) onPreview?.(base64Bytes(event.b64_json));
    if (event.type?.endsWith('completed')) {
      images.push({ b64_json: event.b64_json, revised_prompt: event.revised_prompt });
      usage = event.usage ?? null;
    }
  }
  if (!images.length) throw new RequestError('The stream ended before the picture.', { ...facts, billed: 'unknown' });
  return { data: images, usage };
}

async function* readEvents(reader) {
  const decoder = new TextDecoder();
  let text = '';
  for (;;) {
    const { value, done } = await reader.read();
    text += decoder.decode(value, { stream: !done });
    const blocks = text.split('\n\n');
    text = blocks.pop();
    for (const block of blocks) {
      const data = block.split('\n').filter((line) => line.startsWith('data:')).map((line) => line.slice(5).trim());
      if (data.length && data[0] !== '[DONE]') yield JSON.parse(data.join('\n'));
    }
    if (done) return;
  }
}
