// The pictures of the request and the mask of the first one.

import { MaskDocument, coverage, maskFile, readMaskFile } from './mask.js';
import { Viewport } from './viewport.js';
import { Painter } from './painter.js';
import { announce, find, hideError, page, showError } from './state.js';

const MAX_PICTURE_BYTES = 50_000_000;
const MAX_PICTURE_PIXELS = 52_000_000;
const MAX_PICTURES = 16;

export const viewport = new Viewport(find('frame'), find('content'), () => painter.drawGuides());
export const painter = new Painter(viewport, { canvas: find('mask'), guides: find('guides') }, () => showMask());

export function selectTab(name) {
  for (const tab of ['mask', 'result']) {
    const isSelected = tab === name;
    find(`tab-${tab}`).setAttribute('aria-selected', String(isSelected));
    find(`tab-${tab}`).tabIndex = isSelected ? 0 : -1;
    find(`view-${tab}`).hidden = !isSelected;
  }
  if (name === 'mask' && viewport.isFitted) viewport.fit();
}

export async function addPictures(files) {
  for (const file of files) {
    if (file.size > MAX_PICTURE_BYTES) return showError(new Error(`${file.name} has ${megabytes(file.size)} MB. The limit is 50 MB.`));
    if (page.pictures.length >= MAX_PICTURES) return showError(new Error(`At most ${MAX_PICTURES} pictures go into one edit.`));
    if (!page.pictures.length) await openPicture(file, file.name);
    else page.pictures.push({ blob: file, name: file.name });
  }
  showPictures();
}

export async function openPicture(blob, name, operations) {
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
    if (index) actions.append(pictureButton('First', `Make ${name} the first picture`, () => movePicture(index, 0)));
    actions.append(pictureButton('Remove', `Remove ${name}`, () => removePicture(index)));
    figure.append(image, actions);
    bindDragging(figure, index);
    return figure;
  });
  const add = pictureButton('Add a picture', '', () => find('file').click());
  find('pictures').replaceChildren(...figures, ...(figures.length ? [add] : []));
  find('pictures').hidden = !figures.length;
  announce('pictures');
}

// The order of the pictures also changes by dragging one before another.
function bindDragging(figure, index) {
  figure.draggable = true;
  figure.addEventListener('dragstart', (event) => event.dataTransfer.setData('text/x-picture', String(index)));
  figure.addEventListener('drop', (event) => {
    const from = event.dataTransfer.getData('text/x-picture');
    if (from === '') return;
    event.preventDefault();
    event.stopPropagation();
    find('frame').classList.remove('dropping');
    movePicture(Number(from), index);
  });
}

export function pictureButton(text, label, listener) {
  const button = element('button', text);
  button.type = 'button';
  if (label) button.setAttribute('aria-label', label);
  button.addEventListener('click', listener);
  return button;
}

async function movePicture(from, to) {
  const [first] = page.pictures;
  const order = page.pictures.toSpliced(from, 1).toSpliced(to, 0, page.pictures[from]);
  if (order[0] !== first) await openPicture(order[0].blob, order[0].name); // the mask belongs to the first picture
  page.pictures = order;
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
  showMask();
  find('mask-state').textContent = 'No picture';
}

let maskTimer = 0;

function showMask() {
  clearTimeout(maskTimer);
  find('undo').disabled = !page.mask?.operations.length;
  find('redo').disabled = !page.mask?.undone.length;
  for (const id of ['invert', 'fill', 'clear']) find(id).disabled = !page.mask;
  maskTimer = setTimeout(async () => {
    if (!page.mask) return;
    const share = await coverage(painter.renderer.context);
    page.share = share;
    const last = page.mask.operations.at(-1);
    const marked = share === 0 ? 'Nothing is marked' : share > 0.9995 ? 'Everything is marked' : `${percent(share)} marked`;
    find('mask-state').textContent = [describeOperation(last), marked, `${page.width} × ${page.height}`].filter(Boolean).join(' · ');
    announce('mask');
  }, 150);
}

export function percent(share) {
  return share < 0.001 ? 'less than 0.1 %' : `${(share * 100).toFixed(share < 0.1 ? 1 : 0)} %`;
}

function megabytes(bytes) {
  return (bytes / 1e6).toFixed(1);
}

function describeOperation(operation) {
  if (!['rectangle', 'ellipse'].includes(operation?.kind)) return '';
  const { kind, x, y, width, height } = operation;
  return `${kind} ${x},${y} to ${x + width},${y + height}`;
}

export function takeBrushSize(size = Number(find('brush-size').value)) {
  painter.settings.size = Math.min(400, Math.max(1, size));
  find('brush-size').value = painter.settings.size;
  find('brush-size-text').value = painter.settings.size;
  painter.drawGuides();
}

export function selectTool(tool) {
  find('tool-choice').querySelector(`[value="${tool}"]`).checked = true;
  painter.settings.tool = tool;
  painter.cancel();
}

export function takePaint() {
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

export async function uploadMask() {
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

export async function downloadMask() {
  if (page.mask) saveFile(await maskFile(page.mask, { isSoft: find('soft').checked }), 'mask.png');
}

function saveFile(blob, name) {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

export async function useSample() {
  const response = await fetch('playground/sample.jpg');
  await openPicture(await response.blob(), 'photo.png');
  painter.add({ kind: 'ellipse', x: 340, y: 448, width: 360, height: 252 });
  find('prompt').value ||= 'Remove the ball';
  announce('request');
}

export function addBox() {
  if (!page.mask) return;
  const number = (name) => Math.max(0, Math.round(Number(find(`box-${name}`).value)));
  painter.add({ kind: 'rectangle', x: number('x'), y: number('y'), width: number('width'), height: number('height') });
}
