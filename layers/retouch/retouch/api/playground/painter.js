// The tools that change the mask: by pointer, by keyboard and by number fields.

import { MaskRenderer } from './mask.js';

const PREVIEW_EDGE = 2048; // the longest edge of the mask on the screen; the file is made in the picture's size
const SVG = 'http://www.w3.org/2000/svg';
const SHAPES = ['rectangle', 'ellipse'];

export class Painter {
  // `parts` are {canvas, guides}: the canvas of the mask, and an SVG above it for what is being drawn.
  constructor(viewport, parts, onChange) {
    Object.assign(this, { viewport, onChange, guides: parts.guides, canvas: parts.canvas });
    this.settings = { tool: 'brush', size: 40, paint: '#e8175d' };
    this.active = null; // the operation that is being drawn
    this.cursor = null; // the position of the keyboard cursor
    this.hovered = null; // the position of the pointer
    this.lastEnd = null; // where the last stroke ended, for straight lines with Shift
  }

  setMask(mask) {
    const scale = Math.min(1, PREVIEW_EDGE / Math.max(mask.width, mask.height));
    this.canvas.width = Math.max(1, Math.round(mask.width * scale));
    this.canvas.height = Math.max(1, Math.round(mask.height * scale));
    this.mask = mask;
    this.renderer = new MaskRenderer(mask, this.canvas.getContext('2d', { willReadFrequently: true }), this.settings.paint);
    this.cancel();
    this.cursor = this.lastEnd = null;
    this.refresh();
  }

  setPaint(paint) {
    this.settings.paint = paint;
    if (!this.renderer) return;
    this.renderer.paint = paint;
    this.renderer.forgetSnapshots();
    this.renderer.renderAll();
  }

  add(operation) {
    this.mask.add(operation);
    this.renderer.draw(operation);
    this.onChange();
  }

  refresh() {
    this.renderer.renderAll();
    this.drawGuides();
    this.onChange();
  }

  undo() {
    if (this.active?.kind === 'polygon') this.cancel();
    else if (this.mask.undo()) this.refresh();
  }

  redo() {
    if (this.mask.redo()) this.refresh();
  }

  start(event) {
    if (!this.mask) return;
    const point = this.viewport.toPicture(event);
    const erases = this.settings.tool === 'eraser' || event.altKey || event.button === 5;
    if (SHAPES.includes(this.settings.tool)) this.startShape(point, erases);
    else if (this.settings.tool === 'polygon') this.addCorner(point, erases);
    else this.startStroke(point, erases, event.shiftKey);
    this.drawGuides();
  }

  move(event) {
    if (!this.active) return;
    const events = event.getCoalescedEvents?.() ?? [];
    for (const one of events.length ? events : [event]) this.extend(this.viewport.toPicture(one));
    this.hover(event);
  }

  end() {
    const operation = this.active;
    if (!operation || operation.kind === 'polygon') return;
    this.active = null;
    if (operation.kind === 'stroke') {
      this.lastEnd = operation.points.at(-1);
      this.mask.add(operation);
      this.refresh();
    } else if (operation.width && operation.height) this.add(withoutAnchor(operation));
    this.drawGuides();
  }

  cancel() {
    this.active = null;
    this.renderer?.renderAll();
    this.drawGuides();
  }

  hover(event) {
    this.hovered = event && event.pointerType !== 'touch' ? this.viewport.toPicture(event) : null;
    this.drawGuides();
  }

  startStroke(point, erases, isStraight) {
    const points = isStraight && this.lastEnd ? [this.lastEnd, point] : [point];
    this.active = { kind: 'stroke', erases, size: this.settings.size, points };
    this.renderer.draw(this.active);
  }

  startShape(point, erases) {
    const [x, y] = point.map(Math.round);
    this.active = { kind: this.settings.tool, erases, x, y, width: 0, height: 0, anchor: [x, y] };
  }

  addCorner(point, erases) {
    this.active ??= { kind: 'polygon', erases, points: [] };
    const { points } = this.active;
    const isClosing = points.length > 2 && this.distance(point, points[0]) < 12;
    if (isClosing) this.closePolygon();
    else points.push(point);
  }

  closePolygon() {
    const polygon = this.active;
    this.active = null;
    if (polygon?.points.length > 2) this.add(polygon);
    this.drawGuides();
  }

  extend(point) {
    const { active } = this;
    if (active.kind === 'stroke') {
      const last = active.points.at(-1);
      active.points.push(point);
      this.renderer.draw({ ...active, points: [last, point] });
    } else if (active.anchor) Object.assign(active, boxBetween(active.anchor, point.map(Math.round), this.mask));
  }

  // The distance of two pixels on the screen.
  distance(one, other) {
    const [x, y] = this.viewport.toFrame(one);
    const [otherX, otherY] = this.viewport.toFrame(other);
    return Math.hypot(x - otherX, y - otherY);
  }

  // Move the keyboard cursor. The shape that is being drawn follows it.
  moveCursor(x, y) {
    const { width, height } = this.mask;
    const [atX, atY] = this.cursor ?? [Math.round(width / 2), Math.round(height / 2)];
    this.cursor = [Math.min(width, Math.max(0, atX + x)), Math.min(height, Math.max(0, atY + y))];
    if (this.active?.anchor) this.extend(this.cursor);
    this.drawGuides();
    return this.cursor;
  }

  // Set a corner at the keyboard cursor, or click there with the brush.
  pressCursor() {
    if (!this.cursor) this.moveCursor(0, 0);
    const erases = this.settings.tool === 'eraser';
    if (SHAPES.includes(this.settings.tool)) {
      if (this.active) this.end();
      else this.startShape(this.cursor, false);
    } else if (this.settings.tool === 'polygon') {
      this.addCorner([...this.cursor], false);
    } else {
      this.startStroke([...this.cursor], erases, false);
      this.end();
    }
    this.drawGuides();
  }

  drawGuides() {
    const shapes = [];
    const { active, viewport, settings } = this;
    if (active?.anchor) shapes.push(...doubleLine(...shapeGuide(active, viewport)));
    if (active?.kind === 'polygon') {
      const corners = [...active.points, ...(this.hovered ? [this.hovered] : this.cursor ? [this.cursor] : [])];
      const points = corners.map((point) => viewport.toFrame(point).join(',')).join(' ');
      shapes.push(...doubleLine('polyline', { points }));
    }
    const isBrush = ['brush', 'eraser'].includes(settings.tool);
    if (this.hovered && isBrush) {
      const [cx, cy] = viewport.toFrame(this.hovered);
      shapes.push(...doubleLine('circle', { cx, cy, r: Math.max(1, (settings.size * viewport.scale) / 2) }));
    }
    if (this.cursor) {
      const [x, y] = viewport.toFrame(this.cursor);
      shapes.push(...doubleLine('path', { d: `M${x - 12} ${y}h24M${x} ${y - 12}v24` }));
    }
    this.guides.replaceChildren(...shapes);
  }
}

function withoutAnchor({ anchor, ...operation }) {
  return operation;
}

// The box between two corners, inside the picture, in whole pixels.
function boxBetween([x, y], [otherX, otherY], { width, height }) {
  const clampX = (value) => Math.min(width, Math.max(0, value));
  const clampY = (value) => Math.min(height, Math.max(0, value));
  const [left, right] = [clampX(x), clampX(otherX)].sort((one, other) => one - other);
  const [top, bottom] = [clampY(y), clampY(otherY)].sort((one, other) => one - other);
  return { x: left, y: top, width: right - left, height: bottom - top };
}

function shapeGuide({ kind, x, y, width, height }, viewport) {
  const [left, top] = viewport.toFrame([x, y]);
  const [w, h] = [width * viewport.scale, height * viewport.scale];
  return kind === 'rectangle'
    ? ['rect', { x: left, y: top, width: w, height: h }]
    : ['ellipse', { cx: left + w / 2, cy: top + h / 2, rx: w / 2, ry: h / 2 }];
}

// A light line above a dark one, which is visible on every picture.
function doubleLine(name, attributes) {
  return ['dark', 'light'].map((kind) => {
    const element = document.createElementNS(SVG, name);
    for (const [attribute, value] of Object.entries(attributes)) element.setAttribute(attribute, value);
    element.setAttribute('class', kind);
    return element;
  });
}
