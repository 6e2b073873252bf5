// The mask: a list of operations in pixels of the picture, and the file that is made of it. Nothing here knows the page.

export const MAX_UNDO_STEPS = 100;
const SNAPSHOT_INTERVAL = 20; // operations between two copies of a rendered mask
const TILE_PIXELS = 1_000_000; // pixels that are converted in one task
const HARD_THRESHOLD = 128;

// An operation is one of
//   {kind: 'stroke', erases, size, points: [[x, y], ...]}      {kind: 'polygon', erases, points}
//   {kind: 'rectangle' | 'ellipse', erases, x, y, width, height}
//   {kind: 'bitmap', bitmap}  {kind: 'fill'}  {kind: 'invert'}  {kind: 'clear'}
export class MaskDocument {
  constructor(width, height, operations = []) {
    this.width = width;
    this.height = height;
    this.operations = operations;
    this.undone = [];
  }

  add(operation) {
    this.operations.push(operation);
    this.undone = [];
  }

  undo() {
    const operation = this.operations.pop();
    if (operation && this.undone.length < MAX_UNDO_STEPS) this.undone.push(operation);
    return Boolean(operation);
  }

  redo() {
    const operation = this.undone.pop();
    if (operation) this.operations.push(operation);
    return Boolean(operation);
  }
}

// Draws operations into a canvas of the picture's size or of a smaller one. `paint` is the colour of what is marked.
export class MaskRenderer {
  constructor(mask, context, paint) {
    this.mask = mask;
    this.context = context;
    this.paint = paint;
    this.snapshots = []; // [{count, canvas}], the oldest first
  }

  renderAll() {
    const { operations } = this.mask;
    this.snapshots = this.snapshots.filter((snapshot) => snapshot.count <= operations.length);
    const last = this.snapshots.at(-1);
    this.clear();
    if (last) this.drawUnscaled((context) => context.drawImage(last.canvas, 0, 0));
    for (let index = last?.count ?? 0; index < operations.length; index += 1) {
      this.draw(operations[index]);
      if ((index + 1) % SNAPSHOT_INTERVAL === 0) this.takeSnapshot(index + 1);
    }
  }

  draw(operation) {
    const { context, mask } = this;
    context.save();
    context.scale(context.canvas.width / mask.width, context.canvas.height / mask.height);
    drawOperation(context, operation, mask, this.paint);
    context.restore();
  }

  forgetSnapshots() {
    this.snapshots = [];
  }

  clear() {
    const { width, height } = this.context.canvas;
    this.drawUnscaled((context) => context.clearRect(0, 0, width, height));
  }

  drawUnscaled(draw) {
    this.context.save();
    this.context.setTransform(1, 0, 0, 1, 0, 0);
    draw(this.context);
    this.context.restore();
  }

  takeSnapshot(count) {
    const { width, height } = this.context.canvas;
    const canvas = new OffscreenCanvas(width, height);
    canvas.getContext('2d').drawImage(this.context.canvas, 0, 0);
    this.snapshots.push({ count, canvas });
  }
}

function drawOperation(context, operation, { width, height }, paint) {
  context.fillStyle = paint;
  context.strokeStyle = paint;
  context.globalCompositeOperation = operation.erases ? 'destination-out' : 'source-over';
  if (operation.kind === 'stroke') drawStroke(context, operation);
  else if (operation.kind === 'rectangle')
    context.fillRect(operation.x, operation.y, operation.width, operation.height);
  else if (operation.kind === 'ellipse') drawEllipse(context, operation);
  else if (operation.kind === 'polygon') drawPolygon(context, operation.points);
  else if (operation.kind === 'fill') context.fillRect(0, 0, width, height);
  else if (operation.kind === 'clear') context.clearRect(0, 0, width, height);
  else if (operation.kind === 'invert') invert(context, width, height);
  else if (operation.kind === 'bitmap') drawBitmap(context, operation.bitmap, width, height, paint);
}

export function drawStroke(context, { points, size }) {
  context.lineWidth = size;
  context.lineCap = 'round';
  context.lineJoin = 'round';
  context.beginPath();
  context.moveTo(...points[0]);
  // A line of no length draws the dot of a click.
  for (const point of points.length > 1 ? points.slice(1) : points) context.lineTo(...point);
  context.stroke();
}

function drawEllipse(context, { x, y, width, height }) {
  context.beginPath();
  context.ellipse(x + width / 2, y + height / 2, width / 2, height / 2, 0, 0, 2 * Math.PI);
  context.fill();
}

function drawPolygon(context, points) {
  context.beginPath();
  context.moveTo(...points[0]);
  for (const point of points.slice(1)) context.lineTo(...point);
  context.closePath();
  context.fill();
}

function invert(context, width, height) {
  context.globalCompositeOperation = 'xor';
  context.fillRect(0, 0, width, height);
}

function drawBitmap(context, bitmap, width, height, paint) {
  context.clearRect(0, 0, width, height);
  context.drawImage(bitmap, 0, 0, width, height);
  context.globalCompositeOperation = 'source-in'; // the bitmap gives the alpha, and `paint` the colour
  context.fillStyle = paint;
  context.fillRect(0, 0, width, height);
}

// Return the mask as a PNG of the picture's size: alpha 0 where the picture is to be edited, and 255 elsewhere.
export async function maskFile(mask, { isSoft = false } = {}) {
  const canvas = new OffscreenCanvas(mask.width, mask.height);
  const context = canvas.getContext('2d', { willReadFrequently: true });
  new MaskRenderer(mask, context, '#000').renderAll();
  await mapTiles(context, (data) => {
    for (let at = 3; at < data.length; at += 4) {
      const marked = isSoft ? data[at] : data[at] >= HARD_THRESHOLD ? 255 : 0;
      data[at - 3] = data[at - 2] = data[at - 1] = 0;
      data[at] = 255 - marked;
    }
    return true;
  });
  return canvas.convertToBlob({ type: 'image/png' });
}

// Return the share of marked pixels, from 0 to 1, as a rendered mask shows it.
export async function coverage(context) {
  let marked = 0;
  await mapTiles(context, (data) => {
    for (let at = 3; at < data.length; at += 4) marked += data[at];
    return false;
  });
  return marked / 255 / (context.canvas.width * context.canvas.height);
}

// Read a mask file as a bitmap whose alpha is what is marked. `reading` is 'alpha', 'white' or 'black'.
export async function readMaskFile(blob, reading) {
  const bitmap = await createImageBitmap(blob);
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  const context = canvas.getContext('2d', { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0);
  const kind = reading === 'auto' ? await guessReading(context) : reading;
  await mapTiles(context, (data) => {
    for (let at = 0; at < data.length; at += 4) {
      const light = (data[at] + data[at + 1] + data[at + 2]) / 3;
      const marked = kind === 'alpha' ? 255 - data[at + 3] : kind === 'white' ? light : 255 - light;
      data[at] = data[at + 1] = data[at + 2] = 0;
      data[at + 3] = Math.round(marked);
    }
    return true;
  });
  return { bitmap: canvas, reading: kind, width: bitmap.width, height: bitmap.height };
}

// A file with transparency marks by its transparency. In any other file the rarer of white and black is the mark.
async function guessReading(context) {
  let light = 0;
  let transparent = 0;
  await mapTiles(context, (data) => {
    for (let at = 0; at < data.length; at += 4) {
      if (data[at + 3] < 255) transparent += 1;
      light += (data[at] + data[at + 1] + data[at + 2]) / 3;
    }
    return false;
  });
  if (transparent) return 'alpha';
  const { width, height } = context.canvas;
  return light / 255 / (width * height) <= 0.5 ? 'white' : 'black';
}

// Call `change` with the RGBA bytes of one band of lines after another, and let the page respond in between. A band is
// written back when `change` returns true.
export async function mapTiles(context, change) {
  const { width, height } = context.canvas;
  const lines = Math.max(1, Math.floor(TILE_PIXELS / width));
  for (let top = 0; top < height; top += lines) {
    const tile = context.getImageData(0, top, width, Math.min(lines, height - top));
    if (change(tile.data, top)) context.putImageData(tile, 0, top);
    await new Promise((resume) => setTimeout(resume));
  }
}
