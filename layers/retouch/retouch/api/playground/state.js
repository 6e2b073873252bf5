// What all parts of the page share: its elements, its state, and the place where it shows an error.

import { element } from './result.js';

export const find = (id) => document.getElementById(id);
export const on = (id, event, listener) => find(id).addEventListener(event, listener);

export const page = {
  key: sessionStorage.getItem('key') ?? '',
  pictures: [], // [{blob, name}]; the mask belongs to the first
  width: 0,
  height: 0,
  mask: null,
  share: 0, // of the picture that is marked, from 0 to 1
  waiting: null, // the AbortController of the request that the page waits for
  isSpaceHeld: false,
};

// Say that a part of the state has changed: 'pictures', 'mask' or 'request'.
export function announce(part) {
  document.dispatchEvent(new CustomEvent(`retouch:${part}`));
}

export function onPageChange(part, listener) {
  document.addEventListener(`retouch:${part}`, listener);
}

const BILLED = {
  no: 'Nothing was billed.',
  yes: 'It was billed.',
  unknown: 'It may have been billed.',
};

export function showError(error) {
  const box = find('error');
  const title = element('strong', error.message);
  const rest = [BILLED[error.billed], remedy(error), error.code && `Code: ${error.code}.`, error.requestId && `Request: ${error.requestId}.`];
  box.replaceChildren(title, element('p', rest.filter(Boolean).join(' ')));
  box.hidden = false;
  box.scrollIntoView({ block: 'nearest' });
  markField(error.param);
}

// What the person can do, where the sentence of the gateway or of the provider does not say it.
const REMEDIES = {
  401: 'Press Key and type a key.',
  402: 'The account of the provider needs credit.',
  403: 'Type another key under Key, or choose another model.',
  408: 'Press Edit again, or run it as a job.',
};

function remedy({ status = 0, code = '' }) {
  if (/moderation|content_policy/.test(code)) return 'Change the prompt or the picture.';
  if (code === 'mask_required') return 'Paint on the photo what to change, then press Edit again.';
  if (code === 'insufficient_quota') return 'The account of the provider needs credit, or choose another model.';
  if (code === 'budget_exceeded') return 'Use another key, or ask the operator for more.';
  if (status === 429) return 'Wait a moment and press Edit again.';
  if (status >= 500) return 'Press Edit again, or choose another model.';
  return REMEDIES[status] ?? '';
}

export function hideError() {
  find('error').hidden = true;
  markField(null);
}

const FIELD_IDS = { prompt: 'prompt', model: 'model', mask: 'frame', image: 'frame', mask_grow: 'grow', mask_feather: 'feather' };

function markField(param) {
  for (const marked of document.querySelectorAll('[aria-invalid]')) {
    marked.removeAttribute('aria-invalid');
    if (marked.getAttribute('aria-describedby') === 'error') marked.removeAttribute('aria-describedby');
  }
  const field = param && (find(FIELD_IDS[param] ?? `parameter-${param}`) ?? find(param));
  if (!field) return;
  field.setAttribute('aria-invalid', 'true');
  if (!field.hasAttribute('aria-describedby')) field.setAttribute('aria-describedby', 'error');
}
