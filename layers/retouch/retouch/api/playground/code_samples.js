// The request of the page as curl, Python and JavaScript. The gateway key is never in them.

// `call` is {address, fields: [[name, value], ...], files: [[name, file name], ...], headers, hasKey}.
export function codeSample(language, call) {
  return { curl: curlSample, python: pythonSample, javascript: javascriptSample }[language](call);
}

function curlSample({ address, fields, files, headers, hasKey }) {
  const lines = [`curl -s ${shellText(`${address}v1/images/edits`)}`];
  if (hasKey) lines.push('-H "Authorization: Bearer $RETOUCH_KEY"');
  for (const [name, value] of Object.entries(headers)) lines.push(`-H ${shellText(`${name}: ${value}`)}`);
  for (const [name, file] of files) lines.push(`-F ${shellText(`${name}=@${file}`)}`);
  // --form-string sends a value as it is, also one that begins with @ or <.
  for (const [name, value] of fields) lines.push(`--form-string ${shellText(`${name}=${value}`)}`);
  return `${lines.join(' \\\n  ')}\n`;
}

function shellText(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function pythonSample(call) {
  const { images, mask, known, extra } = sortInputs(call);
  const opened = images.map((file) => `open(${pythonText(file)}, "rb")`);
  const lines = [
    'import base64',
    ...(call.hasKey ? ['import os'] : []),
    '',
    'from openai import OpenAI',
    '',
    `client = OpenAI(base_url=${pythonText(`${call.address}v1`)}, api_key=${call.hasKey ? 'os.environ["RETOUCH_KEY"]' : '"none"'})`,
    'edit = client.images.edit(',
    `    image=${opened.length === 1 ? opened[0] : `[${opened.join(', ')}]`},`,
    ...(mask ? [`    mask=open(${pythonText(mask)}, "rb"),`] : []),
    ...known.map(([name, value]) => `    ${name}=${pythonValue(name, value)},`),
    ...(extra.length
      ? [`    extra_body={${extra.map(([name, value]) => `${pythonText(name)}: ${pythonText(value)}`).join(', ')}},`]
      : []),
    ...pythonHeaders(call.headers),
    ')',
    'for index, image in enumerate(edit.data):',
    '    with open(f"edited-{index}.png", "wb") as file:',
    '        file.write(base64.b64decode(image.b64_json))',
  ];
  return `${lines.join('\n')}\n`;
}

function pythonHeaders(headers) {
  const entries = Object.entries(headers).map(([name, value]) => `${pythonText(name)}: ${pythonText(value)}`);
  return entries.length ? [`    extra_headers={${entries.join(', ')}},`] : [];
}

function javascriptSample(call) {
  const { images, mask, known, extra } = sortInputs(call);
  const opened = images.map((file) => `createReadStream(${JSON.stringify(file)})`);
  const options = Object.keys(call.headers).length ? `, { headers: ${JSON.stringify(call.headers)} }` : '';
  const lines = [
    "import { createReadStream } from 'node:fs';",
    "import { writeFile } from 'node:fs/promises';",
    "import OpenAI from 'openai';",
    '',
    `const client = new OpenAI({ baseURL: ${JSON.stringify(`${call.address}v1`)}, apiKey: ${call.hasKey ? 'process.env.RETOUCH_KEY' : "'none'"} });`,
    'const edit = await client.images.edit({',
    `  image: ${opened.length === 1 ? opened[0] : `[${opened.join(', ')}]`},`,
    ...(mask ? [`  mask: createReadStream(${JSON.stringify(mask)}),`] : []),
    ...known.map(([name, value]) => `  ${name}: ${javascriptValue(name, value)},`),
    ...extra.map(([name, value]) => `  ${name}: ${JSON.stringify(value)},`),
    `}${options});`,
    'for (const [index, image] of edit.data.entries()) {',
    "  await writeFile(`edited-${index}.png`, Buffer.from(image.b64_json, 'base64'));",
    '}',
  ];
  return `${lines.join('\n')}\n`;
}

// The parameters that the OpenAI SDKs know by name; the others go into the body beside them.
const SDK_PARAMS = new Set(
  ('model prompt n size quality background input_fidelity output_format output_compression partial_images ' +
    'response_format user').split(' '),
);
const NUMBERS = new Set(['n', 'output_compression', 'partial_images']);

function sortInputs({ fields, files }) {
  return {
    images: files.filter(([name]) => name.startsWith('image')).map(([, file]) => file),
    mask: files.find(([name]) => name === 'mask')?.[1],
    known: fields.filter(([name]) => SDK_PARAMS.has(name)),
    extra: fields.filter(([name]) => !SDK_PARAMS.has(name)),
  };
}

function pythonValue(name, value) {
  return NUMBERS.has(name) ? value : pythonText(value);
}

function javascriptValue(name, value) {
  return NUMBERS.has(name) ? value : JSON.stringify(value);
}

// Every string of JSON is also a string of Python.
function pythonText(text) {
  return JSON.stringify(text);
}
