// The page: it connects the controls with the mask, the request and the result.

import { MaskDocument, coverage, maskFile, readMaskFile } from './mask.js';
import { Viewport, bindPointers } from './viewport.js';
import { Painter } from './painter.js';
import { EditForm } from './form.js';
import { ResultView, answerFacts, element, imageBlob, rawText, resultBlobs } from './result.js';
import { cancelJob, followJob, gatewayAddress, listModels, newPressId, planEdit, sendEdit } from './requests.js';
import { deletePress, deleteResults, lastPress, listResults, savePress, saveResult } from './storage.js';
import { codeSample } from './code_samples.js';

const MAX_PICTURE_BYTES = 50_000_000;
const MAX_PICTURE_PIXELS = 52_000_000;
const PAN_STEP = 60;
const TOOL_KEYS = { b: 'brush', e: 'eraser', r: 'rectangle', o: 'ellipse', p: 'polygon' };
const CURSOR_KEYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

const find = (id) => document.getElementById(id);
const on = (id, event, listener) => find(id).addEventListener(event, listener);

const page = {
  key: sessionStorage.getItem('key') ?? '',
  pictures: [], // [{blob, name}]; the mask belongs to the first
  width: 0,
  height: 0,
  mask: null,
  waiting: null, // the AbortController of the request that the page waits for
  isSpaceHeld: false,
};

const viewport = new Viewport(find('frame'), find('content'), () => painter.drawGuides());
const painter = new Painter(viewport, { canvas: find('mask'), guides: find('guides') }, () => showMask());
const form = new EditForm(find);
const result = new ResultView(find);

// ---- the key ----

function showKey() {
  find('key-state').textContent = page.key ? 'Key set' : 'No key';
  find('key-keep').checked = Boolean(sessionStorage.getItem('key'));
  const isPrivate = isSecureContext;
  find('key-warning').hidden = isPrivate;
}

function toggleKeyPanel(isOpen = find('key-panel').hidden) {
  find('key-panel').hidden = !isOpen;
  find('key-open').setAttribute('aria-expanded', String(isOpen));
  if (isOpen) find('key').focus();
}

function takeKey(event) {
  event.preventDefault();
  page.key = find('key').value.trim();
  find('key').value = '';
  if (find('key-keep').checked && page.key) sessionStorage.setItem('key', page.key);
  else sessionStorage.removeItem('key');
  toggleKeyPanel(false);
  showKey();
  loadModels();
  showCode();
}

async function loadModels() {
  try {
    form.setModels(await listModels(page.key));
    hideError();
  } catch (error) {
    if (error.status === 401) toggleKeyPanel(true);
    showError(error);
  }
  showButtons();
}

// ---- the picture and the mask ----

async function addPictures(files) {
  for (const file of files) {
    if (file.size > MAX_PICTURE_BYTES) return showError(new Error(`${file.name} has ${megabytes(file.size)} MB. The limit is 50 MB.`));
    if (!page.pictures.length) await openPicture(file, file.name);
    else page.pictures.push({ blob: file, name: file.name });
  }
  showPictures();
}

async function openPicture(blob, name, operations) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(blob);
  } catch {
    return showError(new Error(`This browser cannot show ${name}. Save it as PNG, JPEG or WebP. The API itself takes HEIC and TIFF too.`));
  }
  if (bitmap.width * bitmap.height > MAX_PICTURE_PIXELS)
    return showError(new Error(`${name} has ${bitmap.width} × ${bitmap.height} pixels. The limit is 52 megapixels.`));
  [page.width, page.height] = [bitmap.width, bitmap.height];
  bitmap.close();
  page.pictures = [{ blob, name }];
  URL.revokeObjectURL(find('picture').src);
  find('picture').src = URL.createObjectURL(blob);
  find('empty').hidden = true;
  find('content').hidden = false;
  find('frame').classList.add('has-picture');
  page.mask = new MaskDocument(page.width, page.height, operations);
  viewport.setPicture(page.width, page.height);
  find('brush-size').value = Math.max(8, Math.round(Math.max(page.width, page.height) / 20));
  takeBrushSize();
  painter.setMask(page.mask);
  find('tab-result').disabled = true;
  selectTab('mask');
  showPictures();
  hideError();
}

function showPictures() {
  const figures = page.pictures.map(({ blob, name }, index) => {
    const figure = document.createElement('figure');
    const image = document.createElement('img');
    image.src = URL.createObjectURL(blob);
    image.alt = name;
    image.addEventListener('load', () => URL.revokeObjectURL(image.src));
    const actions = element('div');
    actions.className = 'group';
    if (index) actions.append(pictureButton('First', `Make ${name} the first picture`, () => movePictureFirst(index)));
    actions.append(pictureButton('Remove', `Remove ${name}`, () => removePicture(index)));
    figure.append(image, actions);
    return figure;
  });
  const add = pictureButton('Add a picture', '', () => find('file').click());
  find('pictures').replaceChildren(...figures, ...(figures.length ? [add] : []));
  find('pictures').hidden = !figures.length;
  showButtons();
  showCode();
}

function pictureButton(text, label, listener) {
  const button = element('button', text);
  button.type = 'button';
  if (label) button.setAttribute('aria-label', label);
  button.addEventListener('click', listener);
  return button;
}

async function movePictureFirst(index) {
  const others = page.pictures.filter((_, at) => at !== index);
  await openPicture(page.pictures[index].blob, page.pictures[index].name);
  page.pictures.push(...others);
  showPictures();
}

async function removePicture(index) {
  const others = page.pictures.filter((_, at) => at !== index);
  if (index) page.pictures = others;
  else if (others.length) {
    await openPicture(others[0].blob, others[0].name);
    page.pictures.push(...others.slice(1));
  } else closePicture();
  showPictures();
}

function closePicture() {
  Object.assign(page, { pictures: [], mask: null });
  painter.cancel();
  find('empty').hidden = false;
  find('content').hidden = true;
  find('frame').classList.remove('has-picture');
  find('mask-state').textContent = 'No picture';
}

let maskTimer = 0;

function showMask() {
  clearTimeout(maskTimer);
  find('undo').disabled = !page.mask?.operations.length;
  find('redo').disabled = !page.mask?.undone.length;
  maskTimer = setTimeout(async () => {
    if (!page.mask) return;
    const share = await coverage(painter.renderer.context);
    page.share = share;
    const last = page.mask.operations.at(-1);
    const marked = share === 0 ? 'Nothing is marked' : share > 0.9995 ? 'Everything is marked' : `${percent(share)} marked`;
    find('mask-state').textContent = [describeOperation(last), marked, `${page.width} × ${page.height}`].filter(Boolean).join(' · ');
    showCode();
  }, 150);
}

function percent(share) {
  return share < 0.001 ? 'less than 0.1 %' : `${(share * 100).toFixed(share < 0.1 ? 1 : 0)} %`;
}

function describeOperation(operation) {
  if (!['rectangle', 'ellipse'].includes(operation?.kind)) return '';
  const { kind, x, y, width, height } = operation;
  return `${kind} ${x},${y} to ${x + width},${y + height}`;
}

function takeBrushSize(size = Number(find('brush-size').value)) {
  painter.settings.size = Math.min(400, Math.max(1, size));
  find('brush-size').value = painter.settings.size;
  find('brush-size-text').value = painter.settings.size;
  painter.drawGuides();
}

function selectTool(tool) {
  find('tool-choice').querySelector(`[value="${tool}"]`).checked = true;
  painter.settings.tool = tool;
  painter.cancel();
}

function takePaint() {
  const { value } = find('paint');
  painter.setPaint(value === 'checker' ? checkerPattern() : value);
}

function checkerPattern() {
  const tile = new OffscreenCanvas(16, 16);
  const context = tile.getContext('2d');
  for (const [x, y, colour] of [[0, 0, '#000'], [8, 8, '#000'], [8, 0, '#fff'], [0, 8, '#fff']]) {
    context.fillStyle = colour;
    context.fillRect(x, y, 8, 8);
  }
  return context.createPattern(tile, 'repeat');
}

async function uploadMask() {
  const [file] = find('mask-upload').files;
  find('mask-upload').value = '';
  if (!file || !page.mask) return;
  try {
    const { bitmap, reading, width, height } = await readMaskFile(file, find('mask-reading').value);
    if (width !== page.width || height !== page.height)
      throw new Error(`The mask has ${width} × ${height} pixels and the picture ${page.width} × ${page.height}. Both must have the same size.`);
    painter.add({ kind: 'bitmap', bitmap });
    find('mask-reading').value = reading;
    hideError();
  } catch (error) {
    showError(error);
  }
}

async function downloadMask() {
  if (page.mask) saveFile(await maskFile(page.mask, { isSoft: find('soft').checked }), 'mask.png');
}

function saveFile(blob, name) {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

// ---- the request ----

// Return the files of a request. A mask is sent when something is marked, or when the model needs one.
async function requestFiles() {
  const isMany = page.pictures.length > 1;
  const files = page.pictures.map(({ blob, name }) => [isMany ? 'image[]' : 'image', name || 'photo.png', blob]);
  if (page.mask?.operations.length && (await coverage(painter.renderer.context)) > 0)
    files.push(['mask', 'mask.png', await maskFile(page.mask, { isSoft: find('soft').checked })]);
  return files;
}

async function newPress() {
  return {
    id: newPressId(),
    time: Date.now(),
    fields: form.fields(),
    files: await requestFiles(),
    headers: form.headers(),
    isJob: form.isJob,
    keepsPixels: find('preserve').checked,
  };
}

async function edit(event) {
  event.preventDefault();
  if (page.waiting) return; // a double click is one press
  page.waiting = new AbortController();
  setBusy(true);
  try {
    const press = await newPress();
    await savePress(press);
    await finishPress(press);
  } catch (error) {
    showError(error);
  } finally {
    page.waiting = null;
    setBusy(false);
  }
}

// Send the press and show its end. The press is forgotten only when its end is definite.
async function finishPress(press) {
  const started = performance.now();
  hideError();
  const { signal } = page.waiting;
  try {
    const { response, answer } = await sendEdit(press, page.key, { signal, onPreview: showPreview });
    if (answer.object === 'image.edit') showJob(press, answer);
    else await showAnswer(press, response, answer, performance.now() - started);
    await deletePress(press.id);
  } catch (error) {
    if (error.name === 'AbortError')
      throw Object.assign(new Error('You stopped waiting. The edit may still be billed; "Find my last edit" looks for it.'), { billed: 'unknown' });
    if (error.billed === 'no' && error.status) await deletePress(press.id);
    throw error;
  } finally {
    showPending();
  }
}

async function showAnswer(press, response, answer, milliseconds) {
  const blobs = await resultBlobs(answer);
  const original = press.files.find(([name]) => name.startsWith('image'))[2];
  const mask = press.files.find(([name]) => name === 'mask')?.[2] ?? null;
  const size = await createImageBitmap(original);
  find('tab-result').disabled = false;
  selectTab('result');
  const prompt = press.fields.find(([name]) => name === 'prompt')?.[1] ?? '';
  const model = press.fields.find(([name]) => name === 'model')?.[1] ?? '';
  const shown = { original, mask, width: size.width, height: size.height };
  await result.show(shown, blobs, answerFacts(response, answer, milliseconds), rawText(response, answer));
  for (const blob of blobs) await saveResult({ blob, prompt, model, time: Date.now() });
  showHistory();
}

function showPreview(bytes) {
  find('tab-result').disabled = false;
  selectTab('result');
  find('verdict').textContent = 'A partial picture. The final one follows.';
  find('after').src = URL.createObjectURL(imageBlob(bytes));
}

async function showPlan() {
  hideError();
  find('price').textContent = 'Asking for the plan…';
  try {
    const plan = await planEdit(await newPress(), page.key);
    const cost = plan.cost_usd === null ? 'The price is not known.' : `This edit costs about $${plan.cost_usd}.`;
    const [width, height] = Array.isArray(plan.answer?.size) ? plan.answer.size : [];
    const size = width ? ` The result has ${width} × ${height} pixels.` : '';
    find('price').textContent = [cost + size, ...(plan.notes ?? [])].join(' ');
  } catch (error) {
    find('price').textContent = '';
    showError(error);
  }
}

function setBusy(isBusy) {
  find('frame').classList.toggle('busy', isBusy);
  find('edit').textContent = isBusy ? 'Editing…' : 'Edit';
  find('cancel').hidden = !isBusy;
  showButtons();
}

function showButtons() {
  const isReady = Boolean(page.pictures.length && form.model);
  find('edit').disabled = !isReady || Boolean(page.waiting);
  find('plan').disabled = !isReady || Boolean(page.waiting);
}

async function showPending() {
  const press = await lastPress().catch(() => null);
  find('pending').hidden = !press || Boolean(page.waiting);
}

async function findPending() {
  const press = await lastPress();
  if (!press || page.waiting) return;
  page.waiting = new AbortController();
  setBusy(true);
  find('pending').hidden = true;
  try {
    const [, name, blob] = press.files.find(([field]) => field.startsWith('image'));
    if (!page.pictures.length) await openPicture(blob, name);
    await finishPress(press);
  } catch (error) {
    showError(error);
  } finally {
    page.waiting = null;
    setBusy(false);
    showPending();
  }
}

// ---- jobs and history ----

function showJob(press, job) {
  find('jobs-section').hidden = false;
  const item = document.createElement('li');
  const state = element('span', job.status);
  const stop = pictureButton('Cancel', `Cancel job ${job.id}`, () => cancelJob(job.id, page.key).catch(showError));
  item.append(element('code', job.id), state, stop);
  find('jobs').prepend(item);
  const started = performance.now();
  followJob(job.id, page.key, (now) => (state.textContent = now.status))
    .then(async (ended) => {
      stop.remove();
      if (ended.error) throw Object.assign(new Error(ended.error.message), { billed: ended.billed, code: ended.error.code });
      if (ended.result) await showAnswer(press, null, ended.result, performance.now() - started);
    })
    .catch(showError);
}

async function showHistory() {
  const entries = await listResults().catch(() => []);
  find('history-section').hidden = !entries.length;
  find('history').replaceChildren(
    ...entries.map((entry) => {
      const item = document.createElement('li');
      const button = pictureButton('', `Use the result of “${entry.prompt || entry.model}” as input`, () => openPicture(entry.blob, 'result.png'));
      const image = document.createElement('img');
      image.alt = '';
      image.src = URL.createObjectURL(entry.blob);
      image.addEventListener('load', () => URL.revokeObjectURL(image.src));
      button.title = `${entry.prompt} · ${entry.model}`;
      button.append(image);
      item.append(button);
      return item;
    }),
  );
}

// ---- errors, tabs, code ----

const BILLED = {
  no: 'Nothing was billed.',
  yes: 'It was billed.',
  unknown: 'It may have been billed.',
};

function showError(error) {
  const box = find('error');
  const title = element('strong', error.message);
  const rest = [BILLED[error.billed], error.code && `Code: ${error.code}.`, error.requestId && `Request: ${error.requestId}.`];
  box.replaceChildren(title, element('p', rest.filter(Boolean).join(' ')));
  box.hidden = false;
  markField(error.param);
}

function hideError() {
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

function selectTab(name) {
  for (const tab of ['mask', 'result']) {
    const isSelected = tab === name;
    find(`tab-${tab}`).setAttribute('aria-selected', String(isSelected));
    find(`tab-${tab}`).tabIndex = isSelected ? 0 : -1;
    find(`view-${tab}`).hidden = !isSelected;
  }
  if (name === 'mask' && viewport.isFitted) viewport.fit();
}

function showCode() {
  const files = page.pictures.map((_, index, all) => [all.length > 1 ? 'image[]' : 'image', index ? `photo-${index + 1}.png` : 'photo.png']);
  if (page.share > 0) files.push(['mask', 'mask.png']);
  const call = {
    address: gatewayAddress(),
    fields: form.fields().filter(([name]) => !['stream', 'partial_images'].includes(name)),
    files: files.length ? files : [['image', 'photo.png']],
    headers: form.headers(),
    hasKey: Boolean(page.key),
  };
  find('sample-code').textContent = codeSample(find('language').value, call);
}

async function copyCode() {
  await navigator.clipboard.writeText(find('sample-code').textContent);
  find('copied').textContent = 'Copied.';
}

// ---- the keyboard and the start ----

function handleFrameKey(event) {
  if (!page.mask || event.target !== find('frame')) return;
  const step = CURSOR_KEYS[event.key];
  if (step) {
    const factor = event.shiftKey ? 10 : 1;
    const [x, y] = painter.moveCursor(step[0] * factor, step[1] * factor);
    find('mask-state').textContent = `Cursor at ${x},${y}`;
  } else if (event.key === 'Enter') {
    if (painter.active?.kind === 'polygon' && event.ctrlKey) painter.closePolygon();
    else painter.pressCursor();
  } else if (event.key === 'Escape') painter.cancel();
  else return;
  event.preventDefault();
}

const SHORTCUTS = {
  '[': () => takeBrushSize(painter.settings.size - 5),
  ']': () => takeBrushSize(painter.settings.size + 5),
  i: () => page.mask && painter.add({ kind: 'invert' }),
  0: () => viewport.fit(),
  1: () => viewport.setScale(1),
  '+': () => viewport.zoom(1.25),
  '-': () => viewport.zoom(0.8),
};

function handleShortcut(event) {
  const isTyping = event.target.closest('input:not([type=radio]):not([type=range]), textarea, select, pre');
  if (isTyping) return;
  if (event.key === ' ' && event.target === find('frame')) {
    page.isSpaceHeld = true;
    event.preventDefault();
  } else if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 'z') {
    if (event.shiftKey) painter.redo();
    else painter.undo();
    event.preventDefault();
  } else if (event.ctrlKey || event.metaKey || event.altKey) return;
  else if (TOOL_KEYS[event.key]) selectTool(TOOL_KEYS[event.key]);
  else SHORTCUTS[event.key]?.();
}

function takeFiles(event) {
  const files = [...(event.clipboardData ?? event.dataTransfer).files].filter((file) => file.type.startsWith('image/'));
  if (!files.length) return;
  event.preventDefault();
  addPictures(files);
}

async function useSample() {
  const response = await fetch('playground/sample.jpg');
  await openPicture(await response.blob(), 'photo.png');
  painter.add({ kind: 'ellipse', x: 340, y: 448, width: 360, height: 252 });
  find('prompt').value ||= 'Remove the ball';
  showCode();
}

function bindControls() {
  on('key-open', 'click', () => toggleKeyPanel());
  on('key-panel', 'submit', takeKey);
  on('choose', 'click', () => find('file').click());
  on('file', 'change', () => addPictures([...find('file').files]).then(() => (find('file').value = '')));
  on('sample', 'click', useSample);
  on('tool-choice', 'change', (event) => selectTool(event.target.value));
  on('brush-size', 'input', () => takeBrushSize());
  on('undo', 'click', () => painter.undo());
  on('redo', 'click', () => painter.redo());
  for (const kind of ['invert', 'fill', 'clear']) on(kind, 'click', () => page.mask && painter.add({ kind }));
  on('zoom-in', 'click', () => viewport.zoom(1.25));
  on('zoom-out', 'click', () => viewport.zoom(0.8));
  on('zoom-fit', 'click', () => viewport.fit());
  on('zoom-one', 'click', () => viewport.setScale(1));
  for (const [name, x, y] of [['left', 1, 0], ['right', -1, 0], ['up', 0, 1], ['down', 0, -1]])
    on(`pan-${name}`, 'click', () => viewport.pan(x * PAN_STEP, y * PAN_STEP));
  on('mask-upload', 'change', uploadMask);
  on('mask-download', 'click', downloadMask);
  on('box-add', 'click', addBox);
  on('paint', 'change', takePaint);
  on('opacity', 'input', () => (find('mask').style.opacity = find('opacity').value / 100));
  on('tab-mask', 'click', () => selectTab('mask'));
  on('tab-result', 'click', () => selectTab('result'));
  on('model', 'change', () => form.showModel());
  on('request', 'input', () => { form.showPromptLength(); showCode(); });
  on('request', 'submit', edit);
  on('plan', 'click', showPlan);
  on('cancel', 'click', () => page.waiting?.abort());
  on('use', 'click', () => openPicture(result.blob, `result.${result.blob.type.split('/')[1]}`));
  on('again', 'click', edit);
  on('language', 'change', showCode);
  on('copy', 'click', copyCode);
  on('history-clear', 'click', () => deleteResults().then(showHistory));
  on('pending-find', 'click', findPending);
  on('pending-drop', 'click', async () => { await deletePress((await lastPress()).id); showPending(); });
  on('frame', 'keydown', handleFrameKey);
}

function addBox() {
  if (!page.mask) return;
  const number = (name) => Math.max(0, Math.round(Number(find(`box-${name}`).value)));
  painter.add({ kind: 'rectangle', x: number('x'), y: number('y'), width: number('width'), height: number('height') });
}

function bindPage() {
  document.addEventListener('keydown', handleShortcut);
  document.addEventListener('keyup', (event) => event.key === ' ' && (page.isSpaceHeld = false));
  document.addEventListener('paste', takeFiles);
  document.addEventListener('dragover', (event) => { event.preventDefault(); find('frame').classList.add('dropping'); });
  document.addEventListener('dragleave', () => find('frame').classList.remove('dropping'));
  document.addEventListener('drop', (event) => { event.preventDefault(); find('frame').classList.remove('dropping'); takeFiles(event); });
  for (const tab of ['tab-mask', 'tab-result'])
    on(tab, 'keydown', (event) => {
      if (!['ArrowLeft', 'ArrowRight'].includes(event.key) || find('tab-result').disabled) return;
      selectTab(tab === 'tab-mask' ? 'result' : 'mask');
      find(tab === 'tab-mask' ? 'tab-result' : 'tab-mask').focus();
    });
}

bindControls();
bindPage();
bindPointers(viewport, painter, () => page.isSpaceHeld);
find('mask').style.opacity = find('opacity').value / 100;
showKey();
showPending();
showHistory();
loadModels();
