// A submitted edit: its request, its response, its job, and how the page finds it again after a reload.

import { coverage, maskFile } from './mask.js';
import { EditForm } from './form.js';
import { ResultView, answerFacts, element, imageBlob, rawText, resultBlobs } from './result.js';
import { cancelJob, followJob, newSubmissionId, planEdit, sendEdit } from './requests.js';
import { deleteSubmission, findLastSubmission, listResults, saveResult, saveSubmission } from './storage.js';
import { find, hideError, page, showError } from './state.js';
import { openPicture, painter, pictureButton, selectTab } from './pictures.js';

export const form = new EditForm(find);
export const result = new ResultView(find);

// Return the files of a request. A mask is sent when something is marked, or when the model needs one.
async function requestFiles() {
  const isMany = page.pictures.length > 1;
  const files = page.pictures.map(({ blob, name }) => [isMany ? 'image[]' : 'image', name || 'photo.png', blob]);
  if (page.mask?.operations.length && (await coverage(painter.renderer.context)) > 0)
    files.push(['mask', 'mask.png', await maskFile(page.mask, { isSoft: find('soft').checked })]);
  return files;
}

async function createSubmission() {
  return {
    id: newSubmissionId(),
    time: Date.now(),
    fields: form.fields(),
    files: await requestFiles(),
    headers: form.headers(),
    isJob: form.isJob,
  };
}

export async function submitEdit(event) {
  event.preventDefault();
  if (page.waiting) return; // a double click submits once
  page.waiting = new AbortController();
  setBusy(true);
  try {
    const submission = await createSubmission();
    await saveSubmission(submission);
    await completeSubmission(submission);
  } catch (error) {
    showError(error);
  } finally {
    page.waiting = null;
    setBusy(false);
  }
}

// Send the submission and show its result. The page deletes a submission only when the outcome is definite.
async function completeSubmission(submission) {
  const started = performance.now();
  hideError();
  const { signal } = page.waiting;
  try {
    const { response, answer } = await sendEdit(submission, page.key, { signal, onPreview: showPreview });
    if (answer.object === 'image.edit') showJob(submission, answer);
    else await showAnswer(submission, response, answer, performance.now() - started);
    await deleteSubmission(submission.id);
  } catch (error) {
    if (error.name === 'AbortError')
      throw Object.assign(new Error('You stopped waiting. The edit may still be billed; "Find my last edit" looks for it.'), { billed: 'unknown' });
    if (error.billed === 'no' && error.status) await deleteSubmission(submission.id);
    throw error;
  } finally {
    showPendingEdit();
  }
}

async function showAnswer(submission, response, answer, milliseconds) {
  const blobs = await resultBlobs(answer);
  const original = submission.files.find(([name]) => name.startsWith('image'))[2];
  const mask = submission.files.find(([name]) => name === 'mask')?.[2] ?? null;
  const size = await createImageBitmap(original);
  find('tab-result').disabled = false;
  selectTab('result');
  const prompt = submission.fields.find(([name]) => name === 'prompt')?.[1] ?? '';
  const model = submission.fields.find(([name]) => name === 'model')?.[1] ?? '';
  const shown = { original, mask, width: size.width, height: size.height };
  const urls = answer.data.map(({ url }) => url);
  await result.show(shown, blobs, urls, answerFacts(response, answer, milliseconds), rawText(response, answer));
  for (const blob of blobs) await saveResult({ blob, prompt, model, time: Date.now() });
  showHistory();
}

function showPreview(bytes) {
  find('tab-result').disabled = false;
  selectTab('result');
  find('verdict').textContent = 'A partial picture. The final one follows.';
  find('after').src = URL.createObjectURL(imageBlob(bytes));
}

export async function showPlan() {
  hideError();
  find('price').textContent = 'Asking for the plan…';
  try {
    const plan = await planEdit(await createSubmission(), page.key);
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

export function showButtons() {
  const isReady = Boolean(page.pictures.length && form.model);
  find('edit').disabled = !isReady || Boolean(page.waiting);
  find('plan').disabled = !isReady || Boolean(page.waiting);
}

export async function showPendingEdit() {
  const submission = await findLastSubmission().catch(() => null);
  find('pending').hidden = !submission || Boolean(page.waiting);
}

export async function findPendingEdit() {
  const submission = await findLastSubmission();
  if (!submission || page.waiting) return;
  page.waiting = new AbortController();
  setBusy(true);
  find('pending').hidden = true;
  try {
    const [, name, blob] = submission.files.find(([field]) => field.startsWith('image'));
    if (!page.pictures.length) await openPicture(blob, name);
    await completeSubmission(submission);
  } catch (error) {
    showError(error);
  } finally {
    page.waiting = null;
    setBusy(false);
    showPendingEdit();
  }
}

function showJob(submission, job) {
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
      if (ended.result) await showAnswer(submission, null, ended.result, performance.now() - started);
    })
    .catch(showError);
}

export async function showHistory() {
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
