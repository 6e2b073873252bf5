// The page: it connects the controls with the mask, the request and the result.

import { bindPointers } from './viewport.js';
import { gatewayAddress, listModels } from './requests.js';
import { deleteResults, deleteSubmission, findLastSubmission } from './storage.js';
import { codeSample } from './code_samples.js';
import { find, hideError, on, onPageChange, page, showError } from './state.js';
import { addBox, addPictures, downloadMask, openPicture, painter, selectTab, selectTool, takeBrushSize, takePaint, uploadMask, useSample, viewport } from './pictures.js';
import { findPendingEdit, form, result, showButtons, showHistory, showPendingEdit, showPlan, submitEdit } from './submissions.js';

const PAN_STEP = 60;
const TOOL_KEYS = { b: 'brush', e: 'eraser', r: 'rectangle', o: 'ellipse', p: 'polygon' };
const CURSOR_KEYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

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
  else if (event.key === 'x') result.showOriginal(true);
  else if (TOOL_KEYS[event.key]) selectTool(TOOL_KEYS[event.key]);
  else SHORTCUTS[event.key]?.();
}

function takeFiles(event) {
  const files = [...(event.clipboardData ?? event.dataTransfer).files].filter((file) => file.type.startsWith('image/'));
  if (!files.length) return;
  event.preventDefault();
  addPictures(files);
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
  on('request', 'submit', submitEdit);
  on('plan', 'click', showPlan);
  on('cancel', 'click', () => page.waiting?.abort());
  on('use', 'click', () => openPicture(result.blob, `result.${result.blob.type.split('/')[1]}`));
  on('again', 'click', submitEdit);
  on('language', 'change', showCode);
  on('copy', 'click', copyCode);
  on('history-clear', 'click', () => deleteResults().then(showHistory));
  on('pending-find', 'click', findPendingEdit);
  on('pending-drop', 'click', async () => { await deleteSubmission((await findLastSubmission()).id); showPendingEdit(); });
  on('frame', 'keydown', handleFrameKey);
}

function bindPage() {
  document.addEventListener('keydown', handleShortcut);
  document.addEventListener('keyup', (event) => {
    if (event.key === ' ') page.isSpaceHeld = false;
    if (event.key === 'x') result.showOriginal(false);
  });
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
onPageChange('pictures', showButtons);
for (const part of ['pictures', 'mask', 'request']) onPageChange(part, showCode);
bindPointers(viewport, painter, () => page.isSpaceHeld);
find('mask').style.opacity = find('opacity').value / 100;
showKey();
showPendingEdit();
showHistory();
loadModels();
