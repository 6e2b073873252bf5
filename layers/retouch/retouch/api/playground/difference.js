// The difference between the picture and a result: how many pixels outside the mask changed, and where.

import { mapTiles } from './mask.js';

// Return {changed, largest, outside, canvas}: the number of changed pixels outside the mask, the largest change of a
// channel there, the number of pixels outside, and a picture of the changes. `mask` is null when nothing is marked.
// All three are images or canvases; the result must have the size of the picture.
export async function comparePixels(picture, result, mask, width, height) {
  const before = readContext(picture, width, height);
  const after = readContext(result, width, height);
  const marks = mask && readContext(mask, width, height);
  const report = { changed: 0, largest: 0, outside: 0, canvas: after.canvas };
  await mapTiles(after, (data, top) => {
    const lines = data.length / 4 / width;
    const original = before.getImageData(0, top, width, lines).data;
    const marked = marks?.getImageData(0, top, width, lines).data;
    for (let at = 0; at < data.length; at += 4) countPixel(report, data, original, marked, at);
    return true;
  });
  return report;
}

function readContext(image, width, height) {
  const context = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true });
  context.drawImage(image, 0, 0, width, height);
  return context;
}

// Count the pixel and replace it in `data` by its colour in the picture of the changes: red outside, blue inside.
function countPixel(report, data, original, marked, at) {
  const change = Math.max(
    Math.abs(data[at] - original[at]),
    Math.abs(data[at + 1] - original[at + 1]),
    Math.abs(data[at + 2] - original[at + 2]),
    Math.abs(data[at + 3] - original[at + 3]),
  );
  const isOutside = !marked || marked[at + 3] === 255; // the mask file is opaque where nothing is edited
  if (isOutside) {
    report.outside += 1;
    if (change) report.changed += 1;
    report.largest = Math.max(report.largest, change);
  }
  const grey = (original[at] + original[at + 1] + original[at + 2]) / 12 + 150;
  const strength = change ? Math.min(1, 0.3 + change / 100) : 0;
  const [red, green, blue] = isOutside ? [220, 20, 40] : [30, 100, 230];
  data[at] = grey + (red - grey) * strength;
  data[at + 1] = grey + (green - grey) * strength;
  data[at + 2] = grey + (blue - grey) * strength;
  data[at + 3] = 255;
}
