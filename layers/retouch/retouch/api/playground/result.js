// The result: the picture beside the original, the proof that nothing changed outside the mask, and the facts.

import { comparePixels } from './difference.js';
import { base64Bytes } from './requests.js';

// Only these types are shown; SVG and everything else could run a script.
const SIGNATURES = [
  ['image/png', [0x89, 0x50, 0x4e, 0x47]],
  ['image/jpeg', [0xff, 0xd8, 0xff]],
  ['image/webp', [0x52, 0x49, 0x46, 0x46]],
];

export function imageBlob(bytes) {
  const found = SIGNATURES.find(([, signature]) => signature.every((byte, index) => bytes[index] === byte));
  if (!found) throw new Error('The answer is not a PNG, JPEG or WebP picture.');
  return new Blob([bytes], { type: found[0] });
}

// Return the pictures of an answer as blobs. A link is fetched, which needs the permission of its host.
export async function resultBlobs(answer) {
  return Promise.all(
    answer.data.map(async ({ b64_json: text, url }) => {
      if (text) return imageBlob(base64Bytes(text));
      const response = await fetch(url);
      if (!response.ok) throw new Error(`The link to the picture answered with status ${response.status}.`);
      return imageBlob(new Uint8Array(await response.arrayBuffer()));
    }),
  );
}

export class ResultView {
  constructor(find) {
    this.find = find;
    this.links = [];
    find('slider').addEventListener('input', () => this.moveSlider());
    find('compare').addEventListener('pointerdown', (event) => this.dragSlider(event));
    find('compare').addEventListener('pointermove', (event) => event.buttons && this.dragSlider(event));
    find('copy-link').addEventListener('click', () => navigator.clipboard.writeText(this.urls[this.blobs.indexOf(this.blob)]));
    for (const input of find('result-mode').querySelectorAll('input')) input.addEventListener('change', () => this.showMode());
  }

  // `edit` is {original, mask, width, height}: blobs, mask may be null. `urls` are the links of the answer.
  async show(edit, blobs, urls, facts, raw) {
    for (const link of this.links) URL.revokeObjectURL(link);
    this.links = [];
    Object.assign(this, { edit, blobs, urls });
    this.find('copy-link').hidden = !urls.some(Boolean);
    this.find('before').src = this.link(edit.original);
    this.find('choices').replaceChildren(...(blobs.length > 1 ? blobs.map((blob, index) => this.choice(index)) : []));
    this.find('facts').replaceChildren(...facts.flatMap(([name, value]) => [element('dt', name), element('dd', value)]));
    this.find('raw').textContent = raw;
    await this.choose(0);
  }

  async choose(index) {
    this.blob = this.blobs[index];
    const link = this.link(this.blob);
    this.find('after').src = link;
    const download = this.find('download');
    download.href = link;
    download.download = `edited.${this.blob.type.split('/')[1]}`;
    this.moveSlider();
    this.showMode();
    await this.compare();
  }

  choice(index) {
    const button = element('button', `Picture ${index + 1}`);
    button.type = 'button';
    button.addEventListener('click', () => this.choose(index));
    return button;
  }

  link(blob) {
    const link = URL.createObjectURL(blob);
    this.links.push(link);
    return link;
  }

  moveSlider() {
    const share = Number(this.find('slider').value);
    const isCompared = this.mode === 'compare';
    this.find('after').style.clipPath = isCompared ? `inset(0 0 0 ${share}%)` : '';
    this.find('compare').classList.toggle('compared', isCompared);
    this.find('compare').style.setProperty('--split', `${share}%`);
  }

  // Move the border between before and after to the pointer.
  dragSlider(event) {
    if (this.mode !== 'compare') return;
    event.preventDefault();
    const box = this.find('after').getBoundingClientRect();
    this.find('slider').value = ((event.clientX - box.left) / box.width) * 100;
    this.moveSlider();
  }

  // Show the original as long as a key is held.
  showOriginal(isShown) {
    this.find('compare').classList.toggle('original', isShown);
  }

  get mode() {
    return this.find('result-mode').querySelector('input:checked').value;
  }

  showMode() {
    this.find('slider-row').hidden = this.mode !== 'compare';
    this.find('before').hidden = this.mode !== 'compare';
    this.find('after').hidden = this.mode === 'difference';
    this.find('difference').hidden = this.mode !== 'difference';
    this.moveSlider();
  }

  // Say how many pixels changed outside the mask.
  async compare() {
    const { edit, blob } = this;
    const verdict = this.find('verdict');
    verdict.className = '';
    verdict.textContent = 'Comparing the pixels…';
    const result = await createImageBitmap(blob);
    if (result.width !== edit.width || result.height !== edit.height) {
      verdict.textContent = `The result has ${result.width} × ${result.height} pixels and your picture ${edit.width} × ${edit.height}, so they are not compared.`;
      return;
    }
    const [picture, mask] = await Promise.all([edit.original, edit.mask].map((one) => one && createImageBitmap(one)));
    const report = await comparePixels(picture, result, mask, edit.width, edit.height);
    if (blob !== this.blob) return; // another picture was chosen meanwhile
    const canvas = this.find('difference');
    [canvas.width, canvas.height] = [edit.width, edit.height];
    canvas.getContext('2d').drawImage(report.canvas, 0, 0);
    verdict.textContent = verdictText(report, Boolean(mask));
    verdict.className = mask ? (report.changed ? 'bad' : 'good') : '';
  }
}

function verdictText({ changed, largest, outside }, hasMask) {
  const count = changed.toLocaleString('en');
  if (!hasMask) return `${count} of ${outside.toLocaleString('en')} pixels changed. There was no mask.`;
  return changed
    ? `${count} pixels changed outside the mask, by up to ${largest} of 255.`
    : '0 pixels changed outside the mask.';
}

export function element(name, text = '') {
  const created = document.createElement(name);
  created.textContent = text;
  return created;
}

// Return the facts of an answer as [name, value] pairs.
export function answerFacts(response, answer, milliseconds) {
  const header = (name) => response?.headers.get(name);
  const facts = [
    ['Model', header('x-retouch-model')],
    ['Billed', header('x-retouch-billed')],
    ['Cost', header('x-retouch-cost-usd') && `$${header('x-retouch-cost-usd')}`],
    ['Time', `${(milliseconds / 1000).toFixed(1)} s`],
    ['Kept pixels', header('x-retouch-preserved-pixels')],
    ['Notes', header('x-retouch-notes')],
    ['Found again', header('idempotent-replayed') === 'true' ? 'yes, nothing was bought' : null],
    ['Request', header('x-request-id')],
    ['Revised prompt', answer.data?.[0]?.revised_prompt],
  ];
  return facts.filter(([, value]) => value);
}

// Return the response as text, with its base64 shortened.
export function rawText(response, answer) {
  const headers = response ? [...response.headers].map(([name, value]) => `${name}: ${value}`).join('\n') : '';
  const body = JSON.stringify(answer, (name, value) => (name === 'b64_json' ? `${String(value).slice(0, 24)}…` : value), 2);
  return `${headers}\n\n${body}`.trim();
}
