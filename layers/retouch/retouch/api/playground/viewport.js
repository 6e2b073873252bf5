// The picture on the screen: zoom, pan, and positions in pixels of the picture.

const MIN_SCALE = 0.02;
const MAX_SCALE = 32;

export class Viewport {
  // `frame` clips, and `content` inside it has the size of the picture in CSS pixels and is moved by a transform.
  constructor(frame, content, onChange) {
    Object.assign(this, { frame, content, onChange, scale: 1, left: 0, top: 0, width: 1, height: 1 });
    new ResizeObserver(() => this.isFitted && this.fit()).observe(frame);
    this.isFitted = true;
  }

  setPicture(width, height) {
    Object.assign(this, { width, height });
    this.content.style.width = `${width}px`;
    this.content.style.height = `${height}px`;
    this.fit();
  }

  fit() {
    const { clientWidth, clientHeight } = this.frame;
    if (!clientWidth || !clientHeight) return;
    this.scale = Math.min(clientWidth / this.width, clientHeight / this.height, 8);
    this.left = (clientWidth - this.width * this.scale) / 2;
    this.top = (clientHeight - this.height * this.scale) / 2;
    this.apply(true);
  }

  // Zoom by a factor around a point of the frame, by default its centre.
  zoom(factor, x = this.frame.clientWidth / 2, y = this.frame.clientHeight / 2) {
    const scale = Math.min(MAX_SCALE, Math.max(MIN_SCALE, this.scale * factor));
    this.left = x - ((x - this.left) * scale) / this.scale;
    this.top = y - ((y - this.top) * scale) / this.scale;
    this.scale = scale;
    this.apply(false);
  }

  setScale(scale) {
    this.zoom(scale / this.scale);
  }

  pan(x, y) {
    this.left += x;
    this.top += y;
    this.apply(false);
  }

  apply(isFitted) {
    this.isFitted = isFitted;
    this.content.style.transform = `translate(${this.left}px, ${this.top}px) scale(${this.scale})`;
    this.content.classList.toggle('pixelated', this.scale >= 3);
    this.onChange();
  }

  // The position of a pointer event in pixels of the picture.
  toPicture(event) {
    const frame = this.frame.getBoundingClientRect();
    return [
      (event.clientX - frame.left - this.frame.clientLeft - this.left) / this.scale,
      (event.clientY - frame.top - this.frame.clientTop - this.top) / this.scale,
    ];
  }

  // The position of a pixel in the frame, in CSS pixels.
  toFrame([x, y]) {
    return [x * this.scale + this.left, y * this.scale + this.top];
  }
}

// Moves the viewport by wheel, by two fingers, by the middle button and by dragging while space is held. `paint` gets the
// pointers that do none of that: {start(event), move(event), end(event), cancel()}.
export function bindPointers(viewport, paint, isSpaceHeld) {
  const { frame } = viewport;
  const pointers = new Map();
  let mode = null; // 'paint', 'pan' or 'pinch'

  frame.addEventListener('wheel', (event) => {
    event.preventDefault();
    const box = frame.getBoundingClientRect();
    const factor = Math.exp(-event.deltaY * (event.deltaMode === 1 ? 0.05 : 0.0015));
    viewport.zoom(factor, event.clientX - box.left, event.clientY - box.top);
  }, { passive: false });

  frame.addEventListener('pointerdown', (event) => {
    if (event.target.closest('button')) return;
    frame.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, event);
    if (pointers.size === 2) {
      if (mode === 'paint') paint.cancel();
      mode = 'pinch';
    } else if (pointers.size === 1) {
      mode = event.button === 1 || isSpaceHeld() ? 'pan' : 'paint';
      if (mode === 'paint' && (event.button === 0 || event.button === 5)) paint.start(event);
      else mode = 'pan';
    }
    event.preventDefault();
    frame.focus({ preventScroll: true });
  });

  frame.addEventListener('pointermove', (event) => {
    const last = pointers.get(event.pointerId);
    if (!last) return paint.hover(event);
    if (mode === 'paint') paint.move(event);
    else if (mode === 'pan') viewport.pan(event.clientX - last.clientX, event.clientY - last.clientY);
    else if (pointers.size === 2) pinch(viewport, pointers, event);
    pointers.set(event.pointerId, event);
  });

  const release = (event) => {
    if (!pointers.delete(event.pointerId)) return;
    if (mode === 'paint') event.type === 'pointercancel' ? paint.cancel() : paint.end(event);
    // A finger that stays after two fingers does not start to paint.
    mode = pointers.size ? 'pinch' : null;
  };
  frame.addEventListener('pointerup', release);
  frame.addEventListener('pointercancel', release);
  frame.addEventListener('pointerleave', () => paint.hover(null));
}

function pinch(viewport, pointers, moved) {
  const box = viewport.frame.getBoundingClientRect();
  const other = [...pointers.values()].find((pointer) => pointer.pointerId !== moved.pointerId);
  const last = pointers.get(moved.pointerId);
  const distance = (one) => Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY) || 1;
  const middle = (one) => [(one.clientX + other.clientX) / 2 - box.left, (one.clientY + other.clientY) / 2 - box.top];
  const [fromX, fromY] = middle(last);
  const [toX, toY] = middle(moved);
  viewport.pan(toX - fromX, toY - fromY);
  viewport.zoom(distance(moved) / distance(last), toX, toY);
}
